"""Capacity against use over time. Imports matplotlib: import this inside functions only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pmat_nb.engine.pools.account import Point
from pmat_nb.errors import UnavailableError

from .canvas import Paint, Scale, paint_for, sheet
from .format import brief
from .palette import HUES, hue_of

__all__ = ["capacity_and_use"]


def capacity_and_use(history: Mapping[str, Sequence[Point]], theme: str | None) -> Figure:
    """A panel per pool that held something: use as an area, the budget as a step line.

    Raises:
        UnavailableError: no managed pool has held anything.
    """
    used = {name: points for name, points in history.items() if _peak(points)}
    if not used:
        raise UnavailableError(
            "no managed pool has held anything yet; @pmat.cache or pmat.pools['cache'].put fill one"
        )
    paint = paint_for(theme)
    figure, first = sheet(1.2 + 1.7 * len(used), paint, title="Budget against use")
    first.remove()
    panels: Any = figure.subplots(len(used), 1, squeeze=False)
    for axes, (name, points) in zip(panels[:, 0], used.items(), strict=True):
        _panel(axes, name, points, paint)
    panels[-1, 0].set_xlabel("time (s)", color=paint.ink)
    return figure


def _peak(points: Sequence[Point]) -> int:
    return max((point.used_bytes for point in points), default=0)


def _panel(axes: Axes, name: str, points: Sequence[Point], paint: Paint) -> None:
    capacities = [point.capacity_bytes for point in points]
    scale = Scale.of([_peak(points), *capacities])
    start = points[0].at_s
    at = [point.at_s - start for point in points]
    use = [scale(point.used_bytes) for point in points]
    axes.fill_between(at, use, step="post", color=hue_of(name), alpha=0.35, lw=0)
    axes.step(at, use, where="post", color=hue_of(name), lw=1.4, label="in use")
    if None not in capacities:
        budget = [scale(capacity or 0) for capacity in capacities]
        axes.step(at, budget, where="post", color=HUES["limit"], lw=1.4, ls="--", label="budget")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(f"{name} ({scale.unit})", color=paint.ink)
    axes.set_facecolor(paint.face)
    axes.tick_params(colors=paint.muted)
    axes.grid(axis="y", color=paint.rule, lw=0.6)
    title = f"in use {brief(points[-1].used_bytes)}, budget {brief(points[-1].capacity_bytes)}"
    axes.set_title(title, loc="right", fontsize=9, color=paint.muted)
