"""What there is to size: the user's variables first, then what every consumer holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pmat_nb.consumers.base import Held, Waste
from pmat_nb.consumers.history import history_holders
from pmat_nb.consumers.namespace import user_objects
from pmat_nb.engine.sizing import Root
from pmat_nb.engine.stats_records import POOL_NAMES, MoreVariables

from .selection import Bundle, select

__all__ = ["Gathered", "Named", "Source", "gather"]

_WASTE_BUDGET_S = 0.02


class Source(Protocol):
    """A consumer that never raises (``consumers.base.Watched``)."""

    name: str
    pool: str

    def held(self) -> tuple[Held, ...]:
        """What it holds now."""

    def waste(self, budget_s: float) -> Waste | None:
        """The waste of its pool, where it can tell."""


@dataclass(slots=True)
class Named:
    """What is kept of a root beside its object: how it is called and shown."""

    item: str
    detail: str = ""
    address: str | None = None
    extra_bytes: int = 0
    also_held_by: tuple[str, ...] = ()
    value: object = None
    bundle: MoreVariables | None = None


@dataclass(slots=True)
class Gathered:
    """Roots in charging order and, by their keys, their names."""

    roots: list[Root] = field(default_factory=list)
    named: dict[str, Named] = field(default_factory=dict)
    waste: dict[str, Waste] = field(default_factory=dict)
    # By the id of a variable's object: the pool that what it holds is charged to, and as what.
    contents: dict[int, tuple[str, Named]] = field(default_factory=dict)

    def add(self, pool: str, named: Named, value: object, discount: int = 0) -> None:
        """One more root."""
        key = f"{pool}:{len(self.roots)}"
        self.roots.append(Root(key, value, pool, discount, named.bundle is not None))
        self.named[key] = named


def gather(
    shell: Any, sources: Sequence[Source], most: int | None, wanted: Collection[str]
) -> Gathered:
    """The user's variables, ``most`` of them and those ``wanted`` one by one; consumers."""
    gathered = Gathered()
    seen = _gather_variables(shell, gathered, most, wanted)
    for source in sorted(sources, key=lambda source: _rank(source.pool)):
        _gather_consumer(source, gathered, seen)
    return gathered


def _rank(pool: str) -> int:
    """Where a pool stands in charging order; those that users created come last."""
    return POOL_NAMES.index(pool) if pool in POOL_NAMES else len(POOL_NAMES)


def _gather_variables(
    shell: Any, gathered: Gathered, most: int | None, wanted: Collection[str]
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
        named = Named(names[at], also_held_by=(*also, *history), value=values[at])
        # The namespace holds it once per name, and ``named`` once; ``values`` is gone
        # before the walk.
        gathered.add("analysis", named, values[at], 2 + len(also) + len(history))
    for bundle in chosen.rest:
        _gather_bundle(gathered, bundle, values)
    return found.ids


def _gather_bundle(gathered: Gathered, bundle: Bundle, values: Sequence[object]) -> None:
    together = [values[at] for at in bundle.positions]
    more = MoreVariables(bundle.type, len(together), 0, complete=False)
    item = f"{len(together):,} × {bundle.type or 'others'}"
    gathered.add("analysis", Named(item, bundle=more), together)


def _gather_consumer(source: Source, gathered: Gathered, seen: set[int]) -> None:
    if source.pool != "analysis":
        for held in source.held():
            if held.contents:
                named = Named(held.name, held.detail, held.address)
                own = [id(root) for root in held.roots if id(root) in seen]
                gathered.contents.update(dict.fromkeys(own, (source.pool, named)))
            # An object that is a variable as well is charged to the variable.
            roots = [root for root in held.roots if id(root) not in seen]
            for number, root in enumerate(roots):
                extra = held.extra_bytes if number == 0 else 0
                named = Named(held.name, held.detail, held.address, extra)
                gathered.add(source.pool, named, root)


def gather_waste(sources: Sequence[Source], gathered: Gathered) -> None:
    """Ask every consumer for the waste of its pool."""
    for source in sources:
        waste = source.waste(_WASTE_BUDGET_S)
        if waste is not None:
            gathered.waste[source.pool] = waste
