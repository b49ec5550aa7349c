"""The sheet that pictures are drawn on: theme, axes in a unit of memory, PNG.

Imports matplotlib: import this module inside functions only. Figures are made
without pyplot: no global state changes, no figure stays open, and each shows itself
once, as PNG. ``theme`` None keeps the user's own matplotlib style.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pmat_nb.errors import UsageError

from .format import unit_of

__all__ = ["Paint", "ReportFigure", "Scale", "paint_for", "png", "sheet", "tell"]


@dataclass(frozen=True, slots=True)
class Paint:
    """The neutral colours of a picture; the hues of its parts are always the same."""

    face: str
    ink: str
    muted: str
    rule: str


_PAINTS = {
    "light": Paint("#ffffff", "#1f2328", "#59636e", "#d9dee3"),
    "dark": Paint("#16191d", "#e6e9ed", "#9aa4af", "#363c44"),
}


@dataclass(frozen=True, slots=True)
class Scale:
    """Bytes on an axis: divided by ``factor``, in ``unit``."""

    unit: str
    factor: int

    @classmethod
    def of(cls, values: Iterable[int | float | None]) -> Scale:
        """The scale in which the largest of ``values`` reads best."""
        unit = unit_of(max((abs(value) for value in values if value is not None), default=0))
        return cls(unit, 1024 ** ("B", "kB", "MB", "GB", "TB", "PB", "EB").index(unit))

    def __call__(self, value: int | float) -> float:
        """``value`` bytes in the axis' unit."""
        return value / self.factor


class ReportFigure(Figure):
    """A figure that a notebook shows by itself, with no backend set up."""

    def _repr_png_(self) -> bytes:
        return png(self)


def paint_for(theme: str | None) -> Paint:
    """The paint of a theme, or of the user's matplotlib style for None."""
    if theme is None:
        face, ink = (to_hex(mpl.rcParams[key]) for key in ("figure.facecolor", "text.color"))
        dark = sum(int(face[at : at + 2], 16) for at in (1, 3, 5)) < 384
        base = _PAINTS["dark" if dark else "light"]
        return Paint(face, ink, base.muted, base.rule)
    if theme not in _PAINTS:
        raise UsageError(f"theme: {theme!r} is not light or dark; for example theme='dark'")
    return _PAINTS[theme]


def sheet(height: float, paint: Paint, *, title: str = "") -> tuple[ReportFigure, Axes]:
    """A figure of a notebook's width with one plain pair of axes."""
    figure = ReportFigure(figsize=(8.0, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.set_facecolor(paint.face)
    axes = figure.add_subplot()
    axes.set_facecolor(paint.face)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(paint.rule)
    axes.tick_params(colors=paint.muted, labelsize=9, length=0)
    axes.xaxis.label.set_color(paint.muted)
    axes.yaxis.label.set_color(paint.muted)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_axisbelow(True)
    if title:
        axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=paint.ink, pad=10)
    return figure, axes


def tell(axes: Axes, text: str, at: tuple[float, float], paint: Paint) -> None:
    """Write a bar's value behind its end."""
    axes.annotate(
        text,
        at,
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=paint.muted,
    )


def png(figure: Figure) -> bytes:
    """The figure as PNG; its own background, nothing cut off."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", facecolor=figure.get_facecolor(), dpi=figure.dpi)
    return buffer.getvalue()
