"""What goes when a pool needs room, and where to: to disk where that is allowed, else away.

The entry that was unused for longest goes first. What cannot be had again is never dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .entry import Entry

if TYPE_CHECKING:
    from .pool import Pool
    from .store import Store

__all__ = ["Victims"]


class Victims:
    """Lets the entries of one pool go. The pool's lock is held by the caller."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def _of(self, store: Store | None) -> Iterable[Store]:
        return self._pool.stores.values() if store is None else (store,)

    def next(self, store: Store | None = None) -> tuple[Store, Entry] | None:
        """What :meth:`evict` would let go of."""
        return self._to_move(store) or self._to_drop(store)

    def evict(self, store: Store | None = None) -> int:
        """Let one entry go; the bytes, 0 where none may, or where the disk refused it."""
        while (found := self._to_move(store)) is not None:
            freed = self._to_disk(*found)
            if freed != 0:
                return freed or 0
        found = self._to_drop(store)
        return 0 if found is None else found[0].evict(found[1])

    def never_dropped_bytes(self) -> int:
        """What stays in memory whatever room is needed, as far as it is cheaply told."""
        if self._pool.swaps:
            return 0
        return sum(store.used_bytes for store in self._of(None) if not store.recomputes)

    def _to_drop(self, store: Store | None) -> tuple[Store, Entry] | None:
        return _longest_unused(
            (one, one.next_victim()) for one in self._of(store) if one.recomputes
        )

    # -- to disk and back ----------------------------------------------------------

    def _to_move(self, store: Store | None = None) -> tuple[Store, Entry] | None:
        if not self._pool.swaps:
            return None
        return _longest_unused((one, one.next_to_move()) for one in self._of(store))

    def swap_out(self, nbytes: int) -> None:
        """Write entries to disk until ``nbytes`` more stay below the threshold."""
        pool = self._pool
        if pool.swap is None or pool.swap_above_bytes is None:
            return
        while pool.used_bytes + nbytes > pool.swap_above_bytes and pool.swap.ready():
            if not pool.reclaim(pool.used_bytes + nbytes - pool.swap_above_bytes):
                found = self._to_move()
                if found is None or self._to_disk(*found) is None:
                    return

    def _to_disk(self, owner: Store, entry: Entry) -> int | None:
        """Bytes given back; None: the disk failed, and it stays; 0: it cannot be written."""
        swap = self._pool.swap
        assert swap is not None
        written = swap.write(entry.value, entry.nbytes)
        if written is None:
            return None
        if written:
            return owner.to_disk(entry, written)
        if owner.recomputes:
            return owner.evict(entry)
        owner.hold_in_memory(entry)
        swap.tell_stuck(f"{self._pool.name}:{owner.name}", entry.key, entry.value)
        return 0

    def bring_back(self, owner: Store, entry: Entry) -> Entry | None:
        """A swapped entry with its value; None where its file is lost or damaged.

        Where there is no room for it, it stays on disk and a copy is handed out.
        """
        spilled, swap = entry.spilled, self._pool.swap
        assert spilled is not None and swap is not None
        room = self._pool.make_room(entry.nbytes)
        if entry.spilled is not spilled:
            return entry  # a finalizer that ran meanwhile asked for it
        found = swap.read(spilled, keep=not room)
        if found is None:
            return None
        if room:
            owner.from_disk(entry, found[0])
            return entry
        passing = Entry(entry.key, found[0], entry.nbytes, entry.complete)
        passing.cost_s, passing.ref, passing.pinned = entry.cost_s, entry.ref, True
        return passing


def _longest_unused(
    offered: Iterable[tuple[Store, Entry | None]],
) -> tuple[Store, Entry] | None:
    there = [(store, entry) for store, entry in offered if entry is not None]
    return min(there, key=lambda pair: pair[1].used_at, default=None)
