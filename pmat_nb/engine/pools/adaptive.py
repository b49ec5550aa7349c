"""The capacity of a pool whose strategy is ``adaptive``: grows and shrinks by its lookups.

A window counts lookups, and for each miss how much more capacity would have made it a hit;
`growth` says whether a step pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import growth
from .ghosts import Regret

if TYPE_CHECKING:
    from .pool import Pool

__all__ = ["Adaptive"]


class Adaptive:
    """One pool's window; without effect under another strategy."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.open_window()

    def open_window(self) -> None:
        """Begin counting anew."""
        self._at_s, self._lookups_before = self._pool.clock(), self._lookups()
        # How much more capacity each miss of the window would have needed to be a hit.
        self._regrets: list[int] = []
        self._grew = False

    def note_miss(self, regret: Regret | None) -> None:
        """A store missed a key; ``regret``: more capacity would have kept it."""
        pool = self._pool
        if pool.strategy != "adaptive" or pool.limit_bytes is None:
            return
        lookups = self._lookups() - self._lookups_before
        step = growth.step_bytes("adaptive", pool.capacity_bytes or 0, pool.limit_bytes)
        if regret is not None:
            self._regrets.append(regret.more_bytes)
            self._widen(lookups, step)
        # As long as there are entries: a window tells which of them nobody asks for.
        if lookups >= max(growth.WINDOW, sum(map(len, pool.stores.values()))):
            self._narrow(lookups, step)
            self.open_window()

    def _lookups(self) -> int:
        return sum(store.lookups for store in self._pool.stores.values())

    def _widen(self, lookups: int, step: int) -> None:
        """Grow where the misses of this window say that it pays."""
        pool = self._pool
        capacity, limit = pool.capacity_bytes or 0, pool.limit_bytes or 0
        more = growth.worth(lookups, self._regrets, step, limit - capacity)
        if more:
            pool.account.set_capacity(growth.grown("adaptive", capacity, limit, capacity + more))
            self._grew = True

    def _narrow(self, lookups: int, step: int) -> None:
        """Give back a step that the whole window had no use for."""
        pool = self._pool
        capacity, limit = pool.capacity_bytes or 0, pool.limit_bytes or 0
        if self._grew:
            return
        window_s = pool.clock() - self._at_s
        idle = capacity - pool.used_bytes
        idle += sum(s.unused_bytes(window_s) for s in pool.stores.values() if s.recomputes)
        # What cannot be dropped leaves the rest no less than that begins with.
        held = pool.victims.never_dropped_bytes()
        if held and capacity - step < held + growth.start("adaptive", limit):
            return
        if growth.gives_back(lookups, idle, step):
            pool.account.set_capacity(growth.shrunk("adaptive", capacity, limit))
            while pool.used_bytes > (pool.capacity_bytes or 0) and pool.evict():
                pass
