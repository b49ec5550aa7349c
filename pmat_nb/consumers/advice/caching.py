"""Caches that hardly hit, and budgets and policies that the measured lookups speak for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from pmat_nb.consumers.caches import FunctoolsCaches

from .base import Advice, Scene, Tools
from .pooled import amount, held_bytes, items_at

if TYPE_CHECKING:
    from pmat_nb.engine.pools.advice import Tuning

__all__ = ["Policies", "PoolBudgets", "PoorCaches"]

_LEAST_BYTES = 1 << 20
_SOME_LOOKUPS = 32
_LOW_RATE = 0.1
# Pools with a setting of their own.
_WITH_A_SETTING = ("cache", "temp", "string", "ast")


class PoorCaches:
    """Caches of ours and of ``functools`` whose entries are hardly ever asked for again."""

    name = "caches with a poor hit rate"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """An advice for each that missed nine of ten lookups or more."""
        for address, hits, misses, entries in _lookups(scene):
            lookups = hits + misses
            if lookups < _SOME_LOOKUPS or hits >= _LOW_RATE * lookups:
                continue
            nbytes = _bytes_at(scene, address)
            if nbytes < _LEAST_BYTES:
                continue
            name = address.partition(":")[2]
            yield Advice(
                kind="poor cache",
                what=f"entries of the cache {name} ({entries:,})",
                why=f"{hits:,} of {lookups:,} lookups hit ({hits / lookups:.0%}) while its "
                f"entries hold {amount(nbytes)}; without the cache they would not stay",
                action=f"%pmat_cleanup --target {address}",
                estimated_bytes=nbytes,
                basis="as just sized",
                risk="recompute",
                where=address,
                check=partial(_still_poor, scene, address),
                undo_note="cannot be undone: the next calls compute their results again",
            )


def _lookups(scene: Scene) -> Iterator[tuple[str, int, int, int]]:
    yield from FunctoolsCaches(scene.shell).lookups()
    for address, info in scene.tools.caches() if scene.tools else ():
        if address.startswith("cache:"):
            yield address, info.hits, info.misses, info.entries


def _bytes_at(scene: Scene, address: str) -> int:
    total = held_bytes(items_at(scene, "cache", address))
    variable = scene.sizes.get(address.partition(":")[2])
    # A cached function that is a variable may be charged with its results itself.
    return total or (variable.reached_bytes if variable is not None else 0)


def _still_poor(scene: Scene, address: str) -> str:
    for found, hits, misses, _ in _lookups(scene):
        if found == address:
            hardly = hits < _LOW_RATE * (hits + misses)
            return "" if hardly else f"{address} hits more often now"
    return f"{address} is empty or gone"


class PoolBudgets:
    """Limits of the managed pools that their peaks, misses and ghosts speak for."""

    name = "pool budgets"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """An advice for each pool whose limit should be another."""
        for budget in scene.tools.budgets() if scene.tools else ():
            old, new = budget.limit_bytes, budget.suggested_bytes
            if new == old or old is None or new is None:
                continue
            more = "more" if new > old else "less"
            yield Advice(
                kind="pool budget",
                what=f"{more} room for the pool {budget.pool}: {amount(new)}, not {amount(old)}",
                why=budget.reason,
                action=_limiting(budget.pool, new),
                estimated_bytes=None,
                basis="",
                risk="none",
                where=budget.pool,
                check=partial(_same_budget, scene.tools, budget.pool, new),
                undo=_limiting(budget.pool, old),
                undo_note="undoing sets the limit as it was",
            )


def _limiting(pool: str, nbytes: int) -> str:
    if pool in _WITH_A_SETTING:
        return f"%pmat_configure --{pool}-pool {nbytes}"
    return f"__import__('pmat_nb').pools.set_limit({pool!r}, {nbytes})"


def _same_budget(tools: Tools | None, pool: str, nbytes: int) -> str:
    found = {one.pool: one.suggested_bytes for one in tools.budgets()} if tools else {}
    return "" if found.get(pool) == nbytes else "the lookups since speak for another limit"


class Policies:
    """Caches of ours that another policy or a larger budget would make hit more often."""

    name = "cache policies"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """One advice for all caches, applied and undone as a whole."""
        wanted = _changes(scene.tools)
        if not wanted:
            return
        yield Advice(
            kind="cache policy",
            what="another policy or budget for " + ", ".join(one.address for one in wanted),
            why="; ".join(f"{one.address}: {one.reason}{_rates(one)}" for one in wanted),
            action="%pmat_pools --optimize-cache --apply",
            estimated_bytes=None,
            basis="",
            risk="none",
            where=wanted[0].address,
            check=partial(_same_changes, scene.tools, wanted),
            undo="\n".join(_as_it_was(one) for one in wanted),
            undo_note="undoing sets policies and budgets as they were",
        )


def _changes(tools: Tools | None) -> tuple[Tuning, ...]:
    return tuple(
        one
        for one in (tools.tunings() if tools else ())
        if one.suggested_policy != one.policy or one.suggested_bytes != one.max_bytes
    )


def _rates(one: Tuning) -> str:
    if one.hit_rate is None or one.suggested_hit_rate is None:
        return ""
    return f" ({one.hit_rate:.0%} → {one.suggested_hit_rate:.0%} by replaying its lookups)"


def _as_it_was(one: Tuning) -> str:
    store = f"__import__('pmat_nb').pools.store_at({one.address!r})"
    return f"{store}.choose({one.policy!r}); {store}.max_bytes = {one.max_bytes!r}"


def _same_changes(tools: Tools | None, wanted: Sequence[Tuning]) -> str:
    names = [(one.address, one.suggested_policy, one.suggested_bytes) for one in wanted]
    now = [(one.address, one.suggested_policy, one.suggested_bytes) for one in _changes(tools)]
    return "" if names == now else "the lookups since speak for another policy or budget"
