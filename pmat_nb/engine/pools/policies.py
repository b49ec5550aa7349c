"""Which entry goes first: six policies under one protocol.

A policy orders keys; it holds no values and counts no budget. Keys that may not go
(pinned ones) are simply not given to it. All operations take constant time, except
that ``ttl`` needs the logarithm of the number of entries.
"""

from __future__ import annotations

import heapq
import random
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Literal, Protocol

from .arc import Adaptive

__all__ = ["NAMES", "Name", "Policy", "make"]

Name = Literal["lru", "lfu", "fifo", "ttl", "random", "adaptive"]
NAMES: tuple[Name, ...] = ("lru", "lfu", "fifo", "ttl", "random", "adaptive")
_NEVER = float("inf")


class Policy(Protocol):
    """The order in which keys go. Asking for a victim does not remove it."""

    name: Name

    def add(self, key: Hashable, nbytes: int, expires_at: float | None) -> None:
        """A key that was not there comes in."""

    def hit(self, key: Hashable) -> None:
        """A key that is there was asked for."""

    def remove(self, key: Hashable, *, evicted: bool = False) -> None:
        """A key leaves; harmless if it is not there. ``evicted``: to make room."""

    def victim(self) -> Hashable:
        """The key that goes next; KeyError when there is none."""

    def __len__(self) -> int:
        """How many keys it orders."""


class Fifo:
    """First in, first out."""

    name: Name = "fifo"

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, None] = OrderedDict()

    def add(self, key: Hashable, nbytes: int, expires_at: float | None) -> None:
        self._keys[key] = None

    def hit(self, key: Hashable) -> None:
        pass

    def remove(self, key: Hashable, *, evicted: bool = False) -> None:
        self._keys.pop(key, None)

    def victim(self) -> Hashable:
        for key in self._keys:
            return key
        raise KeyError("no entry may go")

    def __len__(self) -> int:
        return len(self._keys)


class Lru(Fifo):
    """Least recently used."""

    name: Name = "lru"

    def __init__(self) -> None:
        super().__init__()
        # The hit is what must be fast: no method of ours in between.
        self.hit = self._keys.move_to_end  # type: ignore[method-assign] # see above


class Lfu:
    """Least frequently used; among equals the least recently used.

    Source: a list of keys per frequency, as in Shah, Mitra and Matani, "An O(1)
    algorithm for implementing the LFU cache eviction scheme", 2010.
    """

    name: Name = "lfu"

    def __init__(self) -> None:
        self._uses: dict[Hashable, int] = {}
        self._levels: dict[int, OrderedDict[Hashable, None]] = {}
        self._least = 0

    def add(self, key: Hashable, nbytes: int, expires_at: float | None) -> None:
        self._put(key, 1)
        self._least = 1

    def hit(self, key: Hashable) -> None:
        uses = self._uses[key]
        self._take(key, uses)
        self._put(key, uses + 1)
        if self._least == uses and uses not in self._levels:
            self._least = uses + 1

    def remove(self, key: Hashable, *, evicted: bool = False) -> None:
        uses = self._uses.pop(key, None)
        if uses is not None:
            self._take(key, uses)
            if self._least == uses and uses not in self._levels:
                self._least = min(self._levels, default=0)

    def victim(self) -> Hashable:
        if not self._uses:
            raise KeyError("no entry may go")
        return next(iter(self._levels[self._least]))

    def __len__(self) -> int:
        return len(self._uses)

    def _put(self, key: Hashable, uses: int) -> None:
        self._uses[key] = uses
        self._levels.setdefault(uses, OrderedDict())[key] = None

    def _take(self, key: Hashable, uses: int) -> None:
        level = self._levels[uses]
        del level[key]
        if not level:
            del self._levels[uses]


class Ttl:
    """What expires soonest; entries that never expire go last, the oldest first."""

    name: Name = "ttl"

    def __init__(self) -> None:
        self._order: dict[Hashable, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Hashable]] = []
        self._count = 0

    def add(self, key: Hashable, nbytes: int, expires_at: float | None) -> None:
        self._count += 1
        rank = (_NEVER if expires_at is None else expires_at, self._count)
        self._order[key] = rank
        heapq.heappush(self._heap, (*rank, key))

    def hit(self, key: Hashable) -> None:
        pass

    def remove(self, key: Hashable, *, evicted: bool = False) -> None:
        self._order.pop(key, None)
        if len(self._heap) > 2 * len(self._order) + 64:
            self._heap = [(*rank, known) for known, rank in self._order.items()]
            heapq.heapify(self._heap)

    def victim(self) -> Hashable:
        while self._heap:
            expires_at, number, key = self._heap[0]
            if self._order.get(key) == (expires_at, number):
                return key
            heapq.heappop(self._heap)
        raise KeyError("no entry may go")

    def __len__(self) -> int:
        return len(self._order)


class Random:
    """Any entry, by chance; the same one until it has gone."""

    name: Name = "random"

    def __init__(self, chance: random.Random | None = None) -> None:
        # Not the module's own generator: a user's seed must give the user's numbers.
        self._chance = chance or random.Random()
        self._keys: list[Hashable] = []
        self._places: dict[Hashable, int] = {}
        self._chosen: Hashable | None = None

    def add(self, key: Hashable, nbytes: int, expires_at: float | None) -> None:
        self._places[key] = len(self._keys)
        self._keys.append(key)

    def hit(self, key: Hashable) -> None:
        pass

    def remove(self, key: Hashable, *, evicted: bool = False) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            last = self._keys.pop()
            if place < len(self._keys):
                self._keys[place] = last
                self._places[last] = place

    def victim(self) -> Hashable:
        if not self._keys:
            raise KeyError("no entry may go")
        if self._chosen is None or self._chosen not in self._places:
            self._chosen = self._chance.choice(self._keys)
        return self._chosen

    def __len__(self) -> int:
        return len(self._keys)


_MAKERS: dict[str, Callable[[], Policy]] = {
    "lru": Lru,
    "lfu": Lfu,
    "fifo": Fifo,
    "ttl": Ttl,
    "random": Random,
    "adaptive": Adaptive,
}


def make(name: Name) -> Policy:
    """A new, empty policy; KeyError for a name that is none of `NAMES`."""
    return _MAKERS[name]()
