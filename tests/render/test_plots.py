"""Plots: units on the axes, nothing global touched, shown once."""

from __future__ import annotations

import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from pmat_nb.errors import UsageError
from pmat_nb.render.stats import Stats
from pmat_nb.render.status import Status
from pmat_nb.render.variables import Variables
from pmat_nb.render.why import Why

from .examples import DETAILED, EMPTY, HOLDERS, STATS, VARIABLES, gb, variable

REPORTS = [
    Stats(STATS),
    Stats(DETAILED),
    Stats(EMPTY),
    Status(STATS),
    *(Stats(STATS).by(what) for what in ("pool", "variable", "cell", "type")),
    Stats(EMPTY).by("type"),
    Variables(VARIABLES),
    Variables([]),
    Variables([variable("$a^b$ 日本", gb(1))]),
    Why("trades", HOLDERS),
    Why("x", []),
]


def ids(report):
    return type(report).__name__


@pytest.mark.parametrize("report", REPORTS, ids=ids)
@pytest.mark.parametrize("theme", [None, "light", "dark"])
@pytest.mark.filterwarnings("ignore:Glyph .* missing")
def test_every_report_has_a_picture(report, theme):
    figure = report.plot(theme=theme)
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    (axes,) = figure.get_axes()
    assert axes.get_xlabel().endswith(("B)", "kB)", "MB)", "GB)"))


def test_no_global_state_changes():
    with mpl.rc_context():
        # Odd values, so that setting anything to a usual one shows.
        mpl.rcParams.update({"font.size": 17, "axes.facecolor": "#123456", "figure.dpi": 73})
        before = dict(mpl.rcParams)
        for report in REPORTS[:3]:
            report.plot()._repr_png_()
        assert dict(mpl.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_pyplot_is_not_imported():
    code = (
        "import sys\n"
        "from tests.render.examples import STATS\n"
        "from pmat_nb.render.stats import Stats\n"
        "Stats(STATS)._repr_html_(); repr(Stats(STATS))\n"
        "assert not {'matplotlib', 'pandas', 'numpy'} & set(sys.modules)\n"
        "Stats(STATS).plot()._repr_png_()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    from pathlib import Path

    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=120)


def test_the_parts_fill_the_bar_up_to_the_rss():
    (axes,) = Stats(STATS).plot().get_axes()
    ends = [patch.get_x() + patch.get_width() for patch in axes.patches]
    assert max(ends) == pytest.approx(6.21, abs=0.01)
    assert axes.get_xlabel() == "resident memory (GB)"


def test_a_far_limit_does_not_press_the_bar_into_a_corner():
    small = STATS._replace(rss_bytes=gb(0.5))
    (axes,) = Stats(small).plot().get_axes()
    assert axes.get_xlim()[1] < 1024


def test_the_users_style_is_kept_and_themes_are_ours():
    with mpl.rc_context({"figure.facecolor": "#101010", "text.color": "#fafafa"}):
        figure = Stats(STATS).plot()
    assert figure.get_facecolor()[:3] == pytest.approx((16 / 255,) * 3)
    assert Stats(STATS).plot(theme="light").get_facecolor()[:3] == (1, 1, 1)


def test_an_unknown_theme_is_refused():
    with pytest.raises(UsageError, match="theme: 'sepia' is not light or dark"):
        Stats(STATS).plot(theme="sepia")
