"""A robust slope with an interval, for memory that may or may not be growing.

Scope: plain numbers in, a :class:`Slope` out. Least squares would let one outlier
or one warm-up step decide; the median of all pairwise slopes does not.

Method: the estimate of Theil (1950) and Sen (1968); the interval is Sen's, from the
distribution of Kendall's S (with his correction for ties in time), at 95%. Memory
readings follow each other closely, which makes plain intervals too narrow, so the
variance of S is widened by (1 + r) / (1 - r), r being the lag-1 autocorrelation of
the residuals where positive (effective sample size as in Yue and Wang 2004). For
readings that wander without a trend (a random walk) this leaves about one false
trend in six, against one in two to three without it; for independent noise 1-2%. Rests
that are a twentieth of a point's rise, or less, leave no doubt of a trend and widen nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, isfinite, sqrt

__all__ = ["MIN_POINTS", "Slope", "robust_slope"]

# With five points the interval stays open, however regularly they rise.
MIN_POINTS = 6
_Z_95 = 1.959963984540054
_MAX_AUTOCORRELATION = 0.99
# Rests (root mean square) of this share of the rise from point to point follow the line.
_CLOSE = 0.05


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of y per unit of x; ``low`` and ``high`` bound it at 95%.

    ``low`` is -inf and ``high`` inf where the points cannot bound it.
    """

    value: float
    low: float
    high: float
    points: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly above, or wholly below, zero."""
        return self.low > 0 or self.high < 0


def robust_slope(points: Sequence[tuple[float, float]]) -> Slope | None:
    """The Theil-Sen slope of ``(x, y)`` points; None with fewer than two distinct x.

    Takes time and memory in proportion to the square of their number: thin out
    beyond a few hundred.
    """
    slopes = sorted(
        (y2 - y1) / (x2 - x1)
        for i, (x1, y1) in enumerate(points)
        for x2, y2 in points[i + 1 :]
        if x2 != x1
    )
    if not slopes:
        return None
    value = _median(slopes)
    spread = _Z_95 * sqrt(_kendall_variance(points) * _inflation(points, value))
    # The ranks are rounded outwards, so that the interval is never too narrow.
    below = floor((len(slopes) - spread) / 2)
    if below < 1 or len(points) < MIN_POINTS:
        return Slope(value, float("-inf"), float("inf"), len(points))
    return Slope(value, slopes[below - 1], slopes[-below], len(points))


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _kendall_variance(points: Sequence[tuple[float, float]]) -> float:
    """Variance of Kendall's S; points at the same x cannot be compared."""

    def term(n: int) -> int:
        return n * (n - 1) * (2 * n + 5)

    ties = Counter(x for x, _ in points).values()
    return (term(len(points)) - sum(term(n) for n in ties if n > 1)) / 18


def _inflation(points: Sequence[tuple[float, float]], slope: float) -> float:
    """By how much the variance grows because neighbours resemble each other."""
    ordered = sorted(points)
    rests = [y - slope * x for x, y in ordered]
    centre = _median(sorted(rests))
    rests = [rest - centre for rest in rests]
    total = sum(rest * rest for rest in rests)
    rise = abs(slope) * (ordered[-1][0] - ordered[0][0]) / (len(ordered) - 1)
    # Rests that are only rounding errors of a level tell nothing.
    rounding = 1e-9 * max(abs(y) for _, y in ordered)
    if not isfinite(total) or sqrt(total / len(rests)) <= max(rounding, _CLOSE * rise):
        return 1.0
    r = sum(a * b for a, b in pairwise(rests)) / total
    r = min(max(r, 0.0), _MAX_AUTOCORRELATION)
    return (1 + r) / (1 - r)
