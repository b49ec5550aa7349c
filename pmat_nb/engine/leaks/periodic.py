"""Growth on every n-th iteration alone: a checkpoint, a batch that is written, a rotation.

Windows of a few iterations in many mostly miss it. Its steps show in the counters, which are
read after each plain iteration: two of them say when the next is to be expected, so that a
window can be open then.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from .records import SiteGrowth

__all__ = ["Period", "period_of", "with_period"]

# Bytes of a step below which it is none.
_LEAST_BYTES = 16 * 1024
# Like the largest step, and unlike what other iterations do: shares of it.
_LIKE, _UNLIKE = 0.5, 0.125
# Shorter ones have a step in each window.
_SHORTEST = 4


class Period(NamedTuple):
    """Steps ``length`` iterations apart; ``last`` is the number of one with a step."""

    length: int
    last: int

    def next_after(self, done: int) -> int:
        """The number of the first iteration after ``done`` that a step is expected in."""
        return self.last + self.length * max(1, (done - self.last) // self.length + 1)

    def is_due(self, iteration: int) -> bool:
        """Whether a step is expected in this one."""
        return (iteration - self.last) % self.length == 0

    def is_seen_by(self, window: SiteGrowth) -> bool:
        """Whether a window has an iteration with a step, and one before that."""
        inside = range(window.start + 1, window.start + window.iterations)
        return any(map(self.is_due, inside))


def period_of(points: Sequence[tuple[int, int]]) -> Period | None:
    """The period of a series of (iteration, bytes), None where it has none.

    At least two steps must be alike, each seen in an iteration of its own, and all of them
    multiples of one distance apart; between them little may happen, and nothing be given back.
    One that was expected and did not come says that there is none.
    """
    single = [(j, b - a) for (i, a), (j, b) in pairwise(points) if j == i + 1]
    most = max((step for _, step in single), default=0)
    if most < _LEAST_BYTES or any(-step > _UNLIKE * most for _, step in single):
        return None
    at = [iteration for iteration, step in single if step >= _LIKE * most]
    if any(_UNLIKE * most < step < _LIKE * most for _, step in single):
        return None
    apart = [after - before for before, after in pairwise(at)]
    length = min(apart, default=0)
    if length < _SHORTEST or any(distance % length for distance in apart):
        return None
    period = Period(length, at[-1])
    came = set(at)
    if any(i > at[0] and period.is_due(i) and i not in came for i, _ in single):
        return None
    return period


def with_period(
    windows: Sequence[SiteGrowth], period: Period | None
) -> tuple[SiteGrowth, ...] | None:
    """A site's windows that saw a step, the growth of each spread over the period.

    None where the site grew in a window that saw none, or in none that did: then it is not
    what grows with the period.
    """
    if period is None:
        return None
    seen = [window for window in windows if period.is_seen_by(window)]
    others = [window for window in windows if not period.is_seen_by(window)]
    if not any(w.bytes_per_iteration > 0 for w in seen):
        return None
    if any(w.bytes_per_iteration > 0 for w in others):
        return None
    return tuple(window._replace(iterations=period.length + 1) for window in seen)
