"""One cache: keyed, sized, within its pool's budget, with true statistics.

A store holds entries (`shelf`) of one pool, whose lock guards it and whose budget it draws
on (`pool`). Entries may be pinned (never evicted), may expire, and may be on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from . import policies
from .entry import MISS, CacheInfo, Entry
from .ghosts import Gain
from .shelf import Shelf

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["Store"]


class Store(Shelf):
    """A named cache within a pool. Made by :meth:`Pool.store`.

    ``policy`` and ``ttl_s`` None follow the session's settings, which the pool has.
    ``recomputes``: what goes is had again by the call that missed it. What is not is
    never dropped to make room; at most it goes to disk.
    """

    __slots__ = (
        "_chosen",
        "_hash_s",
        "_hits",
        "_misses",
        "_saved_s",
        "_ttl_s",
        "closed",
        "lookup",
        "max_bytes",
        "name",
        "recomputes",
        "refused",
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
        self.max_bytes = max_bytes
        self.recomputes = recomputes
        self.closed = False
        self._chosen = policy
        self._ttl_s = ttl_s
        super().__init__(pool, policies.make(policy or pool.policy))
        # The value of a key, counted as a hit, or `MISS`; what has expired is missed.
        self.lookup = self._make_lookup()
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
            found = self.pool.victims.bring_back(self, entry)
            if found is None:
                self._leave(entry)
            entry = found
        if entry is None:
            self._misses += 1
            self.pool.note_miss(self.ghosts.asked(key))
        return entry

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
