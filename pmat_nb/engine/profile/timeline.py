"""Samples over time in memory that does not grow, whatever the run's length.

The sampler's own objects would be traced with the user's: everything lies in arrays made
before tracing starts. When they are full, neighbours are joined two by two, and from then
on each entry stands for twice as many samples; of those joined the highest stays.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

__all__ = ["Timeline"]

_UNKNOWN = -1


class Timeline:
    """At most ``size`` entries of (seconds, RSS bytes, traced bytes, line's number)."""

    def __init__(self, size: int = 4096) -> None:
        if size < 2 or size % 2:
            raise ValueError(f"size: {size} is not an even number of 2 or more")
        self._size = size
        self._at = array("d", bytes(8 * size))
        self._rss, self._traced, self._line = (array("q", bytes(8 * size)) for _ in range(3))
        self._used = 0
        # Samples that one entry stands for, and those in the last entry so far.
        self._stride = 1
        self._in_last = 0

    def __len__(self) -> int:
        return self._used

    def add(self, at_s: float, rss: int | None, traced: int | None, line: int) -> None:
        """One more sample, later than all before; ``line`` is a number of the caller's."""
        values = (_UNKNOWN if rss is None else rss, _UNKNOWN if traced is None else traced)
        if 0 < self._in_last < self._stride:
            self._in_last += 1
            last = self._used - 1
            if values > (self._rss[last], self._traced[last]):
                self._set(last, at_s, *values, line)
            return
        if self._used == self._size:
            self._join()
        self._set(self._used, at_s, *values, line)
        self._used += 1
        self._in_last = 1

    def __iter__(self) -> Iterator[tuple[float, int | None, int | None, int]]:
        for i in range(self._used):
            rss, traced = self._rss[i], self._traced[i]
            yield (
                self._at[i],
                None if rss == _UNKNOWN else rss,
                None if traced == _UNKNOWN else traced,
                self._line[i],
            )

    def _join(self) -> None:
        for i in range(self._size // 2):
            a, b = 2 * i, 2 * i + 1
            higher = (self._rss[b], self._traced[b]) > (self._rss[a], self._traced[a])
            one = b if higher else a
            self._set(i, self._at[one], self._rss[one], self._traced[one], self._line[one])
        self._used = self._size // 2
        self._stride *= 2

    def _set(self, i: int, at_s: float, rss: int, traced: int, line: int) -> None:
        self._at[i], self._rss[i], self._traced[i], self._line[i] = at_s, rss, traced, line
