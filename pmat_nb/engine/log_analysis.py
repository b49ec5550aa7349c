"""Summing up a log: peaks, time per pressure level, trend, the costliest cells.

Scope: one pass over a log of any length in constant memory. The level of a line
holds until the next line; pauses longer than an hour are nobody's and only counted.
The trend is that of at most 256 readings evenly thinned out, by the method in
``history/slope.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pmat_nb.units import MIB

from .history.slope import MIN_POINTS, robust_slope
from .log_lines import LogLine, LogLines, whole_bytes
from .records import Level

__all__ = ["CellCost", "LogAnalysis", "LogTrend", "Peak", "analyze_log"]

_LEVELS: tuple[str, ...] = get_args(Level)
_MAX_GAP_S = 3600.0
_MAX_SAMPLES = 256
_FLAT_BYTES = MIB
_HOUR_S = 3600.0


class Peak(NamedTuple):
    """The largest reading, and when it was taken (seconds since the epoch)."""

    size_bytes: int
    at: float


class CellCost(NamedTuple):
    """A cell as the log tells it; ``at`` is the time of its first line in the log."""

    label: str
    first_line: str
    at: float
    execution_count: int | None
    duration_s: float | None
    growth_bytes: int | None
    peak_bytes: int | None
    peak_kind: str | None
    failed: bool | None


class LogTrend(NamedTuple):
    """RSS per hour, with its interval at 95%, from ``samples`` readings.

    Where ``trend`` is false ``reason`` says why; the figures are given as far as known.
    """

    trend: bool
    reason: str
    slope_bytes_per_hour: float | None
    low: float | None
    high: float | None
    samples: int


@dataclass(frozen=True, slots=True)
class LogAnalysis:
    """What a log says.

    ``lines`` were used, ``skipped`` could not be (``problems`` names the first 20).
    ``level_s`` has the seconds spent at each pressure level; ``gap_s`` is the part of
    ``duration_s`` in pauses of over an hour, counted to no level. ``worst_growth`` and
    ``worst_peak`` are the cells that grew and reached most; ``limit_stops`` counts
    cells stopped at their limit, None where no line tells.
    """

    path: str
    lines: int
    skipped: int
    problems: tuple[str, ...]
    started_at: float
    ended_at: float
    duration_s: float
    gap_s: float
    rss_peak: Peak | None
    tree_peak: Peak | None
    level_s: Mapping[str, float]
    trend: LogTrend
    cells: int
    worst_growth: CellCost | None
    worst_peak: CellCost | None
    limit_bytes: int | None
    limit_source: str | None
    limit_stops: int | None


def analyze_log(path: str | Path) -> LogAnalysis:
    """Sum up the NDJSON log at ``path``.

    Lines that cannot be used are skipped and reported. Raises StateFileError where
    the file cannot be read, is empty, or is no log at all.
    """
    lines = LogLines(path)
    tally = _Tally(lines)
    for line in lines:
        tally.add(line)
    return tally.result()


class _Tally:
    """What has been seen so far."""

    def __init__(self, lines: LogLines) -> None:
        self._lines = lines
        self._first_at = float("inf")
        self._last_at = float("-inf")
        self._previous: tuple[float, str | None] | None = None
        self._backwards = False
        self._gap_s = 0.0
        self._level_s = dict.fromkeys(_LEVELS, 0.0)
        self._rss = _Highest()
        self._tree = _Highest()
        self._samples = _Thinned(_MAX_SAMPLES)
        self._cells = _Cells()
        self._limit: tuple[int | None, str | None] = (None, None)

    def add(self, line: LogLine) -> None:
        figures = line.figures
        self._pass_time(line)
        rss_bytes = whole_bytes(figures.get("rss_bytes"))
        self._rss.add(rss_bytes, line.at)
        self._tree.add(whole_bytes(figures.get("tree_bytes")), line.at)
        if rss_bytes is not None:
            self._samples.add((line.at, rss_bytes))
        limit_bytes = whole_bytes(figures.get("limit_bytes"))
        if limit_bytes is not None:
            self._limit = (limit_bytes, _text(figures.get("limit_source")))
        cell = figures.get("cell")
        if isinstance(cell, dict):
            self._cells.add(cell, line.at)

    def _pass_time(self, line: LogLine) -> None:
        if self._previous is not None:
            since, level = self._previous
            passed_s = line.at - since
            if passed_s < 0 and not self._backwards:
                self._backwards = True
                self._lines.note(f"line {line.number} is older than the line before it; used")
            elif passed_s > _MAX_GAP_S:
                self._gap_s += passed_s
            elif level is not None and passed_s > 0:
                self._level_s[level] += passed_s
        level = line.figures.get("pressure_level")
        known = isinstance(level, str) and level in self._level_s
        self._previous = (line.at, level if known else None)
        self._first_at = min(self._first_at, line.at)
        self._last_at = max(self._last_at, line.at)

    def result(self) -> LogAnalysis:
        lines, cells = self._lines, self._cells
        return LogAnalysis(
            path=str(lines.path),
            lines=lines.used,
            skipped=lines.skipped,
            problems=tuple(lines.problems),
            started_at=self._first_at,
            ended_at=self._last_at,
            duration_s=self._last_at - self._first_at,
            gap_s=self._gap_s,
            rss_peak=self._rss.peak,
            tree_peak=self._tree.peak,
            level_s=self._level_s,
            trend=_trend(self._samples.points),
            cells=cells.count,
            worst_growth=cells.worst_growth,
            worst_peak=cells.worst_peak,
            limit_bytes=self._limit[0],
            limit_source=self._limit[1],
            limit_stops=cells.stops,
        )


class _Highest:
    """The first of the largest readings."""

    def __init__(self) -> None:
        self.peak: Peak | None = None

    def add(self, size_bytes: int | None, at: float) -> None:
        if size_bytes is not None and (self.peak is None or size_bytes > self.peak.size_bytes):
            self.peak = Peak(size_bytes, at)


class _Thinned:
    """At most ``limit`` of the readings, evenly spaced, the same for the same log."""

    def __init__(self, limit: int) -> None:
        self.points: list[tuple[float, float]] = []
        self._limit = limit
        self._step = 1
        self._seen = 0

    def add(self, point: tuple[float, float]) -> None:
        if self._seen % self._step == 0:
            if len(self.points) == self._limit:
                del self.points[1::2]
                self._step *= 2
            self.points.append(point)
        self._seen += 1


class _Cells:
    """The cells of the log. Lines between two cells repeat the last one; it counts once."""

    def __init__(self) -> None:
        self.count = 0
        self.stops: int | None = None
        self.worst_growth: CellCost | None = None
        self.worst_peak: CellCost | None = None
        self._growth = _Highest()
        self._peak = _Highest()
        self._last: dict[str, Any] | None = None

    def add(self, cell: dict[str, Any], at: float) -> None:
        if cell == self._last:
            return
        self._last = cell
        self.count += 1
        growth_bytes = whole_bytes(cell.get("growth_bytes"))
        peak_bytes = whole_bytes(cell.get("peak_bytes"))
        before = (self._growth.peak, self._peak.peak)
        self._growth.add(growth_bytes, at)
        self._peak.add(peak_bytes, at)
        if self._growth.peak is not before[0]:
            self.worst_growth = _cost(cell, at)
        if self._peak.peak is not before[1]:
            self.worst_peak = _cost(cell, at)
        if "stopped" in cell or "error" in cell:
            stopped = cell.get("stopped") is True or cell.get("error") == "MemoryLimitExceeded"
            self.stops = (self.stops or 0) + stopped


def _cost(cell: Mapping[str, Any], at: float) -> CellCost:
    duration = cell.get("duration_s")
    is_number = isinstance(duration, (int, float)) and not isinstance(duration, bool)
    failed = cell.get("failed")
    return CellCost(
        label=_text(cell.get("label")) or "a cell",
        first_line=_text(cell.get("first_line")) or "",
        at=at,
        execution_count=whole_bytes(cell.get("execution_count")),
        duration_s=float(duration) if is_number and duration is not None else None,
        growth_bytes=whole_bytes(cell.get("growth_bytes")),
        peak_bytes=whole_bytes(cell.get("peak_bytes")),
        peak_kind=_text(cell.get("peak_kind")),
        failed=failed if isinstance(failed, bool) else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _trend(points: list[tuple[float, float]]) -> LogTrend:
    # From the first reading on: differences of epoch seconds would lose precision.
    start = points[0][0] if points else 0.0
    slope = robust_slope([((at - start) / _HOUR_S, held) for at, held in points])
    if slope is None or len(points) < MIN_POINTS:
        reason = f"too few readings: {len(points)}, and at least {MIN_POINTS} are needed"
        return LogTrend(False, reason, None, None, None, len(points))
    hours = (max(at for at, _ in points) - min(at for at, _ in points)) / _HOUR_S
    bounded = slope.low > float("-inf")
    reason = ""
    if abs(slope.value) * hours < _FLAT_BYTES:
        reason = f"flat: less than {_FLAT_BYTES / MIB:g} MB from start to end"
    elif not slope.excludes_zero:
        reason = "the readings differ too much to tell growth from chance"
    return LogTrend(
        trend=not reason,
        reason=reason,
        slope_bytes_per_hour=slope.value,
        low=slope.low if bounded else None,
        high=slope.high if bounded else None,
        samples=len(points),
    )
