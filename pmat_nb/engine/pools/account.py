"""The ledger entry of a managed pool: exact figures, and how they came about.

Every change of use goes through :meth:`Account.charge`, so the peak is exact and the
mean is weighted by time. The history keeps a point for every change of capacity and
otherwise at most one per ``gap_s``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Account", "Point"]

_POINTS = 2048


class Point(NamedTuple):
    """Capacity (None: unlimited) and use of a pool at a time of the clock."""

    at_s: float
    capacity_bytes: int | None
    used_bytes: int


class Account:
    """One pool's figures. Not thread-safe: the pool's lock is held by the caller.

    Attributes:
        used_bytes: what the pool holds now, as charged.
        peak_bytes: the most it has held since the start or the last reset; exact.
        capacity_bytes: the budget in force; None where there is no limit.
        allocations: how often something was put in.
        evictions: entries that went to make room, those that went to disk included.
    """

    __slots__ = (
        "_at",
        "_byte_seconds",
        "_clock",
        "_gap_s",
        "_opened",
        "allocations",
        "capacity_bytes",
        "evictions",
        "history",
        "peak_bytes",
        "used_bytes",
    )

    def __init__(
        self,
        capacity_bytes: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        gap_s: float = 0.1,
    ) -> None:
        self._clock = clock
        self._gap_s = gap_s
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self.history: deque[Point] = deque(maxlen=_POINTS)
        self.reset()

    def reset(self) -> None:
        """Begin the statistics anew; what is held stays charged."""
        self._opened = self._at = self._clock()
        self._byte_seconds = 0.0
        self.peak_bytes = self.used_bytes
        self.allocations = self.evictions = 0
        self.history.clear()
        self.history.append(Point(self._at, self.capacity_bytes, self.used_bytes))

    def charge(self, nbytes: int) -> None:
        """Add ``nbytes`` to what is in use; negative gives them back, never below zero."""
        now = self._clock()
        used = self.used_bytes
        self._byte_seconds += used * (now - self._at)
        self._at = now
        used = used + nbytes if used + nbytes > 0 else 0
        self.used_bytes = used
        if used > self.peak_bytes:
            self.peak_bytes = used
        history = self.history
        if history and now - history[-1][0] < self._gap_s and len(history) > 1:
            last = history[-1]
            if last[1] == self.capacity_bytes:
                # Within the gap the highest use counts: a peak must not vanish.
                if used >= last[2]:
                    history[-1] = Point(last[0], last[1], used)
                return
        history.append(Point(now, self.capacity_bytes, used))

    def set_capacity(self, capacity_bytes: int | None) -> None:
        """Put another budget in force."""
        if capacity_bytes != self.capacity_bytes:
            self.capacity_bytes = capacity_bytes
            self.history.append(Point(self._clock(), capacity_bytes, self.used_bytes))

    def mean_bytes(self) -> float:
        """The mean use since the start or the last reset, weighted by time."""
        now = self._clock()
        if now <= self._opened:
            return float(self.used_bytes)
        total = self._byte_seconds + self.used_bytes * (now - self._at)
        return total / (now - self._opened)

    def points(self) -> tuple[Point, ...]:
        """The history, up to this moment."""
        return (*self.history, Point(self._clock(), self.capacity_bytes, self.used_bytes))
