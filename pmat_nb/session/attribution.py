"""One sizing of everything that has a name, divided among the pools.

User variables are walked first, then caches, leftovers, strings and code, so that
each object is charged once, in that order, and only its resident part counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pmat_nb.consumers.base import Held, Waste
from pmat_nb.consumers.describe import describe, type_name
from pmat_nb.consumers.history import history_holders
from pmat_nb.consumers.namespace import user_variables
from pmat_nb.engine.records import POOL_NAMES, PoolItem, VariableSize
from pmat_nb.engine.sizing import BufferRange, Root, RootSize, Sizing, size_roots

from .ledger import PoolReading

__all__ = ["Attribution", "attribute"]

_WASTE_BUDGET_S = 0.02
# Nobody reads the details of more; each takes microseconds.
_DESCRIBED = 5_000


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
    """What a sizing found: the pools' readings and the variables, largest first."""

    pools: Mapping[str, PoolReading]
    variables: tuple[VariableSize, ...]
    not_resident_bytes: int | None
    file_bytes: int
    sizing: Sizing
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


@dataclass(slots=True)
class _Gathered:
    roots: list[Root] = field(default_factory=list)
    named: dict[str, _Named] = field(default_factory=dict)
    waste: dict[str, Waste] = field(default_factory=dict)

    def add(self, pool: str, named: _Named, value: object, discount: int = 0) -> None:
        key = f"{pool}:{len(self.roots)}"
        self.roots.append(Root(key, value, pool, discount))
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
) -> Attribution:
    """Size everything that has a name.

    ``usage`` gives, for a variable, the cell that bound it last and the cells since
    its last mention. ``budget_s`` None means: however long it takes.
    """
    gathered = _Gathered()
    seen = _gather_variables(shell, gathered)
    for source in sorted(sources, key=lambda source: POOL_NAMES.index(source.pool)):
        _gather_consumer(source, gathered, seen)
    sizing = size_roots(gathered.roots, adapters=adapters, boundaries=boundaries, budget_s=budget_s)
    gathered.roots.clear()
    absent = _absent_bytes(sizing.buffers, probe)
    return Attribution(
        pools=_pool_readings(sizing, gathered, absent),
        variables=_variables(sizing, gathered, usage),
        not_resident_bytes=None if absent is None else sum(absent.values()),
        file_bytes=_resident_file_bytes(sizing.buffers, probe),
        sizing=sizing,
        notes=sizing.notes,
    )


def _gather_variables(shell: Any, gathered: _Gathered) -> set[int]:
    holders = history_holders(shell)
    seen: set[int] = set()
    for variable in user_variables(shell):
        history = holders.get(id(variable.value), ())
        named = _Named(
            variable.name,
            also_held_by=(*variable.names[1:], *history),
            value=variable.value,
        )
        # The namespace holds it once per name, and ``named`` once; ``variable`` is gone
        # before the walk.
        discount = len(variable.names) + len(history) + 1
        gathered.add("analysis", named, variable.value, discount)
        seen.add(id(variable.value))
    return seen


def _gather_consumer(source: Source, gathered: _Gathered, seen: set[int]) -> None:
    if source.pool != "analysis":
        for held in source.held():
            # An object that is a variable as well is charged to the variable.
            roots = [root for root in held.roots if id(root) not in seen]
            for number, root in enumerate(roots):
                extra = held.extra_bytes if number == 0 else 0
                named = _Named(held.name, held.detail, held.address, extra)
                gathered.add(source.pool, named, root)
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
        sizes[root.group].append(root)
    return {pool: _reading(pool, roots, gathered, absent or {}) for pool, roots in sizes.items()}


def _reading(
    pool: str, roots: list[RootSize], gathered: _Gathered, absent: Mapping[str, int]
) -> PoolReading:
    items: dict[str, PoolItem] = {}
    for root in roots:
        named = gathered.named[root.key]
        used = root.charged_bytes - absent.get(root.key, 0) + named.extra_bytes
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
        items=tuple(sorted(items.values(), key=lambda item: -item.used_bytes)),
        waste=waste.fraction if waste else None,
        also_seen_bytes=waste.seen_bytes if waste else 0,
    )


def _variables(
    sizing: Sizing,
    gathered: _Gathered,
    usage: Callable[[str], tuple[str | None, int | None]],
) -> tuple[VariableSize, ...]:
    roots = sorted(
        (root for root in sizing.roots if root.group == "analysis"),
        key=lambda root: (-root.retained_bytes, gathered.named[root.key].item),
    )
    return tuple(
        _variable(root, gathered, usage, described=number < _DESCRIBED)
        for number, root in enumerate(roots)
    )


def _variable(
    root: RootSize,
    gathered: _Gathered,
    usage: Callable[[str], tuple[str | None, int | None]],
    *,
    described: bool,
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
        detail=describe(named.value) if described else "",
        also_held_by=", ".join(dict.fromkeys((*named.also_held_by, *others))),
        bound_in=bound_in,
        cells_since_use=cells_since_use,
        complete=root.complete,
    )
