"""The parts that ``%pmat_pools`` shows, as blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pmat_nb.engine.pools.advice import Budget, Tuning
from pmat_nb.engine.pools.entry import CacheInfo
from pmat_nb.engine.stats_records import PoolRecord

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import NA, column, count, duration, limit, percent, size

if TYPE_CHECKING:
    from .pools import Advice, Change

__all__ = ["advice", "analysis", "budgets", "caches", "changes", "contents", "table", "tunings"]

_TOP = 10


def table(pools: Sequence[PoolRecord]) -> Grid:
    """A row per pool: measured use, what is managed of it, budget, limit, peak and mean."""
    used = column(
        (pool.used_bytes for pool in pools),
        bounds=["" if pool.complete else "≥" for pool in pools],
        uniform=False,
    )
    managed = column((_managed(pool) for pool in pools), uniform=False)
    rows = tuple(
        (
            pool.name,
            used[at],
            managed[at],
            limit(pool.capacity_bytes),
            limit(pool.limit_bytes),
            pool.growth or NA,
            size(pool.peak_bytes, lower=pool.peak_kind == "sampled"),
            size(pool.mean_bytes),
            percent(pool.waste),
        )
        for at, pool in enumerate(pools)
    )
    columns = (
        Column("pool", tone="strong"),
        Column("used", right=True),
        Column("managed", right=True),
        Column("budget", right=True),
        Column("limit", right=True),
        Column("growth", optional=2),
        Column("peak", right=True),
        Column("mean", right=True, optional=1),
        Column("waste", right=True),
    )
    return Grid(columns, rows)


def _managed(pool: PoolRecord) -> int | None:
    return pool.managed.used_bytes if pool.managed is not None else None


def changes(done: Sequence[Change]) -> list[Block]:
    """A line for each thing that was changed."""
    return [Line.of(Part(one.what, "strong"), _from_to(one), one.note) for one in done]


def _from_to(one: Change) -> str:
    if one.before_bytes is None and one.after_bytes is None:
        return ""
    return f"{limit(one.before_bytes)} → {limit(one.after_bytes)}"


def analysis(pool: PoolRecord) -> list[Block]:
    """One pool: size, peak, average, waste, and what it holds."""
    managed = pool.managed
    rows = [
        ("used", size(pool.used_bytes, lower=not pool.complete)),
        ("peak", f"{size(pool.peak_bytes)} ({pool.peak_kind})"),
        ("average", size(pool.mean_bytes)),
        ("waste", percent(pool.waste)),
    ]
    if managed is not None:
        lookups = (managed.hits or 0) + (managed.misses or 0)
        rate = percent((managed.hits or 0) / lookups) if lookups else NA
        rows += [
            ("managed", size(managed.used_bytes)),
            ("managed peak", f"{size(managed.peak_bytes)} (exact)"),
            ("managed average", size(managed.mean_bytes)),
            ("budget", f"{limit(pool.capacity_bytes)} of {limit(pool.limit_bytes)}, {pool.growth}"),
            ("entries", count(managed.entries)),
            ("put in", count(managed.allocations)),
            ("evicted", count(managed.evictions)),
            ("hit rate", f"{rate} of {count(lookups)} lookups"),
            ("on disk", size(managed.swapped_bytes)),
        ]
    grid = Grid((Column(tone="muted"), Column(flex=True, least=20)), tuple(rows))
    return [Line.of(Part(f"{pool.name}: {pool.shown_as}", "strong")), grid, *_items(pool)]


def contents(pools: Iterable[PoolRecord]) -> list[Block]:
    """What each pool holds, largest first."""
    return [Fold(pool.name, tuple(_items(pool))) for pool in pools if pool.items]


def _items(pool: PoolRecord) -> list[Block]:
    items = sorted(pool.items, key=lambda item: -item.used_bytes)[:_TOP]
    if not items:
        return []
    used = column(
        (item.used_bytes for item in items),
        bounds=["" if item.complete else "≥" for item in items],
        uniform=False,
    )
    rows = tuple(
        (item.name, used[at], item.address or "", item.detail) for at, item in enumerate(items)
    )
    columns = (
        Column("holds", flex=True, least=12),
        Column("used", right=True),
        Column("target", flex=True, least=12),
        Column("", flex=True),
    )
    return [Grid(columns, rows)]


def advice(found: Sequence[Advice]) -> list[Block]:
    """What would help, each with its command."""
    if not found:
        return [Line.of(Part("nothing to recommend", "muted"))]
    return [Line.of(one.what, Part(one.command, "command"), joint=" → ") for one in found]


def caches(infos: Mapping[str, CacheInfo]) -> list[Block]:
    """A row per cache of ours."""
    if not infos:
        return [Line.of(Part("no cache of ours yet: @pmat.cache on a function makes one", "muted"))]
    used = column((info.used_bytes for info in infos.values()), uniform=False)
    rows = tuple(
        (
            address,
            used[at],
            count(info.entries),
            count(info.hits),
            count(info.misses),
            percent(info.hit_rate),
            duration(info.saved_s),
            count(info.evictions),
            info.policy,
            _aside(info),
        )
        for at, (address, info) in enumerate(infos.items())
    )
    columns = (
        Column("cache", flex=True, least=12, tone="strong"),
        Column("used", right=True),
        Column("entries", right=True),
        Column("hits", right=True),
        Column("misses", right=True),
        Column("hit rate", right=True),
        Column("saved", right=True),
        Column("evicted", right=True, optional=1),
        Column("policy", optional=2),
        Column("", flex=True, tone="muted"),
    )
    return [Grid(columns, rows)]


def _aside(info: CacheInfo) -> str:
    parts = [
        f"fresh for {duration(info.ttl_s)}" if info.ttl_s is not None else "",
        f"at most {limit(info.max_bytes)}" if info.max_bytes is not None else "",
        f"{count(info.expired)} expired" if info.expired else "",
        f"{count(info.refused)} too large" if info.refused else "",
        f"{count(info.pinned)} pinned" if info.pinned else "",
        f"{count(info.swapped)} on disk ({size(info.swapped_bytes)})" if info.swapped else "",
        "sizes are lower bounds" if not info.complete else "",
    ]
    return ", ".join(part for part in parts if part)


def budgets(found: Sequence[Budget], *, applied: bool) -> list[Block]:
    """The limit of each pool, and the one that suits it."""
    rows = tuple(
        (one.pool, limit(one.limit_bytes), _arrow(one), limit(one.suggested_bytes), one.reason)
        for one in found
    )
    columns = (
        Column("pool", tone="strong"),
        Column("limit before" if applied else "limit", right=True),
        Column(""),
        Column("limit now" if applied else "suggested", right=True),
        Column("why", flex=True, least=20, tone="muted"),
    )
    same = all(one.suggested_bytes == one.limit_bytes for one in found)
    return [Grid(columns, rows), *_how("--optimize", applied=applied, same=same)]


def _arrow(one: Budget) -> str:
    return "→" if one.suggested_bytes != one.limit_bytes else "="


def tunings(found: Sequence[Tuning], *, applied: bool) -> list[Block]:
    """The policy and budget of each cache, and those that suit it."""
    rows = tuple(
        (
            one.address,
            _changed(one.policy, one.suggested_policy),
            _changed(percent(one.hit_rate), percent(one.suggested_hit_rate)),
            _changed(limit(one.max_bytes), limit(one.suggested_bytes)),
            one.reason,
        )
        for one in found
    )
    columns = (
        Column("cache", flex=True, least=12, tone="strong"),
        Column("policy"),
        Column("hit rate"),
        Column("at most"),
        Column("why", flex=True, least=20, tone="muted"),
    )
    same = all((one.policy, one.max_bytes) == one[2:3] + one[6:7] for one in found)
    return [Grid(columns, rows), *_how("--optimize-cache", applied=applied, same=same)]


def _changed(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _how(option: str, *, applied: bool, same: bool) -> list[Block]:
    if applied or same:
        return []
    command = Part(f"%pmat_pools {option} --apply", "command")
    return [Line.of("nothing was changed", command, joint=" → ")]
