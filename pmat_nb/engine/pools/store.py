"""One cache's entries: keyed, sized, evicted in a policy's order, with true statistics.

A store holds entries of one pool, whose lock guards it and whose budget it draws on
(`pool`). Entries may be pinned (never evicted), may expire, and may be on disk.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from . import policies
from .entry import MISS, CacheInfo, Entry
from .ghosts import Gain, Ghosts

if TYPE_CHECKING:
    from .pool import Pool
    from .spill import Spilled

__all__ = ["Store"]

_TRACE = 4096


class Store:
    """A named cache within a pool. Made by :meth:`Pool.store`.

    ``policy`` and ``ttl_s`` None follow the session's settings, which the pool has.
    ``recomputes``: what goes is had again by the call that missed it. What is not is
    never dropped to make room; at most it goes to disk.
    """

    __slots__ = (
        "__weakref__",
        "_by_number",
        "_chosen",
        "_clock",
        "_expiring",
        "_hash_s",
        "_hits",
        "_lock",
        "_misses",
        "_numbers",
        "_policy",
        "_saved_s",
        "_ttl_s",
        "closed",
        "entries",
        "evictions",
        "expired",
        "ghosts",
        "lookup",
        "max_bytes",
        "name",
        "pool",
        "recomputes",
        "refused",
        "trace",
        "used_bytes",
    )

    def __init__(
        self,
        name: str,
        pool: Pool,
        *,
        policy: policies.Name | None = None,
        ttl_s: float | None = None,
        max_bytes: int | None = None,
        recomputes: bool = True,
    ) -> None:
        self.name = name
        self.pool = pool
        self.max_bytes = max_bytes
        self.recomputes = recomputes
        self.entries: dict[Hashable, Entry] = {}
        self._by_number: dict[int, Entry] = {}
        self.used_bytes = 0
        self.closed = False
        self._lock = pool.lock
        self._clock = pool.clock
        self._chosen = policy
        self._ttl_s = ttl_s
        self._policy = policies.make(self.policy_name)
        # Which entries were asked for, by number and bytes: what policies are compared on.
        self.trace: deque[tuple[int, int]] = deque(maxlen=_TRACE)
        # The value of a key, counted as a hit, or `MISS`; what has expired is missed.
        self.lookup = self._make_lookup()
        self._expiring: list[tuple[float, int, Hashable]] = []
        self._numbers = 0
        self.ghosts = Ghosts()
        self.reset()

    def reset(self) -> None:
        """Begin the statistics anew; entries stay."""
        with self._lock:
            self._hits = self._misses = 0
            self._saved_s = self._hash_s = 0.0
            self.evictions = self.expired = self.refused = 0
            self.trace.clear()
            self.ghosts.reset()

    # -- asking --------------------------------------------------------------------

    def _make_lookup(self) -> Callable[[Hashable], Any]:
        """:attr:`lookup`, bound to what it needs: a hit is what must be fast."""
        get, lock, clock, closer = self.entries.get, self._lock, self._clock, self._look_closer
        note, use, miss = self.trace.append, self._policy.hit, MISS

        def lookup(key: Hashable) -> Any:
            with lock:
                entry = get(key)
                if entry is None or entry.special:
                    entry = closer(key, entry)
                    if entry is None:
                        return miss
                if not entry.pinned and not entry.stuck:
                    use(entry.number)
                entry.used_at = clock()
                self._hits += 1
                self._saved_s += entry.cost_s
                note(entry.ref)
                return entry.value

        return lookup

    def _look_closer(self, key: Hashable, entry: Entry | None) -> Entry | None:
        """``entry`` once it is fresh and in memory; else the miss is counted."""
        if entry is not None and self._has_expired(entry):
            self._leave(entry)
            self.expired += 1
            entry = None
        if entry is not None and entry.spilled is not None:
            found = self.pool.bring_back(self, entry)
            if found is None:
                self._leave(entry)
            entry = found
        if entry is None:
            self._misses += 1
            self.pool.note_miss(self.ghosts.asked(key))
        return entry

    def _has_expired(self, entry: Entry) -> bool:
        return entry.expires_at is not None and self._clock() >= entry.expires_at

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            entry = self.entries.get(key)
            return entry is not None and not self._has_expired(entry)

    # -- keeping -------------------------------------------------------------------

    def keep(
        self,
        key: Hashable,
        value: Any,
        *,
        cost_s: float = 0.0,
        pinned: bool = False,
        ttl_s: float | None = None,
    ) -> bool:
        """Hold ``value`` under ``key``, in place of what was there; False: no room for it.

        It is sized before the lock is taken. What cannot be had again is let go of for
        its replacement only where there is room for that.
        """
        nbytes, complete = self.pool.size_of(key, value)
        entry = Entry(key, value, max(1, nbytes), complete)
        entry.cost_s, entry.pinned = cost_s, pinned
        with self._lock:
            before = self.entries.get(key)
            if before is not None and self.recomputes:
                self._leave(before)
            if self.closed or not self._room_for(entry):
                self.refused += 1
                return False
            before = self.entries.get(key)
            if before is not None:
                self._leave(before)
            self._enter(entry, self._ttl_s_of(ttl_s))
            return True

    def _ttl_s_of(self, asked_s: float | None) -> float | None:
        return self.ttl_s if asked_s is None else asked_s

    def _room_for(self, entry: Entry) -> bool:
        """Room for an entry beside what stays; what it replaces gives its own."""
        spared = self._in_memory(entry.key)
        if not self._make_room(max(0, entry.nbytes - spared)):
            return False
        # To make room it may have gone to disk, or expired.
        left = self._in_memory(entry.key)
        return left == spared or self._make_room(max(0, entry.nbytes - left))

    def _in_memory(self, key: Hashable) -> int:
        entry = self.entries.get(key)
        return 0 if entry is None or entry.spilled is not None else entry.nbytes

    def _make_room(self, nbytes: int) -> bool:
        if self.max_bytes is not None:
            if nbytes > self.max_bytes:
                return False
            while self.used_bytes + nbytes > self.max_bytes:
                if not self.drop_expired() and not self.pool.evict(self):
                    return False
        return self.pool.make_room(nbytes, kept=not self.recomputes)

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
            return self._by_number[self._policy.victim()]  # type: ignore[index]
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

    # -- settings ------------------------------------------------------------------

    @property
    def policy_name(self) -> policies.Name:
        """The policy in force."""
        return self._chosen or self.pool.policy

    @property
    def ttl_s(self) -> float | None:
        """How long an entry counts as fresh; None: for ever."""
        return self._ttl_s if self._ttl_s is not None else self.pool.ttl_s

    @property
    def follows(self) -> tuple[bool, bool]:
        """Whether policy and TTL are those of the settings."""
        return self._chosen is None, self._ttl_s is None

    def choose(self, policy: policies.Name | None) -> None:
        """Follow another policy from now on; None: that of the settings."""
        with self._lock:
            self._chosen = policy
            self.settings_changed(ttl_changed=False)

    def settings_changed(self, *, ttl_changed: bool) -> None:
        """Take over the pool's policy and TTL where the store has none of its own."""
        with self._lock:
            if self._policy.name != self.policy_name:
                self._policy = policies.make(self.policy_name)
                for entry in sorted(self.entries.values(), key=lambda entry: entry.used_at):
                    if not (entry.pinned or entry.stuck) and entry.spilled is None:
                        self._policy.add(entry.number, entry.nbytes, entry.expires_at)
                self.lookup = self._make_lookup()
            if ttl_changed and self._ttl_s is None:
                self._expiring.clear()
                for entry in self.entries.values():
                    self._set_expiry(entry, self.ttl_s)

    def close(self) -> None:
        """Let go of everything and hold nothing any more."""
        with self._lock:
            self.closed = True
            self.clear()

    # -- figures -------------------------------------------------------------------

    def recount(self) -> None:
        """Count anew what is held: an interrupt may have come between two steps."""
        held = sum(entry.nbytes for entry in self.entries.values() if entry.spilled is None)
        if held != self.used_bytes:
            self.charge(held - self.used_bytes)

    @property
    def lookups(self) -> int:
        """Hits and misses."""
        return self._hits + self._misses

    def note_hashing(self, seconds: float) -> None:
        """Making a key took this long."""
        self._hash_s += seconds

    def info(self) -> CacheInfo:
        """The figures as they stand."""
        with self._lock:
            lookups = self._hits + self._misses
            swapped = [e.spilled for e in self.entries.values() if e.spilled is not None]
            return CacheInfo(
                name=self.name,
                hits=self._hits,
                misses=self._misses,
                hit_rate=self._hits / lookups if lookups else None,
                entries=len(self.entries),
                used_bytes=self.used_bytes,
                saved_s=max(0.0, self._saved_s - self._hash_s),
                hash_s=self._hash_s,
                evictions=self.evictions,
                expired=self.expired,
                refused=self.refused,
                pinned=sum(entry.pinned for entry in self.entries.values()),
                swapped=len(swapped),
                swapped_bytes=sum(one.file_bytes for one in swapped),
                policy=self.policy_name,
                ttl_s=self.ttl_s,
                max_bytes=self.max_bytes,
                complete=all(entry.complete for entry in self.entries.values()),
            )

    def gains(self) -> tuple[Gain, ...]:
        """What more capacity would have brought."""
        with self._lock:
            return self.ghosts.gains()

    def unused_bytes(self, ttl_s: float) -> int:
        """Bytes of entries that expired, or were not asked for within ``ttl_s``."""
        with self._lock:
            bound = self._clock() - ttl_s
            return sum(
                entry.nbytes
                for entry in self.entries.values()
                if entry.spilled is None and (entry.used_at <= bound or self._has_expired(entry))
            )

    def __iter__(self) -> Iterator[Hashable]:
        with self._lock:
            return iter(tuple(self.entries))

    def __len__(self) -> int:
        return len(self.entries)
