"""In how many more runs a cell reaches the limit, or why there is no trend.

Scope: re-runs of one cell in one session, told apart by the hash of its code. What
counts is the memory held after each run, not what each run added: a cell whose
result is deleted before the next run adds much each time and yet does not grow.
Statistics are in ``slope.py``; nothing is formatted except the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from pmat_nb.units import MIB

from .slope import MIN_POINTS, Slope, robust_slope

__all__ = ["Forecast", "Run", "forecast_cells", "forecast_runs", "forecast_series"]

_MAX_RUNS = 200
_FLAT_BYTES = MIB
# Growth between the runs is not this cell's: at least half must happen in them.
_OWN_SHARE = 0.5


class Run(Protocol):
    """One run of a cell: ``CellRow`` of the history, or ``CellRecord`` of this kernel."""

    @property
    def label(self) -> str:
        """How IPython calls it: ``In[12]``."""

    @property
    def code_hash(self) -> str:
        """The same for each run of the same code."""

    @property
    def rss_after_bytes(self) -> int | None:
        """What the kernel held after it."""

    @property
    def growth_bytes(self) -> int | None:
        """RSS after it less RSS before it."""

    @property
    def peak_bytes(self) -> int | None:
        """The most the kernel held while it ran."""

    @property
    def failed(self) -> bool:
        """Whether it ended with an exception."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What re-running a cell leads to.

    ``slope_bytes_per_run`` lies between ``low`` and ``high`` with 95% confidence, and
    likewise the run that reaches the limit, ``runs_to_limit`` more runs from now
    (``runs_to_limit_high`` is None where it may never happen). Where ``trend`` is
    false, ``reason`` says why and ``runs_to_limit`` is None; slope and interval are
    given as far as known. ``runs`` counts the runs that were used.
    """

    label: str
    runs: int
    slope_bytes_per_run: float | None
    low: float | None
    high: float | None
    runs_to_limit: int | None
    runs_to_limit_low: int | None
    runs_to_limit_high: int | None
    trend: bool
    reason: str
    level_bytes: int | None = None
    limit_bytes: int | None = None


def forecast_series(
    label: str,
    points: Sequence[tuple[int, int]],
    limit_bytes: int | None,
    *,
    headroom_bytes: int = 0,
    flat_bytes: int = _FLAT_BYTES,
) -> Forecast:
    """Forecast from ``(run number, bytes held after it)`` pairs, in order of the runs.

    ``headroom_bytes`` is what a run needs on top while it lasts. A rise of less than
    ``flat_bytes`` over all the runs is called flat, however regular. Only the last
    200 points are used.
    """
    points = points[-_MAX_RUNS:]
    slope = robust_slope(points)
    level_bytes = points[-1][1] if points else None
    if slope is None or len(points) < MIN_POINTS:
        reason = f"too few runs: {len(points)}, and at least {MIN_POINTS} are needed"
        return _no_trend(label, len(points), slope, reason, level_bytes, limit_bytes)
    rise = slope.value * (points[-1][0] - points[0][0])
    if abs(rise) < flat_bytes:
        reason = f"flat: less than {flat_bytes / MIB:g} MB in {len(points)} runs"
        return _no_trend(label, len(points), slope, reason, level_bytes, limit_bytes)
    if slope.high < 0:
        return _no_trend(label, len(points), slope, "it shrinks", level_bytes, limit_bytes)
    if not slope.excludes_zero:
        reason = "the runs differ too much to tell growth from chance"
        return _no_trend(label, len(points), slope, reason, level_bytes, limit_bytes)
    room = None if limit_bytes is None else limit_bytes - points[-1][1] - headroom_bytes
    return Forecast(
        label=label,
        runs=len(points),
        slope_bytes_per_run=slope.value,
        low=slope.low,
        high=slope.high,
        runs_to_limit=_runs(room, slope.value),
        runs_to_limit_low=_runs(room, slope.high),
        runs_to_limit_high=_runs(room, slope.low),
        trend=True,
        reason="" if limit_bytes is not None else "no limit is known",
        level_bytes=level_bytes,
        limit_bytes=limit_bytes,
    )


def forecast_runs(
    runs: Sequence[Run], limit_bytes: int | None, *, flat_bytes: int = _FLAT_BYTES
) -> Forecast:
    """Forecast from the runs of one cell in one session, oldest first.

    Failed runs, and runs without a reading, are left out. What a run needs above
    what it leaves (the median of peak less RSS after it) is kept free below the limit.
    """
    label = runs[-1].label if runs else ""
    used = [run for run in runs if not run.failed and run.rss_after_bytes is not None]
    points = [(number, run.rss_after_bytes or 0) for number, run in enumerate(used, 1)]
    found = forecast_series(
        label, points, limit_bytes, headroom_bytes=_headroom(used), flat_bytes=flat_bytes
    )
    if not found.trend or found.slope_bytes_per_run is None:
        return found
    grown = [run.growth_bytes for run in used[-found.runs :][1:] if run.growth_bytes is not None]
    if grown and sum(grown) / len(grown) < _OWN_SHARE * found.slope_bytes_per_run:
        slope = Slope(found.slope_bytes_per_run, found.low or 0, found.high or 0, found.runs)
        reason = "the kernel grows between its runs, not in them"
        return _no_trend(label, found.runs, slope, reason, found.level_bytes, limit_bytes)
    return found


def forecast_cells(
    runs: Iterable[Run], limit_bytes: int | None, *, flat_bytes: int = _FLAT_BYTES
) -> tuple[Forecast, ...]:
    """A forecast for each cell that ran at least twice, soonest at the limit first.

    Rows of several sessions are kept apart; each cell's last session counts, because
    a new kernel starts from nothing.
    """
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        session = getattr(run, "session_id", "")
        groups.setdefault((session, run.code_hash), []).append(run)
    latest = {code_hash: group for (_, code_hash), group in groups.items()}
    found = [
        forecast_runs(group, limit_bytes, flat_bytes=flat_bytes)
        for group in latest.values()
        if len(group) > 1
    ]
    return tuple(sorted(found, key=_urgency))


def _urgency(found: Forecast) -> tuple[bool, float, float]:
    soonest = found.runs_to_limit if found.runs_to_limit is not None else float("inf")
    return (not found.trend, soonest, -(found.slope_bytes_per_run or 0.0))


def _headroom(runs: Sequence[Run]) -> int:
    known = sorted(
        max(0, run.peak_bytes - run.rss_after_bytes)
        for run in runs[-_MAX_RUNS:]
        if run.peak_bytes is not None and run.rss_after_bytes is not None
    )
    return known[len(known) // 2] if known else 0


def _runs(room_bytes: int | None, bytes_per_run: float) -> int | None:
    """The number of the coming run that uses the room up; 0 when none is left."""
    if room_bytes is None or bytes_per_run <= 0:
        return None
    return max(0, ceil(room_bytes / bytes_per_run))


def _no_trend(
    label: str,
    runs: int,
    slope: Slope | None,
    reason: str,
    level_bytes: int | None,
    limit_bytes: int | None,
) -> Forecast:
    bounded = slope is not None and slope.low > float("-inf")
    return Forecast(
        label=label,
        runs=runs,
        slope_bytes_per_run=slope.value if slope else None,
        low=slope.low if slope and bounded else None,
        high=slope.high if slope and bounded else None,
        runs_to_limit=None,
        runs_to_limit_low=None,
        runs_to_limit_high=None,
        trend=False,
        reason=reason,
        level_bytes=level_bytes,
        limit_bytes=limit_bytes,
    )
