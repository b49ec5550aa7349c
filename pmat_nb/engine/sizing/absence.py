"""What of the sizes is claimed but not in memory: untouched, mapped or swapped pages.

Only buffers are looked at; objects are taken to be in memory. What the holders of a
buffer are is known to ``shared``: so what is absent can be told of retained bytes and
of shared ones apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from .regions import Region, RegionWalk
from .shared import SharedWalk

__all__ = ["Absence", "Resident"]

Resident = Callable[[Sequence[tuple[int, int]]], int | None]

# Below this, nobody asks to whom the absent part of a region's buffers belongs.
_WORTH_DIVIDING = 1 << 20
# Smaller blocks come from the heap, whose pages others have touched.
_SMALLEST_BUFFER = 1 << 16


class Absence:
    """Bytes that are not in memory, per region; ``known`` is false where none can tell."""

    def __init__(self, walk: RegionWalk, shared: SharedWalk, resident: Resident | None) -> None:
        self._walk = walk
        self._resident = resident
        ranges: dict[int, list[int]] = defaultdict(list)
        for number, (_, _, owner) in enumerate(walk.spaces[0].items):
            ranges[owner].append(number)
        found = {owner: self._absent(numbers) for owner, numbers in ranges.items()}
        self.known = resident is not None and None not in found.values()
        self._by_region = {o: nbytes for o, nbytes in found.items() if nbytes} if self.known else {}
        large = {n for n, nbytes in self._by_region.items() if nbytes >= _WORTH_DIVIDING}
        self._entered = self._shared = [0] * len(walk.regions)
        if large:
            by_buffer = dict(self._by_buffer(shared, large))
            self._entered, self._shared = shared.absences(self._by_region, by_buffer)

    def of_region(self, region: Region) -> int:
        """Of all that the region was charged."""
        return self._by_region.get(region.number, 0)

    def retained(self, region: Region, *, done: bool) -> int:
        """Of what only the region's root holds; all of it where the walk ended early."""
        return self.of_region(region) - (self._entered[region.number] if done else 0)

    def shared(self, region: Region) -> int:
        """Of what the region's root reaches and others hold too."""
        return self._shared[region.number]

    def _by_buffer(self, shared: SharedWalk, large: set[int]) -> Iterator[tuple[int, int]]:
        for number, owner in shared.buffers():
            if owner in large and self._walk.spaces[0].nbytes(number) >= _SMALLEST_BUFFER:
                yield number, self._absent([number]) or 0

    def _absent(self, numbers: Sequence[int]) -> int | None:
        if self._resident is None:
            return None
        items = self._walk.spaces[0].items
        blocks = [(items[n][0], items[n][1] - items[n][0]) for n in numbers]
        resident = self._resident(blocks)
        return None if resident is None else max(0, sum(size for _, size in blocks) - resident)
