"""What ``%pmat_pools`` does and shows: ledgers, analysis, reset, budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pmat_nb.engine.pools.advice import Budget, PoolFigures, Tuning, fit, suggest, tune
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.stats_records import PoolRecord
from pmat_nb.errors import UsageError
from pmat_nb.render.pools import Advice, Change, Pools

if TYPE_CHECKING:
    from .pools import PoolManager
    from .session import Session

__all__ = ["budgets", "report", "tunings"]

# From here on a figure is worth a line of advice.
_MUCH_WASTE = 0.25
_MOST = 0.5
_LARGE_BYTES = 1024**2
_LOW_RATE = 0.1
_SOME_LOOKUPS = 32


def report(
    session: Session,
    manager: PoolManager,
    *,
    detailed: bool = False,
    analyze: str | None = None,
    reset: str | None = None,
    optimize: bool = False,
    optimize_cache: bool = False,
    apply: bool = False,
    cache_stats: bool = False,
) -> Pools:
    """The report that the options of ``%pmat_pools`` ask for; ``reset`` and ``apply`` act.

    Raises:
        UsageError: no such pool; ``--apply`` with nothing to apply.
    """
    if apply and not (optimize or optimize_cache):
        raise UsageError(
            "--apply needs --optimize or --optimize-cache: %pmat_pools --optimize --apply"
        )
    if analyze is not None:
        _check_name(manager, analyze)
    changes = [_reset(manager, reset)] if reset is not None else []
    limits = budgets(session, manager) if optimize else ()
    policies = tunings(manager) if optimize_cache else ()
    if apply:
        changes += [*_apply_budgets(manager, limits), *_apply_tunings(manager, policies)]
    session.reporter().stats()
    record = session.reporter().record()
    infos = manager.infos()
    return Pools(
        record,
        infos=infos if cache_stats or detailed or analyze else (),
        history=manager.history(),
        detailed=detailed,
        analyzed=analyze,
        advice=tuple(_advice(manager, record.pools, analyze)) if analyze else (),
        budgets=limits,
        tunings=policies,
        changes=tuple(changes),
        cache_stats=cache_stats,
        applied=apply,
    )


def _check_name(manager: PoolManager, address: str) -> None:
    pool, _, name = address.partition(":")
    if name:
        manager.store_at(address)
    elif pool not in manager:
        raise UsageError(f"there is no pool {pool!r}; there are {', '.join(manager)}")


def _reset(manager: PoolManager, address: str) -> Change:
    """Empty what may be emptied, then begin the statistics anew."""
    pool, _, name = address.partition(":")
    target = manager.store_at(address) if name else manager.pool(pool)
    before = target.used_bytes
    manager.clear(address)
    target.reset()
    left = target.used_bytes
    note = "pinned entries and what is in use stay" if left else ""
    return Change(f"{address} emptied", before, left, note)


# --- budgets ------------------------------------------------------------------------


def budgets(session: Session, manager: PoolManager) -> tuple[Budget, ...]:
    """A limit for each managed pool, all together within the kernel's own."""
    figures = [_figures(pool) for pool in manager.managed().values()]
    return fit([suggest(one) for one in figures], _room_bytes(session, manager))


def _figures(pool: Pool) -> PoolFigures:
    with pool.lock:
        stores = tuple(pool.stores.values())
        # Of several stores the one with most to gain speaks for the pool.
        gains = max((s.gains() for s in stores), key=lambda g: g[-1].hits if g else 0, default=())
        return PoolFigures(
            pool.name,
            pool.limit_bytes,
            pool.account.peak_bytes,
            sum(store.lookups for store in stores),
            pool.account.allocations,
            pool.account.evictions,
            gains,
        )


def _room_bytes(session: Session, manager: PoolManager) -> int | None:
    """What the kernel's limit leaves for the pools, beside all that is not theirs."""
    protector = session.protector
    standing = protector.standing.limit_bytes if protector is not None else None
    tree = session.tree_bytes()
    if standing is None or tree is None:
        return None
    managed = sum(pool.used_bytes for pool in manager.managed().values())
    return max(0, standing - max(0, tree - managed))


def _apply_budgets(manager: PoolManager, budgets: tuple[Budget, ...]) -> Iterator[Change]:
    for one in budgets:
        if one.suggested_bytes != one.limit_bytes:
            manager.set_limit(one.pool, one.suggested_bytes)
            yield Change(f"limit of {one.pool}", one.limit_bytes, one.suggested_bytes)


def tunings(manager: PoolManager) -> tuple[Tuning, ...]:
    """A policy and a budget for each managed cache."""
    found = []
    for pool in manager.managed().values():
        with pool.lock:
            for store in pool.stores.values():
                address = f"{pool.name}:{store.name}"
                trace, gains = list(store.trace), store.gains()
                found.append(tune(address, store.info(), trace, gains, pool.capacity_bytes))
    return tuple(found)


def _apply_tunings(manager: PoolManager, tunings: tuple[Tuning, ...]) -> Iterator[Change]:
    for one in tunings:
        store = manager.store_at(one.address)
        if one.suggested_policy != one.policy:
            store.choose(one.suggested_policy)
            yield Change(f"policy of {one.address}", note=f"{one.policy} → {one.suggested_policy}")
        if one.suggested_bytes != one.max_bytes:
            store.max_bytes = one.suggested_bytes
            yield Change(f"budget of {one.address}", one.max_bytes, one.suggested_bytes)


# --- advice -------------------------------------------------------------------------


def _advice(
    manager: PoolManager, records: tuple[PoolRecord, ...], address: str
) -> Iterator[Advice]:
    name, _, cache = address.partition(":")
    record = next((one for one in records if one.name == name), None)
    pool = manager.managed().get(name)
    if cache:
        yield from _cache_advice(manager, address)
        return
    if record is not None:
        yield from _pool_advice(record)
    if pool is not None:
        yield from _budget_advice(pool)
        for store in pool.stores:
            yield from _cache_advice(manager, f"{name}:{store}")


def _pool_advice(record: PoolRecord) -> Iterator[Advice]:
    name = record.name
    if record.waste is not None and record.waste >= _MUCH_WASTE:
        what = f"{record.waste:.0%} of what was looked at is of no use"
        yield Advice(what, f"%pmat_cleanup --target {name}{_compacts(name)}")
    largest = max(record.items, key=lambda item: item.used_bytes, default=None)
    if largest is not None and largest.address and record.used_bytes:
        share = largest.used_bytes / record.used_bytes
        if share >= _MOST and largest.used_bytes >= _LARGE_BYTES:
            what = f"{largest.name} holds {share:.0%} of it"
            yield Advice(what, f"%pmat_cleanup --target {largest.address}")


def _budget_advice(pool: Pool) -> Iterator[Advice]:
    found = suggest(_figures(pool))
    if found.suggested_bytes != found.limit_bytes:
        yield Advice(found.reason, "%pmat_pools --optimize --apply")


def _compacts(pool: str) -> str:
    return " --compact" if pool in ("analysis", "string", "temp") else ""


def _cache_advice(manager: PoolManager, address: str) -> Iterator[Advice]:
    info = manager.store_at(address).info()
    if info.refused:
        what = f"{address}: {info.refused:,} values found no room"
        yield Advice(what, "%pmat_configure --cache-pool SIZE")
    if info.hits + info.misses < _SOME_LOOKUPS or info.hit_rate is None:
        return
    if info.hit_rate < _LOW_RATE:
        what = f"{address}: only {info.hit_rate:.0%} of lookups hit"
        way = "%pmat_pools --optimize-cache" if info.evictions else "leave @pmat.cache out"
        yield Advice(what, way)
    elif info.hash_s > 0 and not info.saved_s:
        what = f"{address}: making keys takes longer than hits save"
        yield Advice(what, "give @pmat.cache a key=")
