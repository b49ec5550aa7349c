"""Address ranges, each byte belonging to the first who claimed it."""

from __future__ import annotations

from bisect import bisect_right, insort

__all__ = ["Ranges"]


class Ranges:
    """Disjoint ranges of one address space, numbered in the order of their making."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._number_at: dict[int, int] = {}
        self.items: list[tuple[int, int, int]] = []  # start, end, owner

    def claim(self, address: int, nbytes: int, owner: int) -> tuple[list[int], int]:
        """Numbers of all ranges under the block, and how many of its bytes are new.

        Bytes that nobody had claimed become ranges of ``owner``.
        """
        touched: list[int] = []
        new_bytes = 0
        position, end = address, address + nbytes
        while position < end:
            at = bisect_right(self._starts, position) - 1
            number = self._number_at[self._starts[at]] if at >= 0 else -1
            if number >= 0 and self.items[number][1] > position:
                position = self.items[number][1]
            else:
                stop = self._starts[at + 1] if at + 1 < len(self._starts) else end
                number = self._add(position, min(stop, end), owner)
                new_bytes += min(stop, end) - position
                position = min(stop, end)
            touched.append(number)
        return touched, new_bytes

    def _add(self, start: int, end: int, owner: int) -> int:
        number = len(self.items)
        insort(self._starts, start)
        self._number_at[start] = number
        self.items.append((start, end, owner))
        return number

    def nbytes(self, number: int) -> int:
        """Length of a range."""
        start, end, _ = self.items[number]
        return end - start
