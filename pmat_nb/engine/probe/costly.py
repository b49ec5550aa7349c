"""Readings whose cost depends on the state of the heap, kept off hot paths."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Costly"]

T = TypeVar("T")

# A reading over its budget is repeated when it would cost at most 1% of the time.
_SHARE = 0.01


class Costly(Generic[T]):
    """A reading that remembers what it cost and what it said.

    ``last`` and ``last_read_at`` tell about the newest reading, None before it.
    """

    def __init__(self, read: Callable[[], T], clock: Callable[[], float] | None = None) -> None:
        self._read = read
        self._clock = clock or time.perf_counter
        # Not the wall's time: on a busy machine one late reading would pass for a costly one,
        # and old figures would be shown for half a minute.
        self._work = clock or time.thread_time
        self._cost_s = 0.0
        self.last: T | None = None
        self.last_read_at: float | None = None

    def due(self, budget_s: float | None) -> bool:
        """Whether reading now is expected to keep to the budget (None: no budget)."""
        if budget_s is None or self._cost_s <= budget_s or self.last_read_at is None:
            return True
        return self._clock() - self.last_read_at >= self._cost_s / _SHARE

    def now(self) -> T:
        """A fresh reading, whatever it costs."""
        started = self._work()
        self.last = self._read()
        self._cost_s = self._work() - started
        self.last_read_at = self._clock()
        return self.last

    def within(self, budget_s: float | None) -> T | None:
        """A fresh reading, or None where one would go over the budget."""
        return self.now() if self.due(budget_s) else None

    def recent(self, budget_s: float | None) -> T | None:
        """A fresh reading, or the newest one where a fresh one would cost too much."""
        return self.now() if self.due(budget_s) else self.last
