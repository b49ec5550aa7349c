"""One sizing of everything that has a name, divided among the pools.

User variables are walked first, then caches, leftovers, strings and code, so that
each object is charged once, in that order, and only its resident part counts.
"""

from __future__ import annotations

import gc
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pmat_nb.consumers.base import Held, Waste
from pmat_nb.consumers.describe import describe, type_name
from pmat_nb.consumers.history import history_holders
from pmat_nb.consumers.namespace import user_objects
from pmat_nb.engine.records import POOL_NAMES, MoreVariables, PoolItem, VariableSize
from pmat_nb.engine.sizing import BufferRange, Root, RootSize, Sizing, size_roots

from .ledger import PoolReading
from .selection import NAMED, Bundle, select

__all__ = ["Attribution", "attribute"]

_WASTE_BUDGET_S = 0.02
# Where listing took more of the budget, there is no time to look for waste as well.
_LISTING_SHARE = 0.2
# However long the listing took, so much of the budget is for the walk.
_WALK_SHARE = 0.2


class Source(Protocol):
    """A consumer that never raises (``consumers.base.Watched``)."""

    name: str
    pool: str

    def held(self) -> tuple[Held, ...]:
        """What it holds now."""

    def waste(self, budget_s: float) -> Waste | None:
        """The waste of its pool, where it can tell."""


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


@dataclass(slots=True)
class _Named:
    """What is kept of a root beside its object: how it is called and shown."""

    item: str
    detail: str = ""
    address: str | None = None
    extra_bytes: int = 0
    also_held_by: tuple[str, ...] = ()
    value: object = None
    bundle: MoreVariables | None = None


@dataclass(slots=True)
class _Gathered:
    roots: list[Root] = field(default_factory=list)
    named: dict[str, _Named] = field(default_factory=dict)
    waste: dict[str, Waste] = field(default_factory=dict)

    def add(self, pool: str, named: _Named, value: object, discount: int = 0) -> None:
        key = f"{pool}:{len(self.roots)}"
        self.roots.append(Root(key, value, pool, discount, named.bundle is not None))
        self.named[key] = named


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
) -> Attribution:
    """Size everything that has a name.

    ``usage`` gives, for a variable, the cell that bound it last and the cells since
    its last mention. ``budget_s`` None means: however long it takes, and each variable
    by itself. Otherwise ``most`` of them are, and those ``wanted``; the others are
    sized together.
    """
    started = time.perf_counter()
    collecting = gc.isenabled()
    # Lists of a hundred thousand objects would set the collector off several times.
    gc.disable()
    try:
        gathered = _gather(shell, sources, None if budget_s is None else most, wanted)
        if budget_s is None or time.perf_counter() - started < _LISTING_SHARE * budget_s:
            _gather_waste(sources, gathered)
    finally:
        if collecting:
            gc.enable()
    if budget_s is not None:
        left = budget_s - (time.perf_counter() - started)
        budget_s = max(left, _WALK_SHARE * budget_s)
    sizing = size_roots(gathered.roots, adapters=adapters, boundaries=boundaries, budget_s=budget_s)
    gathered.roots.clear()
    absent = _absent_bytes(sizing.buffers, probe)
    return Attribution(
        pools=_pool_readings(sizing, gathered, absent),
        variables=_variables(sizing, gathered, usage),
        more=_more_variables(sizing, gathered),
        not_resident_bytes=None if absent is None else sum(absent.values()),
        file_bytes=_resident_file_bytes(sizing.buffers, probe),
        complete=sizing.complete,
        duration_s=time.perf_counter() - started,
        objects=sizing.objects,
        notes=sizing.notes,
    )


def _gather(
    shell: Any, sources: Sequence[Source], most: int | None, wanted: Collection[str]
) -> _Gathered:
    gathered = _Gathered()
    seen = _gather_variables(shell, gathered, most, wanted)
    for source in sorted(sources, key=lambda source: _rank(source.pool)):
        _gather_consumer(source, gathered, seen)
    return gathered


def _rank(pool: str) -> int:
    """Where a pool stands in charging order; those that users created come last."""
    return POOL_NAMES.index(pool) if pool in POOL_NAMES else len(POOL_NAMES)


def _gather_variables(
    shell: Any, gathered: _Gathered, most: int | None, wanted: Collection[str]
) -> set[int]:
    holders = history_holders(shell)
    found = user_objects(shell)
    names, values, aliases = found.names, found.values, found.aliases
    # What has several holders outside is sized by itself: they are known by name.
    apart = {at for at, value in enumerate(values) if id(value) in holders} if holders else set()
    apart.update(aliases)
    for name in wanted:
        apart.update([at for at, known in enumerate(names) if known == name])
    chosen = select(values, apart, len(values) if most is None else most)
    for at in chosen.named:
        also, history = aliases.get(at, ()), holders.get(id(values[at]), ())
        named = _Named(names[at], also_held_by=(*also, *history), value=values[at])
        # The namespace holds it once per name, and ``named`` once; ``values`` is gone
        # before the walk.
        gathered.add("analysis", named, values[at], 2 + len(also) + len(history))
    for bundle in chosen.rest:
        _gather_bundle(gathered, bundle, values)
    return found.ids


def _gather_bundle(gathered: _Gathered, bundle: Bundle, values: Sequence[object]) -> None:
    together = [values[at] for at in bundle.positions]
    more = MoreVariables(bundle.type, len(together), 0, complete=False)
    item = f"{len(together):,} × {bundle.type or 'others'}"
    gathered.add("analysis", _Named(item, bundle=more), together)


def _gather_consumer(source: Source, gathered: _Gathered, seen: set[int]) -> None:
    if source.pool != "analysis":
        for held in source.held():
            # An object that is a variable as well is charged to the variable.
            roots = [root for root in held.roots if id(root) not in seen]
            for number, root in enumerate(roots):
                extra = held.extra_bytes if number == 0 else 0
                named = _Named(held.name, held.detail, held.address, extra)
                gathered.add(source.pool, named, root)


def _gather_waste(sources: Sequence[Source], gathered: _Gathered) -> None:
    for source in sources:
        waste = source.waste(_WASTE_BUDGET_S)
        if waste is not None:
            gathered.waste[source.pool] = waste


def _absent_bytes(buffers: Iterable[BufferRange], probe: Residency) -> dict[str, int] | None:
    """Claimed bytes that are not in memory, per root; None where that is unknown."""
    ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for buffer in buffers:
        if buffer.kind != "device":
            ranges[buffer.key].append((buffer.address, buffer.nbytes))
    absent = {}
    for key, blocks in ranges.items():
        resident = probe.resident_bytes(blocks)
        if resident is None:
            return None
        absent[key] = max(0, sum(nbytes for _, nbytes in blocks) - resident)
    return absent


def _resident_file_bytes(buffers: Iterable[BufferRange], probe: Residency) -> int:
    mapped = [(buffer.address, buffer.nbytes) for buffer in buffers if buffer.kind == "file"]
    return (probe.resident_bytes(mapped) or 0) if mapped else 0


def _pool_readings(
    sizing: Sizing, gathered: _Gathered, absent: Mapping[str, int] | None
) -> dict[str, PoolReading]:
    sizes: dict[str, list[RootSize]] = {pool: [] for pool in POOL_NAMES}
    for root in sizing.roots:
        sizes.setdefault(root.group, []).append(root)
    return {pool: _reading(pool, roots, gathered, absent or {}) for pool, roots in sizes.items()}


def _reading(
    pool: str, roots: list[RootSize], gathered: _Gathered, absent: Mapping[str, int]
) -> PoolReading:
    items: dict[str, PoolItem] = {}
    for root in roots:
        named = gathered.named[root.key]
        used = root.charged_bytes + root.padding_bytes - absent.get(root.key, 0) + named.extra_bytes
        before = items.get(named.item)
        items[named.item] = PoolItem(
            named.item,
            used + (before.used_bytes if before else 0),
            named.detail,
            named.address,
            root.complete and (before.complete if before else True),
        )
    waste = gathered.waste.get(pool)
    return PoolReading(
        used_bytes=sum(item.used_bytes for item in items.values()),
        complete=all(item.complete for item in items.values()),
        items=_largest_items(sorted(items.values(), key=lambda item: -item.used_bytes)),
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


def _more_variables(sizing: Sizing, gathered: _Gathered) -> tuple[MoreVariables, ...]:
    return tuple(
        bundle._replace(retained_bytes=root.retained_bytes, complete=root.complete)
        for root in sizing.roots
        if (bundle := gathered.named[root.key].bundle) is not None
    )


def _variables(
    sizing: Sizing,
    gathered: _Gathered,
    usage: Callable[[str], tuple[str | None, int | None]],
) -> tuple[VariableSize, ...]:
    roots = sorted(
        (
            root
            for root in sizing.roots
            if root.group == "analysis" and gathered.named[root.key].bundle is None
        ),
        key=lambda root: (-root.retained_bytes, gathered.named[root.key].item),
    )
    return tuple(_variable(root, gathered, usage) for root in roots)


def _variable(
    root: RootSize,
    gathered: _Gathered,
    usage: Callable[[str], tuple[str | None, int | None]],
) -> VariableSize:
    named = gathered.named[root.key]
    bound_in, cells_since_use = usage(named.item)
    others = (gathered.named[key].item for key in root.shared_with if key in gathered.named)
    return VariableSize(
        name=named.item,
        retained_bytes=root.retained_bytes,
        shared_bytes=root.shared_bytes,
        shallow_bytes=root.shallow_bytes,
        device_bytes=root.device_bytes or None,
        type=type_name(named.value),
        detail=describe(named.value),
        also_held_by=", ".join(dict.fromkeys((*named.also_held_by, *others))),
        bound_in=bound_in,
        cells_since_use=cells_since_use,
        complete=root.complete,
    )
