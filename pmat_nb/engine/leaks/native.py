"""Growth that no traced site accounts for: C code's ``malloc`` and pools of libraries.

A site whose objects hold memory in such a pool gets its growth; what is left over is a row
of its own, of kind ``native``, without a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from .calibration import LIMITS, surest
from .evidence import FLOOR_BYTES
from .records import Growth, LeakRow, Reading, Verdict
from .series import growth_of, judge
from .watching import DEVICES, RESIDENT

if TYPE_CHECKING:
    from .tracker import Tracker

__all__ = ["UNCOUNTED", "judge_native", "judge_resident", "plain_course", "steps_of", "with_native"]

_HEAP = "C heap"
# A traced window mostly leaves less than this behind.
_FINDINGS_BYTES = 64 * 1024
_GOING_ON = ("constant", "stepping")
_SHOWN_BY_NONE = "resident memory that no other counter shows"
# Packages whose objects hold memory that only the resident size shows.
UNCOUNTED = frozenset({"polars", "mmap"})


def with_native(tracker: Tracker, judged: list[tuple[LeakRow, str]]) -> list[LeakRow]:
    """The rows, each with its library's counter, and one for what is nobody's.

    A row that stays below the floor is left out, unless its objects are of a library
    whose memory nothing counts.
    """
    rows = [row for row, _ in judged]
    # What a cache takes while it fills is in the heap too, though it is no leak.
    told = sum(row.bytes_per_iteration for row in rows if row.verdict != "noise")
    libraries = {library for _, library in judged}
    for name, series, is_exact in _series(tracker, libraries):
        growth = growth_of(series, floor=FLOOR_BYTES)
        # What Python's own blocks take of the C heap is traced.
        rest = told if name == _HEAP or not is_exact else 0.0
        unsure = FLOOR_BYTES + LIMITS["native_slack"] * rest
        if growth.kind not in _GOING_ON or growth.low - rest <= unsure:
            continue
        rate = growth.per_iteration - rest
        owner = _owner(judged, name)
        if owner is not None:
            rows[owner] = _grown(rows[owner], rate)
        elif name == RESIDENT:
            rows += _resident_row(tracker, growth) if is_exact else []
        else:
            verdict, sure = judge_native(growth, rate, steps_of(series))
            rows.append(_row(tracker, name, verdict, sure, rate))
    uncounted = {at for at, (_, library) in enumerate(judged) if library == RESIDENT}
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
    if found or name == RESIDENT:
        return max(found)[1] if found else None
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


def _resident_row(tracker: Tracker, growth: Growth) -> list[LeakRow]:
    sure = judge_resident(growth)
    rate = growth.per_iteration
    if sure is None:
        return []
    # It may be memory of an array that is first written to, or what the user keeps by design.
    return [_row(tracker, RESIDENT, "undecided", 0.5, rate)]


def _row(tracker: Tracker, name: str, verdict: Verdict, sure: float, rate: float) -> LeakRow:
    is_pool = name not in (_HEAP, RESIDENT)
    return LeakRow(
        site=f"{name} pool" if is_pool else name,
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
        retained_by=_SHOWN_BY_NONE if name == RESIDENT else f"{name}, out of Python's sight",
        recommendation="find the line with --native (needs memray)",
    )


def judge_native(growth: Growth, rate: float, steps: int | None = None) -> tuple[Verdict, float]:
    """The verdict on growth that only a counter saw, of ``rate`` bytes an iteration.

    Without a line nothing but its course speaks for it: what is little, comes in small steps
    or slows down is left undecided. Of growth in steps their number is what was seen.
    """
    judged = judge(growth)
    stepping = growth.kind == "stepping"
    if judged.verdict != "leak" or _slows(growth):
        return "undecided", 0.5
    if rate < LIMITS["native_least_steps" if stepping else "native_least"]:
        return "undecided", 0.5
    seen = steps if stepping and steps is not None else growth.points
    sure = min(judged.confidence, LIMITS["native_sure"], surest(seen))
    return ("leak", sure) if sure >= LIMITS["undecided"] else ("undecided", sure)


def judge_resident(growth: Growth) -> float | None:
    """How sure it is that memory grows which only the resident size shows; None: nothing said.

    Allocators keep pages that they were given, and give them back when they like: only what
    goes on at one pace and by much is worth a word.
    """
    judged = judge(growth)
    if growth.kind != "constant" or judged.verdict != "leak" or _slows(growth):
        return None
    if growth.low < max(LIMITS["resident_least"], 0.5 * growth.per_iteration):
        return None
    sure = min(judged.confidence, LIMITS["resident_sure"], surest(growth.points))
    return sure if sure >= LIMITS["undecided"] else None


def _slows(growth: Growth) -> bool:
    return growth.late < LIMITS["decelerates"] * growth.early


def _series(
    tracker: Tracker, libraries: set[str]
) -> Iterator[tuple[str, list[tuple[int, int]], bool]]:
    """By counter, its value after each plain iteration, warm-up left out.

    The last is false for a counter that has what Python allocates as well.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    readings = [(i, reading) for i, reading in tracker.readings if i > tracker.warmup]
    for i, reading in readings:
        for name, value in reading.pools:
            found.setdefault(name, []).append((i, value))
        if reading.heap_bytes is not None:
            found.setdefault(_HEAP, []).append((i, reading.heap_bytes))
    for name, series in found.items():
        yield name, plain_course(series) if name == _HEAP else series, True
    if all(_is_complete(reading) for _, reading in readings):
        yield RESIDENT, _uncounted(readings), True
    elif RESIDENT in libraries:
        sizes = [(i, reading.rss_bytes) for i, reading in readings]
        yield RESIDENT, [(i, size) for i, size in sizes if size is not None], False


def _is_complete(reading: Reading) -> bool:
    """Whether what is resident and in no counter can be told."""
    return None not in (reading.anonymous_bytes, reading.heap_bytes, reading.small_bytes)


def _uncounted(readings: list[tuple[int, Reading]]) -> list[tuple[int, int]]:
    """What is resident and in no other counter, if that and the resident size itself grow.

    What another counter gives back may stay resident, and what it took may become resident
    only when it is first written to: neither is new.
    """
    resident, rest = [], []
    for i, reading in readings:
        size = reading.anonymous_bytes or 0
        pools = sum(value for name, value in reading.pools if name not in DEVICES)
        resident.append((i, size))
        rest.append((i, size - (reading.retained_bytes or 0) - pools))
    grows = growth_of(plain_course(resident), floor=FLOOR_BYTES)
    if not rest or grows.kind not in _GOING_ON or grows.low <= FLOOR_BYTES:
        return []
    course = plain_course(rest)
    return course if rest[-1][1] >= course[-1][1] - course[0][1] else []


def steps_of(series: Sequence[tuple[int, int]]) -> int:
    """How often it rose by what counts."""
    rises = [b - a for (_, a), (_, b) in pairwise(series)]
    return sum(rise > 0.1 * max(rises) for rise in rises) if rises and max(rises) > 0 else 0


def plain_course(series: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The series as plain iterations alone would have made it.

    A traced window leaves its findings in the heap, kilobytes where many lines allocate:
    what came about in one counts as so many plain iterations, by their median. What is as much
    as plain iterations add now and then, the same each time, is no finding.
    """
    steps = sorted(b - a for (i, a), (j, b) in pairwise(series) if j == i + 1)
    if not steps:
        return series
    usual = steps[len(steps) // 2]
    # Each of them is like the largest, and there are two at least.
    same = [step for step in steps if step > usual and _is_like(step, steps[-1])]
    course = series[:1]
    for (i, a), (j, b) in pairwise(series):
        beyond = b - a - usual * (j - i)
        is_plain = j == i + 1 or (len(same) > 1 and _is_like(beyond, steps[-1]))
        course.append((j, course[-1][1] + (b - a if is_plain else usual * (j - i))))
    return course


def _is_like(step: int, other: int) -> bool:
    return step > _FINDINGS_BYTES and abs(step - other) <= 0.25 * other
