"""Puts the two passes together: from roots to their sizes."""

from __future__ import annotations

import gc
import sys
import time
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import nlargest
from sys import getrefcount

from .absence import Absence, Resident
from .adapter import Adapter
from .kinds import Kind, TypeTable
from .regions import Region, RegionWalk
from .results import BufferRange, Root, RootSize, Sizing
from .shared import SharedWalk
from .walk import Deadline, single_refs

__all__ = ["namespace_roots", "size_roots"]

_FIRST_PASS = 0.6  # of the budget; then shared is told from retained
_NOT_THE_LAST = 0.75  # of that: the last pools are not left without any
_BOTH_PASSES = 0.8  # the rest is for adding up
_ONE_ROOT = 0.5  # of what is left may go to one root, so that a giant cannot starve the rest
_LAST_ROOT = 0.8  # or to the last of a pool, after which there are only other pools
# An array is opened in microseconds and may hold gigabytes: so many are, however late it is.
_LATE = 200
_LATE_SHARE = 0.02
# More roots than a budget is likely to suffice for, and how many of them go first.
_MANY = 1_000
_LARGEST = 64

_namespace_of: Callable[[object], object] = vars(types.ModuleType)["__dict__"].__get__


def namespace_roots(
    namespace: Mapping[str, object],
    group: str,
    *,
    hidden: Collection[str] = (),
    history: Mapping[int, int] | None = None,
) -> list[Root]:
    """A root for every name of a namespace that is not ``hidden``.

    ``history`` says, by ``id``, how many more references to an object are IPython's own
    (``Out``, ``_``, hidden names ...); they are put down to the first of its names.
    """
    left = dict(history or {})
    return [
        Root(name, obj, group, 1 + left.pop(id(obj), 0))
        for name, obj in list(namespace.items())
        if name not in hidden
    ]


def size_roots(
    roots: Iterable[Root],
    *,
    adapters: Iterable[Adapter] = (),
    boundaries: Collection[int] = (),
    budget_s: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
    resident: Resident | None = None,
) -> Sizing:
    """Size all roots at once, no byte counted twice.

    Roots are charged in the order given, pool by pool (``group``). ``boundaries`` are
    ids of objects that are never entered, beside modules, their namespaces and
    ``sys.modules``. When ``budget_s`` seconds are used up, the figures so far are
    returned as lower bounds, ``complete`` false where they are. Never raises for
    what the objects are or do. Every reference to a root's object that is neither in
    its ``discount`` nor in its Root tuple counts as a holder, loop variables included.
    ``resident`` counts what of ``(address, nbytes)`` ranges is in memory, None if it can't.
    """
    started = clock()
    given = tuple(roots)
    collecting = gc.isenabled()
    gc.disable()
    try:
        engine = _Engine(given, adapters, boundaries, budget_s, clock, started)
        return engine.run(resident)
    finally:
        if collecting:
            gc.enable()


def _module_boundaries() -> set[int]:
    found = {id(sys.modules)}
    for module in list(sys.modules.values()):
        found.add(id(module))
        if issubclass(type(module), types.ModuleType):
            found.add(id(_namespace_of(module)))
    return found


class _Engine:
    def __init__(
        self,
        roots: tuple[Root, ...],
        adapters: Iterable[Adapter],
        boundaries: Collection[int],
        budget_s: float | None,
        clock: Callable[[], float],
        started: float,
    ) -> None:
        self._roots = roots
        self._clock = clock
        self._started = started
        self._budget = budget_s
        # Not part of the engine: a cycle would keep every root alive after the sizing.
        self._deadline = Deadline(clock)
        self._late = _LATE
        self._external = self._count_external()
        self._table = TypeTable(adapters)
        bounds = _module_boundaries() | set(boundaries)
        self._walk = RegionWalk(self._table, self._deadline, bounds)
        self._names: dict[int, list[str]] = {}
        for root in roots:
            self._names.setdefault(id(root.obj), []).append(root.key)

    def _count_external(self) -> dict[int, int]:
        """References to each root's object from outside, by id."""
        # In this list, an object shows one reference more than in its only holder.
        objs = [root.obj for root in self._roots]
        counts = list(map(getrefcount, objs))
        overhead = single_refs() - 2
        external = {id(obj): count - overhead for obj, count in zip(objs, counts, strict=True)}
        for root in self._roots:
            external[id(root.obj)] -= 2 + root.discount
        return external

    def run(self, resident: Resident | None) -> Sizing:
        regions: dict[int, Region] = {}
        order = self._order()
        last = order[-1].group if order else ""
        for at, root in enumerate(order):
            if id(root.obj) not in regions:
                share = _FIRST_PASS * (1 if root.group == last else _NOT_THE_LAST)
                followed = at + 1 < len(order) and order[at + 1].group == root.group
                self._set_deadline(share, _ONE_ROOT if followed else _LAST_ROOT)
                regions[id(root.obj)] = self._walk_root(root)
        if self._budget is not None:
            self._deadline.at = self._started + _BOTH_PASSES * self._budget
        shared = SharedWalk(self._table, self._deadline, self._walk)
        shared.build()
        return self._report(regions, shared, Absence(self._walk, shared, resident))

    def _walk_root(self, root: Root) -> Region:
        if self._deadline.at is not None and self._clock() >= self._deadline.at:
            if not self._late or root.together or self._effort(root):
                return self._walk.pass_over(root.obj)
            self._late -= 1
            self._deadline.at = self._clock() + _LATE_SHARE * (self._budget or 0.0)
        if root.together:
            return self._walk.walk_together(root.obj)  # type: ignore[arg-type] # a list
        return self._walk.walk(root.obj, self._external[id(root.obj)])

    def _set_deadline(self, share: float, part: float) -> None:
        """Let the next root have ``part`` of what is left of ``share`` of the budget."""
        if self._budget is not None:
            now = self._clock()
            last = self._started + share * self._budget
            self._deadline.at = now + part * max(0.0, last - now)

    def _order(self) -> list[Root]:
        """Charging order; under a budget, what is cheap to size first within each pool.

        Among very many roots the largest containers come before the small ones, which
        time may not suffice for.
        """
        if self._budget is None:
            return list(self._roots)
        ranks: dict[str, int] = {}
        for root in self._roots:
            ranks.setdefault(root.group, len(ranks))
        efforts = [self._effort(root) for root in self._roots]
        first = nlargest(_LARGEST, efforts)[-1] if len(efforts) > _MANY else 0
        keys = [
            (ranks[root.group], root.together, effort > 0 and effort < first, effort)
            for root, effort in zip(self._roots, efforts, strict=True)
        ]
        return [self._roots[at] for at in sorted(range(len(keys)), key=keys.__getitem__)]

    def _effort(self, root: Root) -> int:
        """A guess at how long a root takes, without touching what it holds."""
        info = self._table.info(type(root.obj))
        if info.kind in (Kind.SKIP, Kind.ATOM, Kind.ADAPTED):
            return 0
        return info.sizes((root.obj,))

    def _report(self, regions: dict[int, Region], shared: SharedWalk, absence: Absence) -> Sizing:
        entered, reached, partners = shared.sums()
        charged: set[int] = set()
        sizes: list[RootSize] = []
        for root in self._roots:
            region = regions[id(root.obj)]
            first = region.number not in charged
            charged.add(region.number)
            done = region.complete and (shared.complete or not (region.entries or region.foreign))
            shallow = 0 if root.together else self._shallow(root.obj, region.walked)
            retained = region.host_bytes - entered[region.number]
            if not region.walked and self._external[id(root.obj)] <= 0:
                region.sure_bytes = shallow
            retained = max(0, retained) if done else region.sure_bytes
            sizes.append(
                RootSize(
                    key=root.key,
                    group=root.group,
                    shallow_bytes=shallow,
                    retained_bytes=retained,
                    shared_bytes=reached[region.number],
                    charged_bytes=region.host_bytes if first else 0,
                    buffer_bytes=region.buffer_bytes if first else 0,
                    device_bytes=region.device_bytes if first else 0,
                    objects=region.objects if first else 0,
                    complete=done,
                    exact=region.exact,
                    aliases=tuple(k for k in self._names[id(root.obj)] if k != root.key),
                    shared_with=self._keys(partners[region.number]),
                    padding_bytes=region.padding_bytes if first else 0,
                    absent_bytes=absence.of_region(region) if first else 0,
                    absent_retained_bytes=min(retained, absence.retained(region, done=done)),
                    absent_shared_bytes=min(reached[region.number], absence.shared(region)),
                )
            )
        return Sizing(
            roots=tuple(sizes),
            complete=all(size.complete for size in sizes),
            duration_s=self._clock() - self._started,
            objects=self._walk.objects,
            buffers=tuple(self._ranges()),
            notes=tuple(self._table.notes),
            absence_known=absence.known,
        )

    def _keys(self, numbers: list[int]) -> tuple[str, ...]:
        regions = self._walk.regions
        return tuple(self._names[id(regions[number].root)][0] for number in numbers)

    def _shallow(self, obj: object, walked: bool) -> int:
        info = self._table.as_root(type(obj))
        size = info.sizes((obj,))
        if info.kind == Kind.ADAPTED and walked:
            exploded = self._walk.explode(info, [obj])
            size += exploded.own_bytes
            size += sum(b.nbytes for b in exploded.buffers if b.kind != "device")
        return size

    def _ranges(self) -> Iterable[BufferRange]:
        first = {id(root.obj): root for root in reversed(self._roots)}
        for space, ranges in enumerate(self._walk.spaces):
            for number, (start, end, owner) in enumerate(ranges.items):
                root = first[id(self._walk.regions[owner].root)]
                kind = self._walk.kinds[space].get(number, "host")
                yield BufferRange(start, end - start, root.key, root.group, kind)
