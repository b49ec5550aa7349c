"""The growth of a tracked run, drawn. Imports matplotlib: import it inside functions only."""

from __future__ import annotations

from statistics import median

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pmat_nb.engine.leaks.report import LeakRecord
from pmat_nb.errors import UnavailableError

from .canvas import Scale, paint_for, sheet
from .format import brief
from .palette import HUES

__all__ = ["growth"]


def growth(record: LeakRecord, theme: str | None) -> Figure:
    """Bytes retained since the first reading, by iteration, with the fitted slope.

    Raises:
        UnavailableError: fewer than two iterations were read.
    """
    if len(record.series) < 2:
        raise UnavailableError("no growth to draw: fewer than two iterations were marked")
    first = record.series[0][1]
    runs = [at for at, _ in record.series]
    grown = [value - first for _, value in record.series]
    scale = Scale.of([max(map(abs, grown)) or 1])
    rate = record.total.per_iteration
    title = f"{brief(int(rate))} more after each run, {record.total.kind}"
    paint = paint_for(theme)
    figure, axes = sheet(3.0, paint, title=title)
    axes.plot(
        runs, [scale(value) for value in grown], ".", color=HUES["analysis"], label="measured"
    )
    # Through the middle of the points, as the slope is their median's: the first may be off.
    start = median(value - rate * (at - runs[0]) for at, value in zip(runs, grown, strict=True))
    fitted = [scale(start + rate * (at - runs[0])) for at in (runs[0], runs[-1])]
    axes.plot([runs[0], runs[-1]], fitted, "--", color=HUES["temp"], label="fitted")
    axes.set_xlabel("iteration")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel(f"retained ({scale.unit})")
    axes.legend(frameon=False, fontsize=9, labelcolor=paint.ink)
    return figure
