"""One sizing of everything that has a name, divided among the pools.

User variables are walked first, then caches, leftovers, strings and code, so that
each object is charged once, in that order, and only its resident part counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pmat_nb.consumers.base import Waste
from pmat_nb.consumers.describe import describe, type_name
from pmat_nb.engine.ranking import largest_first
from pmat_nb.engine.sizing import BufferRange, RootSize, Sizing, size_roots
from pmat_nb.engine.stats_records import POOL_NAMES, MoreVariables, PoolItem, VariableSize

from .estimates import Estimate, Estimates, Weight, charged, sampled
from .gathering import Gathered, Source, gather, gather_waste
from .ledger import PoolReading
from .selection import NAMED

__all__ = ["Attribution", "attribute"]

# Where listing took more of the budget, there is no time to look for waste as well.
_LISTING_SHARE = 0.2
# However long the listing took, so much of the budget is for the walk.
_WALK_SHARE = 0.2
# For samples of what was not sized to the end, on top of the budget.
_ESTIMATES_BUDGET_S = 0.03
# What has fewer is sized to the end within any budget.
_MANY_OBJECTS = 10_000


class Residency(Protocol):
    """The part of the probe that says how much of a buffer is in memory."""

    def resident_bytes(self, ranges: Iterable[tuple[int, int]]) -> int | None:
        """Resident bytes of these ``(address, nbytes)`` ranges."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """What a sizing found: the pools' readings and the variables, largest first.

    ``more`` are variables that were sized together. ``objects`` is how many Python
    objects were met, ``duration_s`` all of the time that it took.
    """

    pools: Mapping[str, PoolReading]
    variables: tuple[VariableSize, ...]
    more: tuple[MoreVariables, ...]
    not_resident_bytes: int | None
    file_bytes: int
    complete: bool
    duration_s: float
    objects: int
    notes: tuple[str, ...] = ()


def attribute(
    shell: Any,
    sources: Sequence[Source],
    probe: Residency,
    *,
    adapters: Sequence[Any],
    boundaries: Collection[int],
    budget_s: float | None,
    usage: Callable[[str], tuple[str | None, int | None]],
    most: int = NAMED,
    wanted: Collection[str] = (),
    estimates: Estimates | None = None,
) -> Attribution:
    """Size everything that has a name.

    ``usage`` gives, for a variable, the cell that bound it last and the cells since
    its last mention. ``budget_s`` None means: however long it takes, and each variable
    by itself. Otherwise ``most`` of them are, and those ``wanted``; the others are
    sized together. ``estimates`` remembers sizes from one sizing to the next.
    """
    started = time.perf_counter()
    collecting = gc.isenabled()
    # Lists of a hundred thousand objects would set the collector off several times.
    gc.disable()
    try:
        gathered = gather(shell, sources, None if budget_s is None else most, wanted)
        if budget_s is None or time.perf_counter() - started < _LISTING_SHARE * budget_s:
            gather_waste(sources, gathered)
    finally:
        if collecting:
            gc.enable()
    if budget_s is not None:
        left = budget_s - (time.perf_counter() - started)
        budget_s = max(left, _WALK_SHARE * budget_s)
    sizing = size_roots(
        gathered.roots,
        adapters=adapters,
        boundaries=boundaries,
        budget_s=budget_s,
        resident=probe.resident_bytes,
    )
    gathered.roots.clear()
    estimated = {}
    if estimates is not None:
        estimated = _estimated(sizing, gathered, estimates, adapters, boundaries)
    absent = sum(root.absent_bytes for root in sizing.roots)
    return Attribution(
        pools=_pool_readings(sizing, gathered, estimated),
        variables=_variables(sizing, gathered, estimated, usage),
        more=_more_variables(sizing, gathered),
        not_resident_bytes=absent if sizing.absence_known else None,
        file_bytes=_resident_file_bytes(sizing.buffers, probe),
        complete=sizing.complete,
        duration_s=time.perf_counter() - started,
        objects=sizing.objects,
        notes=sizing.notes,
    )


def _resident_file_bytes(buffers: Iterable[BufferRange], probe: Residency) -> int:
    mapped = [(buffer.address, buffer.nbytes) for buffer in buffers if buffer.kind == "file"]
    return (probe.resident_bytes(mapped) or 0) if mapped else 0


def _estimated(
    sizing: Sizing,
    gathered: Gathered,
    estimates: Estimates,
    adapters: Sequence[Any],
    boundaries: Collection[int],
) -> dict[str, Estimate]:
    """What the variables that were not sized to the end probably are, by their root's key."""
    found = {}
    ends = time.perf_counter() + _ESTIMATES_BUDGET_S

    def sample(value: object) -> Weight | None:
        left = ends - time.perf_counter()
        if left <= 0:
            return None
        return sampled(value, adapters=adapters, boundaries=boundaries, budget_s=left)

    for root in sizing.roots:
        named = gathered.named[root.key]
        if root.group != "analysis" or named.bundle is not None:
            continue
        if not root.complete:
            estimate = estimates.of(named.value, root, sample)
            if estimate is not None:
                found[root.key] = estimate
        elif root.objects >= _MANY_OBJECTS:
            estimates.learn(named.value, root)
    return found


def _used(root: RootSize) -> int:
    """What a root counts for: resident bytes first reached from it."""
    return charged(root).used_bytes


def _pool_readings(
    sizing: Sizing, gathered: Gathered, estimated: Mapping[str, Estimate]
) -> dict[str, PoolReading]:
    items: dict[str, dict[str, PoolItem]] = {pool: {} for pool in POOL_NAMES}
    for root in sizing.roots:
        for pool, item in _charges(root, gathered, estimated.get(root.key)):
            known = items.setdefault(pool, {})
            known[item.name] = _joined(known.get(item.name), item)
    return {
        pool: _reading(found.values(), gathered.waste.get(pool)) for pool, found in items.items()
    }


def _charges(
    root: RootSize, gathered: Gathered, estimate: Estimate | None
) -> Iterator[tuple[str, PoolItem]]:
    """The pool and item that a root counts for; two where a variable is a cache as well."""
    named = gathered.named[root.key]
    used = _used(root) + named.extra_bytes
    contents = gathered.contents.get(id(named.value)) if named.value is not None else None
    if contents is not None:
        pool, cache = contents
        held = max(0, used - root.shallow_bytes)
        yield pool, PoolItem(cache.item, held, cache.detail, cache.address, root.complete)
        used -= held
    yield (
        root.group,
        PoolItem(
            named.item,
            used,
            named.detail,
            named.address,
            root.complete,
            None if estimate is None else estimate.weight.used_bytes,
        ),
    )


def _joined(before: PoolItem | None, item: PoolItem) -> PoolItem:
    if before is None:
        return item
    return item._replace(
        used_bytes=item.used_bytes + before.used_bytes,
        complete=item.complete and before.complete,
    )


def _reading(items: Iterable[PoolItem], waste: Waste | None) -> PoolReading:
    ordered = sorted(items, key=lambda item: -max(item.used_bytes, item.estimated_bytes or 0))
    return PoolReading(
        used_bytes=sum(item.used_bytes for item in ordered),
        complete=all(item.complete for item in ordered),
        items=_largest_items(ordered),
        waste=waste.fraction if waste else None,
        also_seen_bytes=waste.seen_bytes if waste else 0,
    )


def _largest_items(items: list[PoolItem]) -> tuple[PoolItem, ...]:
    """As many as a report keeps, the others as one."""
    if len(items) <= NAMED:
        return tuple(items)
    rest = items[NAMED:]
    used = sum(item.used_bytes for item in rest)
    complete = all(item.complete for item in rest)
    return (*items[:NAMED], PoolItem(f"{len(rest):,} × others", used, complete=complete))


def _more_variables(sizing: Sizing, gathered: Gathered) -> tuple[MoreVariables, ...]:
    return tuple(
        bundle._replace(
            retained_bytes=root.retained_bytes - root.absent_retained_bytes,
            complete=root.complete,
        )
        for root in sizing.roots
        if (bundle := gathered.named[root.key].bundle) is not None
    )


def _variables(
    sizing: Sizing,
    gathered: Gathered,
    estimated: Mapping[str, Estimate],
    usage: Callable[[str], tuple[str | None, int | None]],
) -> tuple[VariableSize, ...]:
    found = [
        _variable(root, gathered, estimated.get(root.key), usage)
        for root in sizing.roots
        if root.group == "analysis" and gathered.named[root.key].bundle is None
    ]
    return largest_first(found)


def _variable(
    root: RootSize,
    gathered: Gathered,
    estimate: Estimate | None,
    usage: Callable[[str], tuple[str | None, int | None]],
) -> VariableSize:
    named = gathered.named[root.key]
    bound_in, cells_since_use = usage(named.item)
    others = (gathered.named[key].item for key in root.shared_with if key in gathered.named)
    also = dict.fromkeys((*named.also_held_by, *others))
    also.pop(named.item, None)
    return VariableSize(
        name=named.item,
        retained_bytes=root.retained_bytes - root.absent_retained_bytes,
        shared_bytes=root.shared_bytes - root.absent_shared_bytes,
        shallow_bytes=root.shallow_bytes,
        device_bytes=root.device_bytes or None,
        type=type_name(named.value),
        detail=describe(named.value),
        also_held_by=", ".join(also),
        bound_in=bound_in,
        cells_since_use=cells_since_use,
        complete=root.complete,
        not_resident_bytes=root.absent_retained_bytes + root.absent_shared_bytes,
        charged_bytes=_used(root),
        estimated_bytes=None if estimate is None else estimate.weight.nbytes,
        estimated_age_s=None if estimate is None else estimate.age_s,
    )
