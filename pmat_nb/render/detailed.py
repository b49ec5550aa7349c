"""What ``--detailed`` adds: the pool tree as PMAT prints it, and every list behind it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pmat_nb.engine.ranking import largest_first
from pmat_nb.engine.records import AllocatorState, ChildProcess, Limit
from pmat_nb.engine.stats_records import PoolRecord, StatsRecord

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import NA, column, count, limit, percent, size
from .phrases import tightest
from .variables import variables_grid

__all__ = ["blocks", "pool_tree", "pools_total"]

_TOP = 10
# PMAT's order; pools that users created follow.
_ORDER = ("ast", "cache", "analysis", "string", "temp")
_TITLES = {"ast": "AST"}


def blocks(record: StatsRecord) -> list[Block]:
    """The sections below the identity, each under its own title."""
    return [
        Fold("Pools", tuple(pool_tree(record)), open=True),
        *_variables(record),
        *_caches(record),
        *_allocators(record.allocators),
        *_children(record.children),
        *_limits(record),
    ]


def pool_tree(record: StatsRecord) -> list[Block]:
    """Total Allocated, Used, Available, and a branch per pool."""
    pools = sorted(record.pools, key=_rank)
    names = [f"{_TITLES.get(pool.name, pool.name.title())} Pool:" for pool in pools]
    last = len(pools) - 1
    rows = tuple(
        (
            f"{'└─' if at == last else '├─'} {name}",
            _megabytes(_used(pool), lower=pool.managed is None and not pool.complete),
            "/" if _bound(pool) is not None else "",
            _megabytes(_bound(pool)) if _bound(pool) is not None else "",
            f"({percent(_used(pool) / _bound_of(pool), decimals=1)})" if _bound(pool) else "",
            _ledger(pool),
        )
        for at, (pool, name) in enumerate(zip(pools, names, strict=True))
    )
    grid = Grid(
        (
            Column(),
            Column(right=True),
            Column(gap=1),
            Column(right=True, gap=1),
            Column(gap=1),
            Column(flex=True, tone="muted"),
        ),
        rows,
        indent=0,
    )
    return [_totals(record), grid]


def _rank(pool: PoolRecord) -> int:
    return _ORDER.index(pool.name) if pool.name in _ORDER else len(_ORDER)


def _bound(pool: PoolRecord) -> int | None:
    return pool.capacity_bytes if pool.capacity_bytes is not None else pool.limit_bytes


def _used(pool: PoolRecord) -> int:
    """What counts against the bound: of an enforced pool what is managed."""
    return pool.managed.used_bytes if pool.managed is not None else pool.used_bytes


def pools_total(pools: Iterable[PoolRecord]) -> tuple[int, int]:
    """Capacities of the enforced pools together, and what is used of them, in bytes."""
    enforced = [pool for pool in pools if pool.capacity_bytes is not None]
    return sum(pool.capacity_bytes or 0 for pool in enforced), sum(map(_used, enforced))


def _bound_of(pool: PoolRecord) -> int:
    return _bound(pool) or 1


def _megabytes(value: int | None, *, lower: bool = False) -> str:
    """Whole megabytes with commas, as PMAT lists pools."""
    if value is None:
        return NA
    whole = "<1" if 0 < value < 1024**2 / 2 else count(value / 1024**2)
    return f"{'≥ ' if lower else ''}{whole} MB"


def _totals(record: StatsRecord) -> Line:
    if all(pool.capacity_bytes is None for pool in record.pools):
        return Line.of("Total Allocated: n/a (pools are measured here, none is enforced)")
    allocated, used = pools_total(record.pools)
    available = max(0, allocated - used)
    whole = allocated or 1
    return Line.of(
        f"Total Allocated: {_megabytes(allocated)}",
        f"Used: {_megabytes(used)} ({percent(used / whole, decimals=1)})",
        f"Available: {_megabytes(available)} ({percent(available / whole, decimals=1)})",
        joint="   ",
    )


def _ledger(pool: PoolRecord) -> str:
    # Of the same figure as is shown as used.
    if pool.managed is not None:
        peak, mean = size(pool.managed.peak_bytes), pool.managed.mean_bytes
    else:
        # A sampled peak may have missed a higher one between two looks.
        peak, mean = size(pool.peak_bytes, lower=pool.peak_kind == "sampled"), pool.mean_bytes
    return ", ".join(
        [
            pool.growth or "measured",
            f"peak {peak}",
            f"mean {size(mean)}",
            f"waste {percent(pool.waste)}",
        ]
    )


def _variables(record: StatsRecord) -> list[Block]:
    if not record.variables:
        return []
    rows = largest_first(record.variables)[:_TOP]
    total = len(record.variables) + sum(group.number for group in record.more_variables)
    title = f"Largest variables ({len(rows)} of {count(total)})"
    return [Fold(title, (variables_grid(rows),))]


def _caches(record: StatsRecord) -> list[Block]:
    items = [item for pool in record.pools if pool.name == "cache" for item in pool.items]
    if not items:
        return []
    items = sorted(items, key=lambda item: -item.used_bytes)[:_TOP]
    used = column(
        (item.used_bytes for item in items),
        bounds=["" if item.complete else "≥" for item in items],
        uniform=False,
    )
    rows = tuple(
        (item.name, amount, item.address or "", item.detail)
        for item, amount in zip(items, used, strict=True)
    )
    columns = (
        Column("cache", flex=True, least=12),
        Column("used", right=True),
        Column("target", flex=True, least=12),
        Column("", flex=True),
    )
    return [Fold("Caches", (Grid(columns, rows),))]


def _allocators(allocators: Sequence[AllocatorState]) -> list[Block]:
    if not allocators:
        return []
    held = column((one.held_bytes for one in allocators), uniform=False)
    used = column((one.used_bytes for one in allocators), uniform=False)
    free = column((one.slack_bytes for one in allocators), uniform=False)
    rows = tuple(
        (one.name, held[at], used[at], free[at], one.note) for at, one in enumerate(allocators)
    )
    columns = (
        Column("allocator", flex=True, least=12),
        Column("held", right=True),
        Column("used", right=True),
        Column("free", right=True),
        Column("", flex=True),
    )
    return [Fold("Allocators", (Grid(columns, rows),))]


def _children(children: Sequence[ChildProcess]) -> list[Block]:
    if not children:
        return []
    children = sorted(children, key=lambda child: -(child.pss_bytes or child.rss_bytes))
    rss = column((child.rss_bytes for child in children), uniform=False)
    pss = column((child.pss_bytes for child in children), uniform=False)
    rows = tuple(
        (child.name, str(child.pid), pss[at], rss[at]) for at, child in enumerate(children[:_TOP])
    )
    columns = (
        Column("process", flex=True, least=12),
        Column("pid", right=True),
        Column("own share", right=True),
        Column("resident", right=True),
    )
    return [Fold(f"Child processes ({count(len(children))})", (Grid(columns, rows),))]


def _limits(record: StatsRecord) -> list[Block]:
    known = list(dict.fromkeys([*record.limits, *([record.limit] if record.limit else [])]))
    if not known:
        return [Line.of(Part("no memory limit is known here", "muted"))]
    first = tightest(record)
    ordered: list[Limit] = sorted(known, key=lambda one: one.limit_bytes)
    rows = tuple(
        (
            one.source,
            limit(one.limit_bytes),
            "enforced" if one.enforced else "",
            "tightest" if one == first else "",
        )
        for one in ordered
    )
    columns = (
        Column(flex=True, least=12),
        Column(right=True),
        Column(),
        Column(tone="muted"),
    )
    return [Fold("Limits in force", (Grid(columns, rows),), open=True)]
