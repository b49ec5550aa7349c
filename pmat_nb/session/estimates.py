"""How large probably is what a time budget left half sized.

Two ways, best first: what the same object was when it was last sized to the end, if
it is still as long; or a sample of its entries, scaled up. Of a sample two parts are
sized one after the other: what the second adds is each entry's own, what the first
has beyond that is common to all of them and counted once.

Never part of a measured figure: an estimate stands beside the lower bound. Containers
of libraries' types, and what lies deeper than two levels, get no estimate.
"""

from __future__ import annotations

import random
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from pmat_nb.engine.safe import instance_dict
from pmat_nb.engine.sizing import Root, RootSize, size_roots
from pmat_nb.engine.stats_records import PoolItem, PoolRecord

__all__ = ["Estimate", "Estimates", "Weight", "charged", "sampled", "within"]

# What is smaller is sized to the end within any budget.
_WORTH_BYTES = 4 << 20
_KEPT = 256
_FEW = 512
_DEPTH = 2
_SAMPLES = (400, 40, 8)
# A dictionary or set is read in its order: of a longer one only its beginning.
_READ = 1_000_000
_SEQUENCES = (list, tuple)
_CONTAINERS = (list, tuple, dict, set, frozenset, deque)


class Weight(NamedTuple):
    """Bytes of objects, and what the allocator adds by rounding them up."""

    nbytes: int
    padding_bytes: int

    @property
    def used_bytes(self) -> int:
        """Both together: what it counts for in its pool."""
        return self.nbytes + self.padding_bytes


class Estimate(NamedTuple):
    """``age_s`` is since it was sized to the end; None: scaled up from a sample."""

    weight: Weight
    age_s: float | None


class _Known(NamedTuple):
    signature: tuple[int, int, int]
    weight: Weight
    at: float


class Estimates:
    """Remembers sizes by id, holding no object; ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[int, _Known] = {}

    def learn(self, value: object, size: RootSize) -> None:
        """Note what an object is that was sized to the end."""
        weight = charged(size)
        if weight.nbytes >= _WORTH_BYTES:
            self._known.pop(id(value), None)
            self._known[id(value)] = _Known(_signature(value, size), weight, self._clock())
            if len(self._known) > _KEPT:
                del self._known[next(iter(self._known))]

    def of(
        self, value: object, size: RootSize, sample: Callable[[object], Weight | None]
    ) -> Estimate | None:
        """What an object probably is that was not sized to the end; None if unknown."""
        known, least = self._known.get(id(value)), charged(size).nbytes
        if known is not None and known.signature == _signature(value, size):
            if known.weight.nbytes >= least:
                return Estimate(known.weight, self._clock() - known.at)
            del self._known[id(value)]
        weight = sample(value)
        return None if weight is None or weight.nbytes < least else Estimate(weight, None)


def charged(size: RootSize) -> Weight:
    """What a sizing charged to a root and is in memory."""
    return Weight(size.charged_bytes - size.absent_bytes, size.padding_bytes)


def within(pools: Sequence[PoolRecord], unattributed_bytes: int | None) -> list[PoolRecord]:
    """Estimates that together claim no more than what no name accounts for yet."""
    room = max(0, unattributed_bytes or 0)
    missed = sum(
        (item.estimated_bytes or item.used_bytes) - item.used_bytes
        for pool in pools
        for item in pool.items
    )
    if missed <= room:
        return list(pools)
    return [
        pool._replace(items=tuple(_at_most(item, room / missed) for item in pool.items))
        for pool in pools
    ]


def _at_most(item: PoolItem, share: float) -> PoolItem:
    if item.estimated_bytes is None:
        return item
    return item._replace(
        estimated_bytes=item.used_bytes + int(share * (item.estimated_bytes - item.used_bytes))
    )


def _signature(value: Any, size: RootSize) -> tuple[int, int, int]:
    length = len(value) if type(value) in _CONTAINERS else -1
    return id(type(value)), size.shallow_bytes, length


def sampled(
    value: Any,
    *,
    adapters: Sequence[Any],
    boundaries: Collection[int],
    budget_s: float,
    depth: int = _DEPTH,
) -> Weight | None:
    """Deep size of a container, scaled up from a sample; None where that cannot be done.

    Counts what its entries hold whoever else holds it too, and claims of memory that
    need not be resident.
    """

    def sized(one: object) -> Weight | None:
        return sampled(
            one, adapters=adapters, boundaries=boundaries, budget_s=budget_s, depth=depth - 1
        )

    try:
        if type(value) in _CONTAINERS and len(value) > _FEW:
            return _scaled(value, adapters, {*boundaries, id(value)}, budget_s)
        parts = [sized(part) for part in _parts(value)] if depth > 0 else []
    except (RuntimeError, IndexError):  # another thread changed it meanwhile
        return None
    known = [part for part in parts if part is not None]
    if not known:
        return None
    nbytes = sys.getsizeof(value) + sum(part.nbytes for part in known)
    return Weight(nbytes, sum(part.padding_bytes for part in known))


def _parts(value: Any) -> list[object]:
    """What a small container or an instance holds."""
    if type(value) is dict:
        return list(value.values())
    if type(value) in _CONTAINERS:
        return list(value)
    return list((instance_dict(value) or {}).values())[:_FEW]


def _scaled(
    value: Any, adapters: Sequence[Any], boundaries: set[int], budget_s: float
) -> Weight | None:
    for most in _SAMPLES:
        first, second, rate = _halves(value, most)
        roots = (
            Root("first", first, "sample", together=True),
            Root("second", second, "sample", together=True),
        )
        sizing = size_roots(
            roots, adapters=adapters, boundaries=boundaries, budget_s=budget_s / len(_SAMPLES)
        )
        if sizing.complete:
            common, own = (charged(root) for root in sizing.roots)
            once = max(0, common.nbytes - own.nbytes * len(first) // len(second))
            nbytes = sys.getsizeof(value) + once + own.nbytes * rate
            return Weight(int(nbytes), int(own.padding_bytes * rate))
    return None


def _halves(value: Any, most: int) -> tuple[list[object], list[object], float]:
    """Two samples, and how many times the second goes into the whole."""
    if type(value) is dict:
        pairs = _spread(value.items(), len(value), most)
        half = len(pairs) // 2
        first, second = (list(chain.from_iterable(part)) for part in (pairs[:half], pairs[half:]))
        return first, second, len(value) / (len(pairs) - half)
    if type(value) in _SEQUENCES:
        chosen = random.Random(0).sample(range(len(value)), most)
        found = [value[at] for at in chosen]
    else:
        found = _spread(value, len(value), most)
    half = len(found) // 2
    return found[:half], found[half:], len(value) / (len(found) - half)


def _spread(entries: Any, length: int, most: int) -> list[Any]:
    step = max(1, min(length, _READ) // most)
    found = list(islice(entries, 0, _READ, step))[:most]
    random.Random(0).shuffle(found)
    return found
