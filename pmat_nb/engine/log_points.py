"""A log's readings for drawing: few enough to plot, no peak lost.

Scope: one pass over a log of any length in constant memory. Where there are too many
readings, of each two neighbours the higher one stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .log_lines import LogLines, whole_bytes

__all__ = ["LogPoint", "read_points"]


class LogPoint(NamedTuple):
    """One reading: seconds since the epoch, RSS, and the pressure level, if known."""

    at: float
    rss_bytes: int | None
    level: str | None


def read_points(path: str | Path, most: int = 1024) -> tuple[LogPoint, ...]:
    """At most ``most`` readings of the NDJSON log at ``path``, in order of the file.

    Raises StateFileError where the file cannot be read or is no log.
    """
    kept: list[LogPoint] = []
    # How many lines one kept reading stands for, and those waiting to become one.
    each, waiting = 1, []
    for line in LogLines(path):
        level = line.figures.get("pressure_level")
        rss_bytes = whole_bytes(line.figures.get("rss_bytes"))
        waiting.append(LogPoint(line.at, rss_bytes, level if isinstance(level, str) else None))
        if len(waiting) == each:
            kept.append(_highest(waiting))
            waiting = []
        if len(kept) == most:
            kept = [_highest(kept[at : at + 2]) for at in range(0, most, 2)]
            each *= 2
    return (*kept, *([_highest(waiting)] if waiting else []))


def _highest(points: list[LogPoint]) -> LogPoint:
    return max(points, key=lambda point: point.rss_bytes or 0)
