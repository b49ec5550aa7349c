"""Growth that no traced site accounts for: C code's ``malloc`` and pools of libraries.

A site whose objects hold memory in such a pool gets its growth; what is left over is a row
of its own, of kind ``native``, without a line.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from .calibration import LIMITS, surest
from .evidence import FLOOR_BYTES
from .records import Growth, LeakRow, Verdict
from .series import growth_of, judge

if TYPE_CHECKING:
    from .tracker import Tracker

__all__ = ["judge_native", "plain_course", "with_native"]

_HEAP = "C heap"
# Allocators that tell no figure: what they take shows in the resident size.
_RESIDENT = ("polars",)
_GOING_ON = ("constant", "stepping")


def with_native(tracker: Tracker, judged: list[tuple[LeakRow, str]]) -> list[LeakRow]:
    """The rows, each with its library's counter, and one for what is nobody's.

    A row that stays below the floor is left out, unless its objects are of a library
    whose memory nothing counts.
    """
    rows = [row for row, _ in judged]
    # What a cache takes while it fills is in the heap too, though it is no leak.
    told = sum(row.bytes_per_iteration for row in rows if row.verdict != "noise")
    for name, series in _series(tracker, {library for _, library in judged}).items():
        growth = growth_of(series, floor=FLOOR_BYTES)
        # What Python's own blocks take of the C heap is traced.
        rest = told if name == _HEAP or name in _RESIDENT else 0.0
        unsure = FLOOR_BYTES + LIMITS["native_slack"] * rest
        if growth.kind not in _GOING_ON or growth.low - rest <= unsure:
            continue
        owner = _owner(judged, name)
        if owner is not None:
            rows[owner] = _grown(rows[owner], growth.per_iteration - rest)
        elif name not in _RESIDENT:
            rows.append(_row(tracker, name, growth, growth.per_iteration - rest))
    uncounted = {at for at, (_, library) in enumerate(judged) if library in _RESIDENT}
    return [
        row
        for at, row in enumerate(rows)
        if row.bytes_per_iteration > FLOOR_BYTES or at in uncounted
    ]


def _owner(judged: list[tuple[LeakRow, str]], name: str) -> int | None:
    """The row whose objects hold the memory: that of the most objects of the library."""
    found = [
        (row.retained_blocks, at)
        for at, (row, library) in enumerate(judged)
        if library == name and row.verdict in ("leak", "kept")
    ]
    if found:
        return max(found)[1]
    # Its wrappers cannot always be recognised: a site that grows by little else, then.
    small = [
        (row.confidence, at)
        for at, (row, _) in enumerate(judged)
        if row.verdict == "leak" and row.bytes_per_iteration <= FLOOR_BYTES
    ]
    return max(small)[1] if small else None


def _grown(row: LeakRow, rate: float) -> LeakRow:
    total = row.bytes_per_iteration + rate
    return row._replace(bytes_per_iteration=total, retained_bytes=round(total * row.iterations))


def _row(tracker: Tracker, name: str, growth: Growth, rate: float) -> LeakRow:
    verdict, sure = judge_native(growth, rate)
    return LeakRow(
        site=name if name == _HEAP else f"{name} pool",
        filename="",
        lineno=0,
        source="",
        function="",
        kind="native",
        verdict=verdict,
        confidence=round(sure, 3),
        bytes_per_iteration=rate,
        retained_bytes=round(rate * tracker.iterations),
        retained_blocks=0,
        iterations=tracker.iterations,
        retained_by=f"{name}, out of Python's sight",
        recommendation="find the line with --native (needs memray)",
    )


def judge_native(growth: Growth, rate: float) -> tuple[Verdict, float]:
    """The verdict on growth that only a counter saw, of ``rate`` bytes an iteration.

    Without a line nothing but its course speaks for it: what is little, comes in small steps
    or slows down is left undecided.
    """
    judged = judge(growth)
    least = "native_least_steps" if growth.kind == "stepping" else "native_least"
    slows = growth.late < LIMITS["decelerates"] * growth.early
    if judged.verdict != "leak" or rate < LIMITS[least] or slows:
        return "undecided", 0.5
    sure = min(judged.confidence, LIMITS["native_sure"], surest(growth.points))
    return ("leak", sure) if sure >= LIMITS["undecided"] else ("undecided", sure)


def _series(tracker: Tracker, libraries: set[str]) -> dict[str, list[tuple[int, int]]]:
    """By counter, its value after each plain iteration, warm-up left out."""
    found: dict[str, list[tuple[int, int]]] = {}
    for i, reading in tracker.readings:
        if i <= tracker.warmup:
            continue
        for name, value in reading.pools:
            found.setdefault(name, []).append((i, value))
        if reading.heap_bytes is not None:
            found.setdefault(_HEAP, []).append((i, reading.heap_bytes))
        for name in libraries.intersection(_RESIDENT):
            if reading.rss_bytes is not None:
                found.setdefault(name, []).append((i, reading.rss_bytes))
    if _HEAP in found:
        found[_HEAP] = plain_course(found[_HEAP])
    return found


def plain_course(series: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The series as plain iterations alone would have made it.

    A traced window leaves its findings in the heap, kilobytes where many lines allocate:
    what came about in one counts as so many plain iterations, by their median.
    """
    steps = sorted(b - a for (i, a), (j, b) in pairwise(series) if j == i + 1)
    if not steps:
        return series
    usual = steps[len(steps) // 2]
    course = series[:1]
    for (i, a), (j, b) in pairwise(series):
        course.append((j, course[-1][1] + (b - a if j == i + 1 else usual * (j - i))))
    return course
