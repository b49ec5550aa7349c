"""One deadline for work of several parts, and whether any of them met it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

__all__ = ["Clock", "Deadline"]

T = TypeVar("T")
Clock = Callable[[], float]
# Values between two looks at the clock.
_FEW = 8


class Deadline:
    """Seconds from now; ``met`` once they are over, ``said`` from the first time on."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._started = clock()
        self._seconds = seconds
        self.said = False

    def met(self, share: float = 1.0) -> bool:
        """Whether that share of the time is over."""
        over = self._clock() - self._started > share * self._seconds
        self.said = self.said or over
        return over

    def bound(self, values: Iterable[T], share: float = 1.0) -> Iterator[T]:
        """The values for as long as there is time, asked at the first and every eighth."""
        for at, value in enumerate(values):
            if at % _FEW == 0 and self.met(share):
                return
            yield value
