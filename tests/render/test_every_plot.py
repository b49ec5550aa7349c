"""``plot()`` of every report: it draws one picture with units, or says why there is none."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from support.kernel import Kernel

import pmat_nb.render
from pmat_nb.errors import UnavailableError
from pmat_nb.render.report import Report

from .pictured import DRAWN, EMPTY_ONES

UNITS = ("B", "kB", "MB", "GB", "TB")
# Reports of what only a session has: what shows one, and whether it has a picture.
BY_MAGIC = {
    "Configuration": ("%pmat_configure", False),
    "Pools": ("%pmat_pools", True),
    "PressureReport": ("%pmat_pressure", True),
    "ProfileReport": ("%pmat_profile", True),
    "LogReport": ("%pmat_stats --analyze-log run.ndjson", True),
}
IN_KERNEL = """
import sys
import matplotlib as mpl
from pmat_nb.errors import UnavailableError
before = dict(mpl.rcParams)
told = {}
for name, report in reports.items():
    try:
        png = [report.plot(theme=theme)._repr_png_() for theme in (None, "light", "dark")]
        told[name] = all(one.startswith(b"\\x89PNG") for one in png)
    except UnavailableError as problem:
        told[name] = str(problem)
told["rcParams"] = dict(mpl.rcParams) == before
pyplot = sys.modules.get("matplotlib.pyplot")
told["open"] = pyplot.get_fignums() if pyplot else []
"""


def ids(report: Report) -> str:
    return type(report).__name__


def classes(of: type[Report] = Report) -> Iterator[type[Report]]:
    for found in of.__subclasses__():
        yield found
        yield from classes(found)


def test_every_class_of_report_is_tested_here() -> None:
    for module in pkgutil.iter_modules(pmat_nb.render.__path__):
        importlib.import_module(f"pmat_nb.render.{module.name}")
    shown = {
        found.__name__
        for found in classes()
        if found.__module__.startswith("pmat_nb.") and not found.__name__.startswith("_")
    }
    assert shown == {ids(report) for report in DRAWN} | set(BY_MAGIC)


@pytest.mark.parametrize("report", DRAWN, ids=ids)
@pytest.mark.parametrize("theme", [None, "light", "dark"])
def test_a_picture_has_a_title_and_units(report: Report, theme: str | None) -> None:
    with mpl.rc_context({"font.size": 17, "axes.facecolor": "#123456", "figure.dpi": 73}):
        before = dict(mpl.rcParams)
        figure = report.plot(theme=theme)
        assert isinstance(figure, Figure)
        png = figure._repr_png_()
        assert dict(mpl.rcParams) == before
    assert png.startswith(b"\x89PNG")
    for axes in figure.get_axes():
        assert any(axes.get_title(loc) for loc in ("left", "center", "right"))
        labels = (axes.get_xlabel(), axes.get_ylabel())
        assert any(label.endswith(tuple(f"({unit})" for unit in UNITS)) for label in labels)
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


@pytest.mark.parametrize("report", EMPTY_ONES, ids=ids)
def test_where_nothing_can_be_drawn_it_says_why(report: Report) -> None:
    with pytest.raises(UnavailableError, match=r"no |nothing|neither"):
        report.plot()


def test_what_a_session_reports_is_drawn_too(kernel: Kernel) -> None:
    kernel.run("%load_ext pmat_nb\nimport pmat_nb\nreports = {}")
    kernel.run("%%pmat_profile\nx = bytearray(80 << 20)\ndel x")
    kernel.run("@pmat_nb.cache\ndef f(n):\n    return bytearray(n)\nf(1 << 20); f(2 << 20);")
    kernel.run(
        "with open('run.ndjson', 'w') as log:\n"
        "    for _ in range(3): log.write(pmat_nb.stats().to_json() + '\\n')"
    )
    for name, (magic, _) in BY_MAGIC.items():
        shown = kernel.run(magic)
        assert shown.ok, shown
        kernel.run(f"reports[{name!r}] = Out[max(Out)]")
        assert kernel.value(f"type(reports[{name!r}]).__name__") == name
    assert kernel.run(IN_KERNEL).ok
    told = kernel.value("told")
    assert told.pop("rcParams") and not told.pop("open")
    assert {name: one is True for name, one in told.items()} == {
        name: drawn for name, (_, drawn) in BY_MAGIC.items()
    }
    assert "no figures to draw" in told["Configuration"]
