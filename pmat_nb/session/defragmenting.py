"""``<pool>-defrag``: compacts a pool between cells when its waste is above the set share.

Waste is what each pool defines as such (design: section 4): expired results, idle
buffers, equal strings, stale trees, views that keep large arrays. Looking costs up to
0.02 s a consumer, so it is done after cells only, and seldom where it does not help.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pmat_nb.engine.stats_records import POOL_NAMES

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Defragmenter"]

_BUDGET_S = 0.02
_PAUSE_S = 10.0
_LONGEST_PAUSE_S = 3600.0
_TASK = "compaction of pools"
# Address and whether it takes a compacting cleanup.
_TARGETS = {
    "temp": ("temp:scratch", False),
    "string": ("string", True),
    "ast": ("ast", False),
    "analysis": ("analysis", True),
}


class Defragmenter:
    """``tick`` comes from the sampler's thread, ``run`` happens between cells."""

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._clock = clock
        self._look_at = 0.0
        self._pause_s = dict.fromkeys(POOL_NAMES, _PAUSE_S)
        self._due_at = dict.fromkeys(POOL_NAMES, 0.0)

    def settings_changed(self) -> None:
        """Look again soon: another share may be exceeded already."""
        self._look_at = 0.0
        self._pause_s = dict.fromkeys(POOL_NAMES, _PAUSE_S)
        self._due_at = dict.fromkeys(POOL_NAMES, 0.0)

    def close(self) -> None:
        """Nothing is held."""

    def tick(self) -> None:
        """Have the pools looked at between cells, if that is wished and due."""
        now = self._clock()
        if now >= self._look_at and self._bounds():
            self._look_at = now + _PAUSE_S
            self._session.between_cells.post(_TASK, self.run)

    def run(self) -> None:
        """Compact every pool that is due and wastes more than its share."""
        for pool, bound in self._bounds().items():
            now = self._clock()
            if now < self._due_at[pool]:
                continue
            before = self.waste(pool)
            if before is None or before <= bound:
                continue
            self._compact(pool)
            after = self.waste(pool)
            helped = after is None or after <= bound
            pause = _PAUSE_S if helped else min(_LONGEST_PAUSE_S, 2 * self._pause_s[pool])
            self._pause_s[pool], self._due_at[pool] = pause, now + pause

    def waste(self, pool: str) -> float | None:
        """Unused of all that the pool's consumers looked at, 0..1; None when nothing."""
        found = [
            waste
            for source in self._session.reporter().sources
            if source.pool == pool and (waste := source.waste(_BUDGET_S)) is not None
        ]
        seen = sum(waste.seen_bytes for waste in found)
        return sum(waste.unused_bytes for waste in found) / seen if seen else None

    def _bounds(self) -> dict[str, float]:
        get = self._session.settings.get
        wished = {pool: get(f"{pool}_defrag") for pool in POOL_NAMES}
        return {pool: bound for pool, bound in wished.items() if isinstance(bound, float)}

    def _compact(self, pool: str) -> None:
        if pool == "cache":
            self._session.pools.shrink("cache", 1.0)
            ttl = self._session.settings.get("cache_ttl")
            if isinstance(ttl, (int, float)):
                self._session.pools.evict_older("cache", float(ttl))
            return
        target, compact = _TARGETS[pool]
        self._session.cleaner.clean(target, compact=compact)
