"""How a figure that is read once per iteration goes on growing, or stops.

Scope: pure functions of (iteration, value) points. Size alone says nothing: imports and
caches grow by megabytes and stop, a leak of two kilobytes goes on. So what is judged is
the course: the rate in doubling batches (a leak keeps its rate from batch to batch, a
cache that fills loses it), single steps (lists and dicts that are resized), returns to
what was before (saw-tooth), and whether all of it exceeds the jitter.

Method: Theil-Sen slopes with Sen's interval (``engine.history.slope``) over all points
and over each half; jitter is the median absolute second difference, which a constant
rate does not enter. The bounds are in ``calibration``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, isfinite

from pmat_nb.engine.history.slope import Slope, robust_slope

from .calibration import LIMITS, SERIES, confidence
from .records import Growth, GrowthKind, Judgement, Verdict

__all__ = ["Point", "growth_of", "judge", "more_iterations"]

Point = tuple[int, float]
# Pairs of points grow with the square of their number.
_MOST_POINTS = 100


def growth_of(points: Sequence[Point], *, floor: float = 0.0) -> Growth:
    """The course of a series in order of its iterations.

    ``floor`` is the rate per iteration that does not count, in the unit of the values.
    Fewer than ``LIMITS['fewest']`` points are ``unknown``.
    """
    points = _thinned(points)
    slope = robust_slope(points) or Slope(0.0, float("-inf"), float("inf"), len(points))
    half = len(points) // 2
    early, late = _rate(points[: half + 1]), _rate(points[half:])
    jitter = _jitter(points)
    settled = None
    kind: GrowthKind = "unknown"
    if len(points) >= LIMITS["fewest"]:
        settled = _settled_at(points, jitter, floor)
        kind = _kind(points, slope, early, late, jitter, settled, floor)
    return Growth(
        kind,
        slope.value,
        slope.low,
        slope.high,
        early,
        late,
        jitter,
        len(points),
        settled if kind == "bounded" else None,
        max((v for _, v in points), default=0.0) - min((v for _, v in points), default=0.0),
    )


def judge(growth: Growth) -> Judgement:
    """What a series alone tells; a leak by its course has at most the confidence of that."""
    verdicts: dict[str, Verdict] = {
        "constant": "leak",
        "stepping": "leak",
        "bounded": "warm-up",
        "saw-tooth": "bounded",
        "none": "noise",
    }
    verdict = verdicts.get(growth.kind, "undecided")
    if verdict == "undecided":
        more = more_iterations(growth)
        reason = "not enough runs to tell" if growth.kind == "unknown" else "it grows ever less"
        return Judgement("undecided", 0.5, more, reason)
    return Judgement(verdict, confidence(SERIES[growth.kind], _strength(growth)), None, growth.kind)


def more_iterations(growth: Growth) -> int:
    """How many more iterations are likely to make the slope's interval narrow enough.

    The interval of a slope narrows with the power 1.5 of the number of points.
    """
    points = max(growth.points, 1)
    needed = 2 * max(points, int(LIMITS["fewest"]))
    width = (growth.high - growth.low) / 2
    if isfinite(width) and growth.per_iteration > 0:
        ratio = max(1.0, 2 * width / growth.per_iteration)
        needed = ceil(points * ratio ** (2 / 3)) + 2
    return max(2, min(needed - points, 10 * points))


def _strength(growth: Growth) -> float:
    """Points beyond the fewest that can tell, as a logarithm: twice as many tell more."""
    from math import log2

    return log2(max(growth.points, 1) / LIMITS["fewest"])


# -- the course ------------------------------------------------------------------------


def _kind(
    points: Sequence[Point],
    slope: Slope,
    early: float,
    late: float,
    jitter: float,
    settled: int | None,
    floor: float,
) -> GrowthKind:
    rise = points[-1][1] - points[0][1]
    span = points[-1][0] - points[0][0]
    top = max(value for _, value in points) - min(value for _, value in points)
    if top <= floor * span:
        return "none"
    if _returns(points, jitter, floor):
        return "saw-tooth"
    if settled is not None:
        return "bounded" if rise > LIMITS["over_jitter"] * jitter else "none"
    if slope.low <= floor and not _is_stepping(points):
        return "none" if slope.value * span <= LIMITS["over_jitter"] * jitter else "unknown"
    if _is_stepping(points):
        return "stepping" if rise > 0 else "none"
    if slope.value <= floor:
        return "none"
    return "decelerating" if late < LIMITS["decelerates"] * early else "constant"


def _settled_at(points: Sequence[Point], jitter: float, floor: float) -> int | None:
    """The iteration since which nothing was added, if that is most of the series.

    A dict doubles: after a step at 40 the next may come at 80, so what counts as settled
    is a flat stretch longer than all that came before it.
    """
    last = points[-1][1]
    tolerance = LIMITS["over_jitter"] * jitter + floor
    at = len(points) - 1
    while at > 0 and abs(points[at - 1][1] - last) <= tolerance:
        at -= 1
    began = points[0][0]
    before, flat = points[at][0] - began, points[-1][0] - points[at][0]
    if at == 0 or flat < LIMITS["settled"] * max(1, before):
        return None
    # A slow rise within the jitter is not flat.
    tail = robust_slope(points[at:])
    if tail is not None and tail.low > floor:
        return None
    return points[at][0]


def _returns(points: Sequence[Point], jitter: float, floor: float) -> bool:
    """Whether it falls back near to where it was, more than once or by nearly all."""
    values = [value for _, value in points]
    least = max(LIMITS["over_jitter"] * jitter, floor)
    low, high = values[0], values[0]
    falls = 0
    bottoms = []
    for before, after in pairwise(values):
        high = max(high, before)
        if before - after > least and before - after > LIMITS["falls"] * (high - low):
            falls += 1
            bottoms.append(after)
            high = after
        low = min(low, after)
    if not falls:
        return False
    rising = falls > 2 and all(b > a + least for a, b in pairwise(bottoms))
    return not rising


def _is_stepping(points: Sequence[Point]) -> bool:
    """Whether most of the rise comes in a few jumps between flat stretches."""
    steps = [after[1] - before[1] for before, after in pairwise(points)]
    mean = (points[-1][1] - points[0][1]) / max(1, len(steps))
    flat = sum(abs(step) <= 0.1 * mean for step in steps)
    return mean > 0 and flat >= LIMITS["flat_steps"] * len(steps)


def _rate(points: Sequence[Point]) -> float:
    slope = robust_slope(points)
    return 0.0 if slope is None else slope.value


def _jitter(points: Sequence[Point]) -> float:
    """Median absolute second difference over √6: what is no smooth course."""
    values = [value for _, value in points]
    second = sorted(
        abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False)
    )
    return second[len(second) // 2] / 6**0.5 if second else 0.0


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """At most ``_MOST_POINTS``, evenly, first and last included."""
    number = len(points)
    if number <= _MOST_POINTS:
        return points
    last = _MOST_POINTS - 1
    return [points[at * (number - 1) // last] for at in range(_MOST_POINTS)]
