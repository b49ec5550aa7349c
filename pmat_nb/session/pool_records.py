"""The ledger of each pool: what was measured, together with what is managed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.stats_records import ManagedPool, PoolRecord

__all__ = ["completed"]


def completed(
    records: Iterable[PoolRecord], pools: Mapping[str, Pool], advisory_bytes: int | None
) -> tuple[PoolRecord, ...]:
    """``records`` with limits, capacities and managed figures entered.

    A managed pool that no sizing has met yet holds nothing. ``advisory_bytes`` is the
    limit of the user's own variables, which nothing enforces.
    """
    made = [_completed(record, pools.get(record.name), advisory_bytes) for record in records]
    known = {record.name for record in made}
    if made:
        made += [_empty(pool) for name, pool in pools.items() if name not in known]
    return tuple(made)


def _completed(record: PoolRecord, pool: Pool | None, advisory_bytes: int | None) -> PoolRecord:
    if pool is None:
        limit = advisory_bytes if record.name == "analysis" else None
        return record._replace(limit_bytes=limit)
    return record._replace(
        limit_bytes=pool.limit_bytes,
        capacity_bytes=pool.capacity_bytes,
        growth=pool.strategy,
        managed=managed_part(pool),
    )


def _empty(pool: Pool) -> PoolRecord:
    return PoolRecord(
        name=pool.name,
        shown_as=pool.name,
        limit_bytes=pool.limit_bytes,
        capacity_bytes=pool.capacity_bytes,
        used_bytes=0,
        peak_bytes=0,
        peak_kind="sampled",
        mean_bytes=0.0,
        waste=None,
        as_of_s=0.0,
        complete=True,
        growth=pool.strategy,
        managed=managed_part(pool),
    )


def managed_part(pool: Pool) -> ManagedPool:
    """What is managed of a pool, as it stands."""
    with pool.lock:
        infos = [store.info() for store in pool.stores.values()]
        account = pool.account
        return ManagedPool(
            used_bytes=account.used_bytes,
            peak_bytes=account.peak_bytes,
            mean_bytes=account.mean_bytes(),
            entries=sum(info.entries for info in infos),
            allocations=account.allocations,
            evictions=account.evictions,
            hits=sum(info.hits for info in infos) if infos else None,
            misses=sum(info.misses for info in infos) if infos else None,
            swapped_bytes=sum(info.swapped_bytes for info in infos),
        )
