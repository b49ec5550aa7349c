"""The picture of ``%pmat_pressure --history``; matplotlib is imported when it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pmat_nb.engine.pressure_records import PressureRecord, PressureSample

from .format import duration
from .palette import HUES, LEVEL_HUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["over_time"]

_UNITS = ((86400.0, "days", 172800.0), (3600.0, "h", 7200.0), (60.0, "min", 180.0), (1.0, "s", 0.0))


def over_time(record: PressureRecord, theme: str | None) -> Figure:
    """The fraction over time, the parts thin beside it, levels behind, responses as marks."""
    from . import canvas

    samples = record.samples
    span = samples[-1].at - samples[0].at
    factor, unit = next((factor, unit) for factor, unit, least in _UNITS if span >= least)
    paint = canvas.paint_for(theme)
    figure, axes = canvas.sheet(3.4, paint, title=f"Memory pressure over {duration(span)}")

    def x(at: float) -> float:
        return (at - samples[-1].at) / factor

    top = max(1.0, *(s.fraction for s in samples if s.fraction is not None)) * 1.05
    _levels(axes, record, top, paint.ink)
    for name, hue in (("container", HUES["other"]), ("kernel", HUES["analysis"])):
        points = [(x(s.at), value) for s in samples if (value := getattr(s, name)) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), color=hue, lw=1.8, label=name)
    _responses(axes, record, samples[0], x, paint.ink)
    axes.set_ylim(0, top)
    axes.set_xlabel(f"time ({unit}, 0 is now)")
    axes.set_ylabel("fraction of the limit")
    axes.legend(loc="upper left", frameon=False, fontsize=9, labelcolor=paint.ink)
    return figure


def _levels(axes: Axes, record: PressureRecord, top: float, ink: str) -> None:
    ends = [*(bound.enter for bound in record.bounds), top]
    for bound, end in zip(record.bounds, ends[1:], strict=True):
        axes.axhspan(bound.enter, end, color=LEVEL_HUES[bound.level], alpha=0.12, lw=0)
        axes.annotate(
            bound.level,
            (1, bound.enter),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=ink,
        )


def _responses(
    axes: Axes,
    record: PressureRecord,
    first: PressureSample,
    x: Callable[[float], float],
    ink: str,
) -> None:
    times = [x(run.at) for run in record.runs if run.at >= first.at and not run.simulated]
    if times:
        axes.scatter(times, [0.02] * len(times), marker="^", s=28, color=ink, label="response")
