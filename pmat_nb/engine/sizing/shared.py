"""Second pass: how much of each region its entries reach, and who shares it.

Starting from the entries (objects held from elsewhere, see ``regions``) everything
they reach becomes a small graph: one node per object with several references, each
with the bytes of what hangs on it alone. Cycles are then folded (Tarjan's algorithm,
iterative) and the set of roots that reach a node flows down in one sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from sys import getsizeof
from typing import Any

from .adapter import Buffer
from .kinds import Kind, TypeTable
from .regions import Region, RegionWalk
from .walk import Deadline, OutOfTime, Walk, is_light

__all__ = ["SharedWalk", "components"]

PARTNERS = 8  # how many of those who share something are named


def components(edges: Sequence[set[int]]) -> list[list[int]]:
    """Strongly connected components, every one after all those it points to."""
    order: list[int] = [-1] * len(edges)
    low = [0] * len(edges)
    on_path = bytearray(len(edges))
    path: list[int] = []
    found: list[list[int]] = []
    seen = 0
    for start in range(len(edges)):
        if order[start] >= 0:
            continue
        work: list[tuple[int, Iterator[int]]] = [(start, iter(edges[start]))]
        order[start] = low[start] = seen
        seen += 1
        path.append(start)
        on_path[start] = 1
        while work:
            node, rest = work[-1]
            for target in rest:
                if order[target] < 0:
                    order[target] = low[target] = seen
                    seen += 1
                    path.append(target)
                    on_path[target] = 1
                    work.append((target, iter(edges[target])))
                    break
                if on_path[target]:
                    low[node] = min(low[node], order[target])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[node])
                if low[node] == order[node]:
                    found.append(_cut(path, node, on_path))
    return found


def _cut(path: list[int], node: int, on_path: bytearray) -> list[int]:
    at = len(path) - 1
    while path[at] != node:
        at -= 1
    component = path[at:]
    del path[at:]
    for member in component:
        on_path[member] = 0
    return component


class SharedWalk(Walk):
    """The graph below all entries. ``complete`` is false once the budget has ended it."""

    def __init__(self, table: TypeTable, deadline: Deadline, first: RegionWalk) -> None:
        super().__init__(table, deadline)
        self.complete = True
        self._first = first
        self._node_of: dict[int, int] = {}
        self._sizes: list[int] = []
        self._region_of: list[int] = []
        self._edges: list[set[int]] = []
        self._todo: list[tuple[int, Any]] = []
        self._here: set[int] = set()
        self._region = 0

    def build(self) -> None:
        """Walk everything below the entries of all regions."""
        try:
            for region in self._first.regions:
                self._enter(region)
            while self._todo:
                self._open_node(*self._todo.pop())
        except OutOfTime:
            self.complete = False

    def _enter(self, region: Region) -> None:
        if region.complete and region.entries == {id(region.root)}:
            node = self._new(id(region.root), region.number)
            self._sizes[node] = region.host_bytes
            self._edges[node] = {self._entry(k) for k in region.foreign}
            return
        for key in region.entries if region.complete else ():
            self._entry(key)
        for key in region.foreign:
            self._entry(key)

    def _entry(self, key: int) -> int:
        node = self._node_of.get(key)
        if node is not None:
            return node
        if key < 0:
            return self._buffer_node(-1 - key)
        node = self._new(key, self._first.owner_of[key])
        self._todo.append((node, self._first.object_of[key]))
        return node

    def _new(self, key: int, region: int) -> int:
        node = self._node_of[key] = len(self._sizes)
        self._sizes.append(0)
        self._edges.append(set())
        self._region_of.append(region)
        return node

    def _buffer_node(self, number: int) -> int:
        node = self._node_of.get(-1 - number)
        if node is None:
            ranges = self._first.spaces[0]
            node = self._new(-1 - number, ranges.items[number][2])
            self._sizes[node] = ranges.nbytes(number)
        return node

    def _open_node(self, node: int, obj: Any) -> None:
        region = self._first.regions[self._region_of[node]]
        self._here = self._edges[node]
        self._region = region.number
        info = self.table.info(type(obj))
        if info.kind == Kind.SKIP and obj is region.root:
            info = self.table.as_root(type(obj))
        self.nbytes = 0
        self.take(info, (obj,))
        if info.kind > Kind.ATOM:
            self.run()
        self._sizes[node] = self.nbytes

    def _shared(self, objs: list[Any], refcounts: list[int], owned: bool) -> None:
        skip, node_of = self._first.skip, self._node_of
        for obj, refcount in zip(objs, refcounts, strict=True):
            key = id(obj)
            node = node_of.get(key)
            if node is None:
                if key in skip or is_light(obj, refcount):
                    continue
                if self.table.info(type(obj)).kind == Kind.SKIP:
                    continue
                node = self._new(key, self._first.owner_of.get(key, self._region))
                self._todo.append((node, obj))
            self._here.add(node)

    def _buffers(self, buffers: Sequence[Buffer]) -> None:
        for address, nbytes, kind in buffers:
            if kind != "device":
                touched, _ = self._first.spaces[0].claim(address, nbytes, self._region)
                self._here.update(map(self._buffer_node, touched))

    def buffers(self) -> Iterator[tuple[int, int]]:
        """Number and owning region of each buffer that several holders may reach."""
        for key, node in self._node_of.items():
            if key < 0:
                yield -1 - key, self._region_of[node]

    def absences(
        self, by_region: Mapping[int, int], by_buffer: Mapping[int, int]
    ) -> tuple[list[int], list[int]]:
        """What is not in memory, for every region: below its own entries, and in its shared.

        ``by_region`` and ``by_buffer`` say, by number, how much of each is not.
        """
        regions = self._first.regions
        entered, shared = [0] * len(regions), [0] * len(regions)
        weights = [0] * len(self._sizes)
        for key, node in self._node_of.items():
            region = regions[self._region_of[node]]
            if key < 0:
                weights[node] = by_buffer.get(-1 - key, 0)
            elif key == id(region.root) and region.entries == {key}:
                # One node stands for the whole region, its buffers included.
                weights[node] = by_region.get(region.number, 0)
        for weight, number in zip(weights, self._region_of, strict=True):
            entered[number] += weight
        for members, nbytes in self._flow(self._arrivals(), weights).items():
            for number in members:
                shared[number] += nbytes
        return entered, shared

    def _loose_bytes(self, atoms: set[int]) -> int:
        """Bytes of the atoms that no node of the graph reaches."""
        loose = atoms.difference(self._node_of)
        return sum(map(getsizeof, map(self._first.object_of.__getitem__, loose)))

    def _own_loose_bytes(self, region: Region) -> int:
        whole = id(region.root) in region.entries and len(region.entries) == 1
        # One node may stand for the whole region, its atoms included.
        return 0 if whole else self._loose_bytes(region.atoms)

    def sums(self) -> tuple[list[int], list[int], list[list[int]]]:
        """For every region: the bytes its entries reach, its shared bytes, and who shares them."""
        regions = self._first.regions
        loose = [self._own_loose_bytes(region) for region in regions]
        entered = list(loose)
        for size, number in zip(self._sizes, self._region_of, strict=True):
            entered[number] += size
        shared, partners = self._reach()
        for region in regions:
            shared[region.number] += self._loose_bytes(region.foreign_atoms)
            if region.complete:
                shared[region.number] += loose[region.number]
            for owner in set(map(self._first.owner_of.__getitem__, region.foreign_atoms)):
                pair = (owner, region.number)
                _pair_up(partners, pair, pair)
        return entered, shared, partners

    def _reach(self) -> tuple[list[int], list[list[int]]]:
        shared = [0] * len(self._first.regions)
        partners: list[list[int]] = [[] for _ in shared]
        for members, nbytes in self._flow(self._arrivals(), self._sizes).items():
            for number in members:
                shared[number] += nbytes
            # A few are named; sorting all of many thousands would be for nothing.
            _pair_up(partners, members, nsmallest(PARTNERS + 1, members))
        return shared, partners

    def _arrivals(self) -> list[list[frozenset[int]]]:
        """For every node: the regions that enter the graph there, each as a set of one."""
        arrivals: list[list[frozenset[int]]] = [[] for _ in self._sizes]
        for region in self._first.regions:
            keys = {*region.foreign, *region.foreign_atoms}
            if region.complete:
                keys |= region.entries | region.atoms
            alone = frozenset((region.number,))
            # Not keys.intersection(): that would walk the whole table for every region.
            for key in keys:
                if key in self._node_of:
                    arrivals[self._node_of[key]].append(alone)
        return arrivals

    def _flow(
        self, arrivals: list[list[frozenset[int]]], weights: Sequence[int]
    ) -> dict[frozenset[int], int]:
        """Bytes by the set of regions that reach them.

        Nodes are visited after all that lead to them, so each set is made once; nodes
        with one source share its set. Memory grows with what is really shared, not
        with regions times nodes.
        """
        made: dict[frozenset[int], frozenset[int]] = {}
        by_members: dict[frozenset[int], int] = {}
        for component in reversed(components(self._edges)):
            parts = {id(part): part for node in component for part in arrivals[node]}
            members = _union(list(parts.values()), made)
            for node in component:
                arrivals[node] = []
                for target in self._edges[node]:
                    arrivals[target].append(members)
            nbytes = sum(weights[node] for node in component)
            by_members[members] = by_members.get(members, 0) + nbytes
        return by_members


def _union(
    parts: list[frozenset[int]], made: dict[frozenset[int], frozenset[int]]
) -> frozenset[int]:
    if len(parts) == 1:
        return parts[0]
    union: frozenset[int] = frozenset().union(*parts)
    return made.setdefault(union, union)


def _pair_up(partners: list[list[int]], members: Iterable[int], others: Sequence[int]) -> None:
    for number in members:
        known = partners[number]
        for other in others:
            if len(known) < PARTNERS and other != number and other not in known:
                known.append(other)
