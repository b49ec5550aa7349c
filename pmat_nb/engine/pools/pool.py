"""One budget, divided among the stores that draw on it.

``limit_bytes`` is the most the pool may hold; the capacity in force starts smaller and
grows (`growth`, `adaptive`), each step trying a cheap reclaim first: what has expired, then
what the ``reclaimers`` give (buffers nobody uses). When it may not grow, the store whose next
victim was unused for longest lets go of it, to disk where that is allowed (`victims`). Only
what can be computed again is dropped: for the rest the capacity grows to the limit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Any

from . import growth
from .account import Account
from .adaptive import Adaptive
from .entry import Sizer
from .ghosts import Regret
from .policies import Name
from .spill import Spilled, Swap
from .store import Store
from .victims import Victims

__all__ = ["Pool"]


def _by_header(key: Hashable, value: Any) -> tuple[int, bool]:
    import sys

    return sys.getsizeof(key) + sys.getsizeof(value), False


class Pool:
    """A managed pool; every change holds its lock, so any thread may call.

    Args:
        name: as users call it.
        limit_bytes: the most it may hold; None: no limit, and so no capacity.
        strategy: how the capacity grows.
        clock: seconds, monotonic.
        size_of: bytes of a key with its value, and whether that is all.
        swap: where entries go instead of being dropped; None: nowhere.
    """

    def __init__(
        self,
        name: str,
        limit_bytes: int | None,
        strategy: growth.Strategy,
        *,
        clock: Callable[[], float] = time.monotonic,
        size_of: Sizer = _by_header,
        swap: Swap | None = None,
    ) -> None:
        self.name = name
        self.limit_bytes = limit_bytes
        self.strategy = strategy
        self.clock = clock
        self.size_of = size_of
        self.swap = swap
        # Entries go to disk where the use would exceed this; None: they are dropped.
        self.swap_above_bytes: int | None = None
        self.policy: Name = "lru"
        self.ttl_s: float | None = None
        # Reentrant: letting go of a value may run code that asks a cache.
        self.lock = RLock()
        self.account = Account(self._first_capacity(), clock=clock)
        self.stores: dict[str, Store] = {}
        # Each gives back up to so many bytes that nobody uses, by `charge`; the bytes given.
        self.reclaimers: list[Callable[[int], int]] = []
        self.victims = Victims(self)
        self._adaptive = Adaptive(self)

    def _first_capacity(self) -> int | None:
        return None if self.limit_bytes is None else growth.start(self.strategy, self.limit_bytes)

    # -- members -------------------------------------------------------------------

    def store(
        self,
        name: str,
        *,
        policy: Name | None = None,
        ttl_s: float | None = None,
        max_bytes: int | None = None,
        recomputes: bool = True,
    ) -> Store:
        """A new store under ``name``; one that was there is closed."""
        with self.lock:
            before = self.stores.pop(name, None)
            if before is not None:
                before.close()
            made = Store(
                name,
                self,
                policy=policy,
                ttl_s=ttl_s,
                max_bytes=max_bytes,
                recomputes=recomputes,
            )
            self.stores[name] = made
            return made

    def charge(self, nbytes: int) -> None:
        """What is kept outside the stores (buffers, tables) grew, or shrank where negative.

        Call :meth:`make_room` first for what may be refused.
        """
        with self.lock:
            self.account.charge(nbytes)
            self.account.allocations += nbytes > 0

    # -- room ----------------------------------------------------------------------

    @property
    def used_bytes(self) -> int:
        """What the pool holds in memory, as charged."""
        return self.account.used_bytes

    @property
    def capacity_bytes(self) -> int | None:
        """The budget in force; None where there is no limit."""
        return self.account.capacity_bytes

    def make_room(self, nbytes: int, *, kept: bool = False) -> bool:
        """See to it that ``nbytes`` more fit; False where they cannot.

        ``kept``: they are of what cannot be had again, for which the capacity grows first.
        """
        with self.lock:
            if self.limit_bytes is None:
                return True
            if nbytes + self.victims.never_dropped_bytes() > self.limit_bytes:
                return False
            self.victims.swap_out(nbytes)
            while self.used_bytes + nbytes > (self.capacity_bytes or 0):
                short = self.used_bytes + nbytes - (self.capacity_bytes or 0)
                if self.reclaim(short) or self._grow(nbytes, kept) or self.evict():
                    continue
                if not self._recount():
                    return False
            return True

    def reclaim(self, short_bytes: int) -> int:
        """What costs nothing: expired entries, buffers nobody uses."""
        freed = sum(store.drop_expired() for store in self.stores.values())
        for reclaim in self.reclaimers:
            if freed >= short_bytes:
                break
            freed += reclaim(short_bytes - freed)
        return freed

    def _grow(self, nbytes: int, kept: bool) -> bool:
        capacity, limit = self.capacity_bytes, self.limit_bytes
        if capacity is None or limit is None or capacity >= limit:
            return False
        wanted = self.used_bytes + nbytes
        # Nothing is written to disk before the threshold for that.
        roomy = self.swap_above_bytes is not None and wanted <= self.swap_above_bytes
        if self.strategy == "adaptive" and not (kept or roomy) and self.victims.next() is not None:
            # Room for one more is made by eviction, unless nothing smaller would do.
            if nbytes <= capacity:
                return False
            wanted = nbytes
        self.account.set_capacity(growth.grown(self.strategy, capacity, limit, wanted))
        return True

    # -- what goes -----------------------------------------------------------------

    def evict(self, store: Store | None = None) -> int:
        """Let one entry go (of ``store``, or of whichever was unused longest); the bytes.

        0 where nothing may go, or where the disk refused it: then it stays.
        """
        return self.victims.evict(store)

    @property
    def swaps(self) -> bool:
        """Whether entries go to disk instead of being dropped."""
        return self.swap is not None and self.swap_above_bytes is not None

    def forget(self, spilled: Spilled) -> None:
        """Remove the file of an entry that goes."""
        if self.swap is not None:
            self.swap.remove(spilled)

    def note_miss(self, regret: Regret | None) -> None:
        """A store missed a key; ``regret``: more capacity would have kept it."""
        self._adaptive.note_miss(regret)

    # -- what others ask for -------------------------------------------------------

    def shrink(self, fraction: float) -> int:
        """Evict until about ``fraction`` is left of what may go; the bytes given back.

        An entry stays where letting go of it would miss that by more than keeping it.
        """
        with self.lock:
            before = self.used_bytes
            self.reclaim(before)
            wanted = self.used_bytes - int(self._may_go() * (1 - fraction))
            while (short := self.used_bytes - wanted) > 0:
                found = self.victims.next()
                if found is None or found[1].nbytes >= 2 * short or not self.evict():
                    break
            return max(0, before - self.used_bytes)

    def _may_go(self) -> int:
        """Bytes of entries that would be dropped, or written to disk, for others."""
        return sum(
            entry.nbytes
            for store in self.stores.values()
            for entry in store.entries.values()
            if entry.spilled is None
            and ((store.recomputes and not entry.pinned) or (self.swaps and entry.may_move))
        )

    def drop_older(self, age_s: float) -> int:
        """Let go of results unused for ``age_s`` seconds; the bytes given back."""
        with self.lock:
            return sum(s.drop_older(age_s) for s in self.stores.values() if s.recomputes)

    def clear(self, *, pinned: bool = False) -> int:
        """Let go of all entries, pinned ones only if asked, and of buffers nobody uses."""
        with self.lock:
            before = self.used_bytes
            for store in self.stores.values():
                store.clear(pinned=pinned)
            self.reclaim(before)
            return max(0, before - self.used_bytes)

    def reset(self) -> None:
        """Begin the statistics anew."""
        with self.lock:
            self._recount()
            for store in self.stores.values():
                store.reset()
            self.account.reset()
            self._adaptive.open_window()

    def set_limit(self, limit_bytes: int | None) -> int:
        """Another limit, enforced at once; the bytes evicted for it.

        What can be neither had again nor written to disk stays above it.
        """
        with self.lock:
            if limit_bytes == self.limit_bytes:
                return 0
            before = self.used_bytes
            self.limit_bytes = limit_bytes
            if limit_bytes is None:
                self.account.set_capacity(None)
                return 0
            least = growth.grown(
                self.strategy, growth.start(self.strategy, limit_bytes), limit_bytes, before
            )
            self.account.set_capacity(least)
            self._recount()
            while self.used_bytes > limit_bytes:
                if not self.reclaim(self.used_bytes - limit_bytes) and not self.evict():
                    break
            return max(0, before - self.used_bytes)

    def set_strategy(self, strategy: growth.Strategy) -> None:
        """Grow in another way from here on; what is in use keeps its place."""
        with self.lock:
            if strategy != self.strategy:
                self.strategy = strategy
                if self.limit_bytes is not None:
                    first = growth.start(strategy, self.limit_bytes)
                    needed = self.used_bytes
                    self.account.set_capacity(
                        growth.grown(strategy, first, self.limit_bytes, needed)
                    )

    def _recount(self) -> bool:
        """Count anew; whether that changed anything."""
        before = self.used_bytes
        for store in self.stores.values():
            store.recount()
        return self.used_bytes < before

    def close(self) -> None:
        """Let go of everything."""
        with self.lock:
            for store in self.stores.values():
                store.close()
            self.stores.clear()
            self.reclaimers.clear()
