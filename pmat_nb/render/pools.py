"""``%pmat_pools``: the ledger of each pool, and what would suit it better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pmat_nb.engine.pools.account import Point
from pmat_nb.engine.pools.advice import Budget, Tuning
from pmat_nb.engine.pools.entry import CacheInfo
from pmat_nb.engine.stats_records import PoolRecord, StatsRecord

from . import pool_blocks
from .blocks import Block
from .detailed import pool_tree, pools_total
from .format import brief
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Advice", "Change", "Pools"]

_COLUMNS = {
    "pool": "object",
    "shown_as": "object",
    "used_bytes": "Int64",
    "managed_bytes": "Int64",
    "capacity_bytes": "Int64",
    "limit_bytes": "Int64",
    "growth": "object",
    "peak_bytes": "Int64",
    "peak_kind": "object",
    "managed_peak_bytes": "Int64",
    "mean_bytes": "Int64",
    "waste": "Float64",
    "allocations": "Int64",
    "evictions": "Int64",
    "hits": "Int64",
    "misses": "Int64",
    "swapped_bytes": "Int64",
    "as_of_s": "Float64",
    "complete": "boolean",
}
_CACHE_COLUMNS = {
    "address": "object",
    "hits": "Int64",
    "misses": "Int64",
    "hit_rate": "Float64",
    "entries": "Int64",
    "used_bytes": "Int64",
    "saved_s": "Float64",
    "hash_s": "Float64",
    "evictions": "Int64",
    "expired": "Int64",
    "refused": "Int64",
    "pinned": "Int64",
    "swapped": "Int64",
    "swapped_bytes": "Int64",
    "policy": "object",
    "ttl_s": "Float64",
    "max_bytes": "Int64",
    "complete": "boolean",
}


class Advice(NamedTuple):
    """What was noticed of a pool, and the command that does something about it."""

    what: str
    command: str


class Change(NamedTuple):
    """What a command changed: bytes before and after, where it is about bytes."""

    what: str
    before_bytes: int | None = None
    after_bytes: int | None = None
    note: str = ""


class Pools(Report):
    """The pools as they are now; what was asked for beside it comes with it.

    ``history`` is capacity and use over time per managed pool. ``analyzed`` is the pool
    or cache that ``advice`` is about.
    """

    title = "Memory pools"
    pictured = False

    def __init__(
        self,
        record: StatsRecord,
        *,
        infos: Sequence[tuple[str, CacheInfo]] = (),
        history: Mapping[str, tuple[Point, ...]] | None = None,
        detailed: bool = False,
        analyzed: str | None = None,
        advice: Sequence[Advice] = (),
        budgets: Sequence[Budget] = (),
        tunings: Sequence[Tuning] = (),
        changes: Sequence[Change] = (),
        cache_stats: bool = False,
        applied: bool = False,
    ) -> None:
        self.record = record
        self.pools = {pool.name: pool for pool in record.pools}
        self.caches = dict(infos)
        self.history = dict(history or {})
        self.analyzed = analyzed
        self.advice = tuple(advice)
        self.budgets = tuple(budgets)
        self.tunings = tuple(tunings)
        self.changes = tuple(changes)
        self._detailed = detailed
        self._cache_stats = cache_stats
        self._applied = applied

    def blocks(self) -> list[Block]:
        """What was changed, then what was asked for; the tree and the table by default."""
        return [*pool_blocks.changes(self.changes), *self._asked()]

    def _asked(self) -> Iterator[Block]:
        if self.analyzed is not None:
            yield from self._analysis(self.analyzed)
        elif self._cache_stats:
            yield from pool_blocks.caches(self.caches)
        elif self.budgets:
            yield from pool_blocks.budgets(self.budgets, applied=self._applied)
        elif not self.tunings:
            yield from pool_tree(self.record)
            yield pool_blocks.table(self.record.pools)
        if self.tunings:
            yield from pool_blocks.tunings(self.tunings, applied=self._applied)
        if self._detailed:
            yield from pool_blocks.contents(self.record.pools)
            yield from pool_blocks.caches(self.caches)

    def _analysis(self, address: str) -> Iterator[Block]:
        name, _, cache = address.partition(":")
        mine = {
            known: info
            for known, info in self.caches.items()
            if known == address or (not cache and known.startswith(f"{name}:"))
        }
        if not cache and name in self.pools:
            yield from pool_blocks.analysis(self.pools[name])
        yield from pool_blocks.caches(mine) if mine else ()
        yield from pool_blocks.advice(self.advice)

    def compact(self) -> str:
        """One line: allocated, used, and each managed pool."""
        allocated, used = pools_total(self.record.pools)
        parts = [
            f"{pool.name} {brief(pool.managed.used_bytes)} of {brief(pool.capacity_bytes)}"
            for pool in self.record.pools
            if pool.managed is not None and pool.capacity_bytes is not None
        ]
        return " · ".join([f"allocated {brief(allocated)}, used {brief(used)}", *parts])

    def to_dict(self) -> dict[str, Any]:
        """The pools and, where they were asked for, caches, advice, budgets, changes."""
        allocated, used = pools_total(self.record.pools)
        return {
            "total_allocated_bytes": allocated,
            "total_used_bytes": used,
            "total_available_bytes": max(0, allocated - used),
            "pools": {pool.name: _row(pool) for pool in self.record.pools},
            "caches": {address: info._asdict() for address, info in self.caches.items()},
            "analyzed": self.analyzed,
            "advice": [one._asdict() for one in self.advice],
            "budgets": [one._asdict() for one in self.budgets],
            "tunings": [one._asdict() for one in self.tunings],
            "applied": self._applied,
            "changes": [one._asdict() for one in self.changes],
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per pool; per cache with ``--cache-stats``; per suggestion with ``--optimize``."""
        if self._cache_stats:
            rows: list[dict[str, Any]] = [
                {"address": address, **info._asdict()} for address, info in self.caches.items()
            ]
            return frame_of(rows, _CACHE_COLUMNS)
        if self.budgets:
            kinds = {"pool": "object", "limit_bytes": "Int64", "suggested_bytes": "Int64"}
            return frame_of((one._asdict() for one in self.budgets), {**kinds, "reason": "object"})
        if self.tunings:
            kinds = {"address": "object", "policy": "object", "suggested_policy": "object"}
            rates = {"hit_rate": "Float64", "suggested_hit_rate": "Float64"}
            sizes = {"max_bytes": "Int64", "suggested_bytes": "Int64", "reason": "object"}
            return frame_of((one._asdict() for one in self.tunings), {**kinds, **rates, **sizes})
        return frame_of(
            (
                {"pool": pool.name, "shown_as": pool.shown_as, **_row(pool)}
                for pool in self._chosen()
            ),
            _COLUMNS,
        )

    def _chosen(self) -> list[PoolRecord]:
        name = (self.analyzed or "").partition(":")[0]
        return [pool for pool in self.record.pools if not name or pool.name == name]

    def plot(self, *, theme: str | None = None) -> Figure:
        """Capacity against use over time, a panel per managed pool that was used."""
        from .pool_figure import capacity_and_use

        return capacity_and_use(self.history, theme)


def _row(pool: PoolRecord) -> dict[str, Any]:
    managed = pool.managed
    return {
        "used_bytes": pool.used_bytes,
        "managed_bytes": managed.used_bytes if managed else None,
        "capacity_bytes": pool.capacity_bytes,
        "limit_bytes": pool.limit_bytes,
        "growth": pool.growth,
        "peak_bytes": pool.peak_bytes,
        "peak_kind": pool.peak_kind,
        "managed_peak_bytes": managed.peak_bytes if managed else None,
        "mean_bytes": round(pool.mean_bytes),
        "waste": pool.waste,
        "allocations": managed.allocations if managed else None,
        "evictions": managed.evictions if managed else None,
        "hits": managed.hits if managed else None,
        "misses": managed.misses if managed else None,
        "swapped_bytes": managed.swapped_bytes if managed else None,
        "as_of_s": pool.as_of_s,
        "complete": pool.complete,
    }
