"""The entries of one cache, in the order in which a policy lets them go.

How they enter and leave, expire, go to disk and come back; each change is charged to the
pool. The caller holds the pool's lock but where a method says that it takes it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from . import policies
from .entry import Entry
from .ghosts import Ghosts

if TYPE_CHECKING:
    from .pool import Pool
    from .spill import Spilled

__all__ = ["Shelf"]

_TRACE = 4096


class Shelf:
    """What a store holds. ``evictions`` and ``expired`` count what went."""

    __slots__ = (
        "__weakref__",
        "_by_number",
        "_clock",
        "_expiring",
        "_lock",
        "_numbers",
        "_policy",
        "entries",
        "evictions",
        "expired",
        "ghosts",
        "pool",
        "trace",
        "used_bytes",
    )

    def __init__(self, pool: Pool, policy: policies.Policy) -> None:
        self.pool = pool
        self.entries: dict[Hashable, Entry] = {}
        self._by_number: dict[int, Entry] = {}
        self.used_bytes = 0
        self._lock = pool.lock
        self._clock = pool.clock
        self._policy = policy
        # Which entries were asked for, by number and bytes: what policies are compared on.
        self.trace: deque[tuple[int, int]] = deque(maxlen=_TRACE)
        self._expiring: list[tuple[float, int, Hashable]] = []
        self._numbers = 0
        self.ghosts = Ghosts()
        self.evictions = self.expired = 0

    # -- coming in -----------------------------------------------------------------

    def _enter(self, entry: Entry, ttl_s: float | None) -> None:
        entry.stored_at = entry.used_at = self._clock()
        self._numbers += 1
        # What comes back has its old number: that is how policies know it again.
        entry.number = self.ghosts.take(entry.key) or self._numbers
        entry.ref = (entry.number, entry.nbytes)
        self.trace.append(entry.ref)
        self._set_expiry(entry, ttl_s)
        self.entries[entry.key] = entry
        self._by_number[entry.number] = entry
        if not entry.pinned:
            self._policy.add(entry.number, entry.nbytes, entry.expires_at)
        self.charge(entry.nbytes)
        self.pool.account.allocations += 1

    def _set_expiry(self, entry: Entry, ttl_s: float | None) -> None:
        entry.expires_at = None if ttl_s is None else entry.stored_at + ttl_s
        entry.special = entry.expires_at is not None or entry.spilled is not None
        if entry.expires_at is not None:
            self._numbers += 1
            heapq.heappush(self._expiring, (entry.expires_at, self._numbers, entry.key))

    def charge(self, nbytes: int) -> None:
        """Bytes that came in, or went where negative."""
        self.used_bytes += nbytes
        self.pool.account.charge(nbytes)

    def _has_expired(self, entry: Entry) -> bool:
        return entry.expires_at is not None and self._clock() >= entry.expires_at

    def recount(self) -> None:
        """Count anew what is held: an interrupt may have come between two steps."""
        held = sum(entry.nbytes for entry in self.entries.values() if entry.spilled is None)
        if held != self.used_bytes:
            self.charge(held - self.used_bytes)

    # -- letting go ----------------------------------------------------------------

    def _leave(self, entry: Entry, *, evicted: bool = False) -> int:
        """Take an entry out; the bytes of memory that it was charged with."""
        del self.entries[entry.key]
        del self._by_number[entry.number]
        self._policy.remove(entry.number, evicted=evicted)
        if entry.spilled is not None:
            self.pool.forget(entry.spilled)
            entry.spilled = None
            return 0
        self.charge(-entry.nbytes)
        if evicted:
            self.evictions += 1
            self.pool.account.evictions += 1
            self.ghosts.add(entry.key, entry.nbytes, entry.cost_s, entry.number)
        return entry.nbytes

    def remove(self, key: Hashable) -> bool:
        """Let go of one entry, pinned or not; whether it was there."""
        with self._lock:
            entry = self.entries.get(key)
            if entry is None:
                return False
            self._leave(entry)
            return True

    def clear(self, *, pinned: bool = True) -> int:
        """Let go of every entry (``pinned`` False: not of those); the bytes given back."""
        with self._lock:
            chosen = [entry for entry in self.entries.values() if pinned or not entry.pinned]
            freed = sum(self._leave(entry) for entry in chosen)
            self.ghosts.clear()
            return freed

    def drop_older(self, age_s: float) -> int:
        """Let go of what was not used for ``age_s`` seconds and is not pinned; bytes."""
        with self._lock:
            bound = self._clock() - age_s
            old = [e for e in self.entries.values() if e.used_at <= bound and not e.pinned]
            return sum(self._leave(entry) for entry in old)

    def drop_expired(self) -> int:
        """Let go of what has expired; the bytes given back. Cheap when nothing has."""
        freed, now = 0, self._clock()
        while self._expiring and self._expiring[0][0] <= now:
            key = heapq.heappop(self._expiring)[2]
            entry = self.entries.get(key)
            if entry is not None and self._has_expired(entry):
                freed += self._leave(entry)
                self.expired += 1
        return freed

    def next_victim(self) -> Entry | None:
        """The entry that the policy would let go next."""
        try:
            return self._by_number[self._policy.victim()]  # type: ignore[index] # None has no entry
        except KeyError:
            return None

    def next_to_move(self) -> Entry | None:
        """The entry to write to disk next: none that a variable keeps in memory anyway."""
        entry = self.next_victim()
        if entry is None or entry.may_move:
            return entry
        movable = (one for one in self.entries.values() if one.may_move)
        return min(movable, key=lambda one: one.used_at, default=None)

    def hold_in_memory(self, entry: Entry) -> None:
        """``entry`` cannot be written to disk, and is not tried again."""
        entry.stuck = True
        self._policy.remove(entry.number)

    def evict(self, entry: Entry) -> int:
        """Let go of ``entry`` to make room; the bytes given back."""
        return self._leave(entry, evicted=True)

    def to_disk(self, entry: Entry, spilled: Spilled) -> int:
        """``entry`` is on disk now: its value goes; the bytes given back."""
        self._policy.remove(entry.number)
        entry.value, entry.spilled, entry.special = None, spilled, True
        self.evictions += 1
        self.pool.account.evictions += 1
        self.charge(-entry.nbytes)
        return entry.nbytes

    def from_disk(self, entry: Entry, value: Any) -> None:
        """``entry`` is back in memory."""
        entry.value, entry.spilled = value, None
        entry.special = entry.expires_at is not None
        if not entry.pinned:
            self._policy.add(entry.number, entry.nbytes, entry.expires_at)
        self.charge(entry.nbytes)
