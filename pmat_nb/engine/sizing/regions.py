"""First pass: what each root reaches first, and which of it others hold too.

The roots are walked in charging order. All that a root reaches and no earlier one did
is its *region*. Every object with several references is tracked while the region is
walked: references found are taken off its reference count. At zero it is *closed*:
all its holders are inside the region and it can be forgotten. What is left open at
the end is held from elsewhere: an *entry*. So a region's retained part is all of it
but what its entries reach, which the second pass finds out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .adapter import Buffer
from .children import LIGHT_REFS, Chunk
from .kinds import ATOM_IDS, TypeTable
from .ranges import Ranges
from .walk import Deadline, Frontier, OutOfTime, Walk, is_light

__all__ = ["Region", "RegionWalk"]

# References per object from which on each object is looked at once instead.
_OFTEN = 4
_SPACES = {"host": 0, "file": 0, "device": 1}


class Region:
    """What one root (with its aliases) reached first."""

    __slots__ = (
        *(
            "atoms",
            "buffer_bytes",
            "complete",
            "device_bytes",
            "entries",
            "exact",
            "foreign",
            "foreign_atoms",
            "host_bytes",
        ),
        *("number", "objects", "padding_bytes", "root", "sure_bytes", "walked"),
    )

    def __init__(self, number: int, root: Any) -> None:
        self.number = number
        self.root = root
        self.host_bytes = 0
        self.sure_bytes = 0  # retained in any case: a chain of single references from the root
        self.buffer_bytes = 0
        self.device_bytes = 0
        self.padding_bytes = 0
        self.objects = 0
        self.complete = False
        self.walked = True
        self.exact = True
        self.atoms: set[int] = set()  # own atoms that others hold
        self.entries: set[int] = set()  # own other objects and buffers that others hold
        self.foreign_atoms: set[int] = set()  # atoms of earlier regions it reaches
        self.foreign: set[int] = set()  # other objects and buffers of earlier regions it reaches


class RegionWalk(Walk):
    """Walks regions one after the other; ``owner_of`` and ``objects_of`` keep the entries.

    Buffers are numbered after the ranges: ``-1 - number``.
    """

    def __init__(self, table: TypeTable, deadline: Deadline, boundaries: Iterable[int]) -> None:
        super().__init__(table, deadline)
        self.skip = set(boundaries)
        self._boundaries = frozenset(self.skip)
        self.spaces = (Ranges(), Ranges())
        self.kinds: list[dict[int, str]] = [{}, {}]
        self.owner_of: dict[int, int] = {}
        self.object_of: dict[int, Any] = {}
        self.regions: list[Region] = []
        self._left: dict[int, int] = {}
        self._sure = self.frontier
        self._unsure = Frontier()
        self._unowned: set[int] = set()
        self._region: Region

    def walk(self, root: Any, external_refs: int) -> Region:
        """Walk what hangs on a root whose references number ``external_refs`` elsewhere."""
        region = self._region = Region(len(self.regions), root)
        self.regions.append(region)
        before = (self.nbytes, self.objects, self.padding)
        key = id(root)
        if key in self.owner_of:
            is_atom = id(type(root)) in ATOM_IDS
            (region.foreign_atoms if is_atom else region.foreign).add(key)
            region.complete = True
            return region
        try:
            self._start(root, external_refs)
            self._run_all(before[0])
            region.complete = not self.disturbed
        except OutOfTime:
            self._sure.clear()
            self._unsure.clear()
        self._finish(before)
        return region

    def walk_together(self, objs: list[Any]) -> Region:
        """Walk what hangs on many objects, of which each has one holder outside ``objs``.

        As if that holder, a namespace, had just been opened: what nobody else holds
        closes at once, and each object costs a fraction of a region of its own.
        """
        region = self._region = Region(len(self.regions), objs)
        self.regions.append(region)
        before = (self.nbytes, self.objects, self.padding)
        self.exact, self.disturbed = True, False
        self.frontier = self._sure
        try:
            # All of them before any is opened: their holders elsewhere are then told apart.
            self._absorb(Chunk(objs))
            self._run_all(before[0])
            region.complete = not self.disturbed
        except OutOfTime:
            self._sure.clear()
            self._unsure.clear()
        self._finish(before)
        return region

    def pass_over(self, root: Any) -> Region:
        """A region that there is no time for: nothing is known of it."""
        region = Region(len(self.regions), root)
        region.walked = False
        self.regions.append(region)
        return region

    def _start(self, root: Any, external_refs: int) -> None:
        info = self.table.as_root(type(root))
        self.exact, self.disturbed = True, False
        self.frontier = self._sure
        if external_refs > 0:
            self.frontier = self._unsure
            self._left[id(root)] = external_refs
            self.object_of[id(root)] = root
        else:
            self.skip.add(id(root))
        if id(root) not in self._boundaries:
            self.take(info, (root,))

    def _run_all(self, start_bytes: int) -> None:
        region = self._region
        try:
            if self.frontier is self._sure:
                self.run()
        finally:
            if self.frontier is self._sure:
                region.sure_bytes = self.nbytes - start_bytes
        self.frontier = self._unsure
        self.run()

    def _finish(self, before: tuple[int, int, int]) -> None:
        region = self._region
        region.host_bytes += self.nbytes - before[0]
        region.objects = self.objects - before[1]
        region.padding_bytes = self.padding - before[2]
        region.exact = self.exact
        for key in self._left:
            is_atom = id(type(self.object_of[key])) in ATOM_IDS
            (region.atoms if is_atom else region.entries).add(key)
        self.owner_of.update(dict.fromkeys(self._left, region.number))
        self._left.clear()

    def _shared(self, objs: list[Any], refcounts: list[int], owned: bool) -> None:
        """Settle references to objects that have several, and take up the new ones."""
        left_of, skip = self._left, self.skip
        ids = list(map(id, objs))
        distinct = len(set(ids))
        times = Counter(ids) if distinct < len(ids) else {}
        if distinct * _OFTEN < len(ids):
            # The same few objects over and over: [0] * 1_000_000.
            found = dict(zip(ids, zip(objs, refcounts, strict=True), strict=True))
            ids, objs = list(found), [obj for obj, _ in found.values()]
            refcounts = [refcount for _, refcount in found.values()]
        done: set[int] = set()
        opened: list[Any] = []
        closed: list[Any] = []
        for obj, key, refcount in zip(objs, ids, refcounts, strict=True):
            count = times.get(key, 1)
            if count > 1:
                if key in done:
                    continue
                done.add(key)
            left = left_of.get(key)
            if left is not None:
                self._settle(key, left - count)
            elif key in skip or (refcount >= LIGHT_REFS and is_light(obj, refcount)):
                continue
            elif key in self.owner_of:
                is_atom = id(type(obj)) in ATOM_IDS
                (self._region.foreign_atoms if is_atom else self._region.foreign).add(key)
            elif not owned and key in self._unowned:
                continue
            else:
                # Of what getrefcount showed, the list of references held ``count``.
                left = refcount - self.base_refs + 2 - 2 * count
                (opened if left > 0 else closed).append(obj)
                if left > 0:
                    left_of[key] = left
                    self.object_of[key] = obj
                if not owned:
                    self._unowned.add(key)
        self._take_new(opened, closed)

    def _settle(self, key: int, left: int) -> None:
        if left > 0:
            self._left[key] = left
        else:
            del self._left[key]
            self.object_of.pop(key, None)

    def _take_new(self, opened: list[Any], closed: list[Any]) -> None:
        if closed:
            self._take_mixed(closed, 1)
        if opened:
            frontier = self.frontier
            self.frontier = self._unsure
            self._take_mixed(opened, 1)
            self.frontier = frontier

    def _pass_by(self, objs: list[Any]) -> None:
        for key in map(id, objs):
            self.skip.add(key)
            self._left.pop(key, None)
            self.object_of.pop(key, None)

    def _buffers(self, buffers: Sequence[Buffer]) -> None:
        region = self._region
        for address, nbytes, kind in buffers:
            space = _SPACES[kind]
            ranges = self.spaces[space]
            touched, new_bytes = ranges.claim(address, nbytes, region.number)
            for number in touched:
                owner = ranges.items[number][2]
                self.kinds[space].setdefault(number, kind)
                if owner != region.number and space == 0:
                    region.foreign.add(-1 - number)
                    self.regions[owner].entries.add(-1 - number)
            if space:
                region.device_bytes += new_bytes
            else:
                region.buffer_bytes += new_bytes
                self.nbytes += new_bytes
