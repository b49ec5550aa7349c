"""Rows of bars: one measure, or two that are compared. Imports matplotlib: not at the top.

Where an estimate, or a bound, stands beside what was measured, its bar is hollow and the
measured one filled: they are told apart without colour, and every bar has its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pmat_nb.errors import UnavailableError

from .canvas import Paint, Scale, paint_for, sheet, tell
from .format import brief
from .palette import HUES
from .texts import clean, cut

__all__ = ["Row", "compared"]

_MOST_ROWS = 12
_LABEL_LENGTH = 40
_HEIGHT = 0.36


class Row(NamedTuple):
    """A label and its bytes; None is unknown and has no bar."""

    label: str
    measured_bytes: int | None
    expected_bytes: int | None = None

    @property
    def largest(self) -> int:
        """For the order of rows."""
        return max(abs(self.measured_bytes or 0), abs(self.expected_bytes or 0))


def compared(
    rows: Iterable[Row],
    *,
    title: str,
    theme: str | None,
    measured: str = "measured",
    expected: str = "estimated",
    axis: str = "memory",
    nothing: str,
) -> Figure:
    """A row of bars for each of the largest rows: ``expected`` hollow, ``measured`` filled.

    Raises:
        UnavailableError: no row has a known figure; ``nothing`` says why.
    """
    known = [
        row for row in rows if row.measured_bytes is not None or row.expected_bytes is not None
    ]
    if not known:
        raise UnavailableError(nothing)
    shown = sorted(known, key=lambda row: -row.largest)[:_MOST_ROWS]
    series = {
        expected: [row.expected_bytes for row in shown],
        measured: [row.measured_bytes for row in shown],
    }
    series = {name: values for name, values in series.items() if _are_known(values)}
    # Rows that have either are each one bar in the middle of its row.
    paired = any(None not in (row.measured_bytes, row.expected_bytes) for row in shown)
    paint = paint_for(theme)
    scale = Scale.of(row.largest for row in shown)
    rest = f" ({len(shown)} largest of {len(known)})" if len(shown) < len(known) else ""
    height = 1.2 + (0.46 if paired else 0.3) * len(shown)
    figure, axes = sheet(height, paint, title=f"{title}{rest}")
    for order, (name, values) in enumerate(series.items()):
        place = (order - 0.5) * (_HEIGHT + 0.04) if paired else 0.0
        at = [
            (row + place, value) for row, value in enumerate(values) if paired or value is not None
        ]
        _bars(axes, at, scale, paint, name, hollow=name == expected)
    _finish(axes, shown, scale, paint, axis)
    if len(series) > 1 or expected in series:
        axes.legend(
            frameon=False,
            fontsize=9,
            labelcolor=paint.ink,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            borderaxespad=0.2,
            handlelength=1.4,
        )
        axes.set_title(axes.get_title(loc="left"), loc="left", fontsize=11, fontweight="bold",
                       color=paint.ink, pad=26)  # fmt: skip
    return figure


def _are_known(values: Sequence[int | None]) -> bool:
    return any(value is not None for value in values)


def _bars(
    axes: Axes,
    bars: Sequence[tuple[float, int | None]],
    scale: Scale,
    paint: Paint,
    name: str,
    *,
    hollow: bool,
) -> None:
    at = [place for place, _ in bars]
    widths = [scale(value or 0) for _, value in bars]
    fill = paint.face if hollow else HUES["analysis"]
    edge = paint.muted if hollow else HUES["analysis"]
    axes.barh(at, widths, height=_HEIGHT, color=fill, edgecolor=edge, lw=1.2, label=name)
    for (y, value), width in zip(bars, widths, strict=True):
        tell(axes, brief(value), (max(width, 0.0), y), paint)


def _finish(axes: Axes, rows: Sequence[Row], scale: Scale, paint: Paint, axis: str) -> None:
    labels = [cut(clean(row.label), _LABEL_LENGTH).replace("$", r"\$") for row in rows]
    axes.set_yticks(range(len(rows)), labels, color=paint.ink)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"{axis} ({scale.unit})")
    axes.grid(axis="x", color=paint.rule, lw=0.6)
    if any((row.measured_bytes or 0) < 0 for row in rows):
        axes.axvline(0, color=paint.muted, lw=0.8)
    axes.margins(x=0.14)
