"""When to trace: a few windows, growing apart, within what tracing may cost.

Scope: numbers of iterations and seconds; it starts nothing. Tracing makes object-heavy
code ten times slower and numeric code hardly at all, so what it costs is measured in the
first window and bounds how many follow.
"""

from __future__ import annotations

__all__ = ["Schedule"]

# Of the plain time of all iterations, what tracing may add: 3 times in all, less what
# collecting and reading take.
_MAY_ADD = 1.6
# In all: less than anyone notices, however short the iterations are.
_FREE_S = 0.3
_FIRST_GAP = 3
_SHORT, _LONG = 2, 4
# Taken for the slowdown until one was measured.
_ASSUMED = 12.0
_HARDLY_SLOWER = 4.0
# Windows that say as much as windows can, and those where a step is expected.
_ENOUGH = 4
_AIMED = 3


class Schedule:
    """Decides before each iteration whether a window opens, and how long it is.

    ``repeat`` is how many iterations there will be, None where nobody knows: then what
    tracing may cost is measured by those so far.
    """

    def __init__(self, warmup: int, repeat: int | None) -> None:
        self._repeat = repeat
        self._next = warmup + 1
        self._gap = _FIRST_GAP
        self._plain: list[float] = []
        self._traced: list[float] = []
        self.windows = 0
        # Whether the last window was for a step that was expected.
        self.was_aimed = False
        self._aimed = 0

    def plain(self, duration_s: float) -> None:
        """An iteration without tracing took this long."""
        self._plain.append(duration_s)

    def traced(self, duration_s: float) -> None:
        """An iteration with tracing."""
        self._traced.append(duration_s)

    @property
    def plain_s(self) -> float | None:
        """The plain time of one iteration, the median; None before the first."""
        return _median(self._plain[-50:]) if self._plain else None

    @property
    def slowdown(self) -> float:
        """How many times slower an iteration is while it is traced."""
        plain = self.plain_s
        if not self._traced or not plain:
            return _ASSUMED
        return max(1.0, _median(self._traced[-8:]) / plain)

    @property
    def is_cheap(self) -> bool:
        """Whether a window costs so little that its tracebacks may be longer."""
        window_s = _LONG * self.slowdown * (self.plain_s or 0.0)
        return self.slowdown < _HARDLY_SLOWER or window_s <= _FREE_S

    def length(self, done: int, expected: int | None = None) -> int:
        """Iterations of the window to open now, after ``done``; 0 for none.

        In the iteration ``expected`` something may grow that seldom does.
        """
        if expected is not None and self._aimed < _AIMED:
            if expected == done + 2:
                return _SHORT if self._affordable(done, _SHORT) else 0
            if expected <= done + _LONG + 2:
                return 0  # another window would be in the way
        if done + 1 < self._next or self.windows >= _ENOUGH:
            return 0
        for size in range(_LONG if self.slowdown < 2 else 3, _SHORT - 1, -1):
            if self._affordable(done, size):
                return size
        return 0

    def opened(self, done: int, size: int, expected: int | None = None) -> None:
        """A window of ``size`` opens: the next comes after a gap twice as long."""
        self.was_aimed = expected == done + 2
        if self.was_aimed:
            self._aimed += 1
            return
        self.windows += 1
        self._next = done + size + self._gap + 1
        self._gap *= 2

    def again(self) -> None:
        """The last window did not count: the next comes soon."""
        if self.was_aimed:
            self._aimed -= 1
            return
        self.windows -= 1
        self._next -= self._gap // 2 - 1
        self._gap //= 2

    def soon(self) -> None:
        """Something new was seen: one more window, without the whole gap."""
        self.windows -= 1
        self._gap = max(_FIRST_GAP, self._gap // 4)
        self._next = min(self._next, len(self._plain) + len(self._traced) + self._gap + 1)

    def _affordable(self, done: int, size: int) -> bool:
        if self._repeat is not None and done + size > self._repeat:
            return False
        if self.windows == 0:
            return True
        total = self._repeat if self._repeat is not None else done + size
        added = (len(self._traced) + size) * (self.slowdown - 1)
        return added * (self.plain_s or 0.0) <= _FREE_S or added <= _MAY_ADD * total


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
