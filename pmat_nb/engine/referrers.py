"""What keeps an object alive: shortest paths from known roots, found backwards.

The collector knows who refers to an object, except for what it does not watch:
dictionaries and tuples of plain values, and arrays of libraries. Those are found once
per search by going forwards through all that it does watch.

One pass over the heap per level, so the search is bounded in time, depth and objects
and says where it stopped. Nothing of the objects' own code is run. It does not say
how many bytes a path keeps, and sees nothing of references held by C code.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .edges import path_text, steps
from .holders import HolderPath, Opaque, Root, RootFinder, Search
from .safe import is_exactly, referents, type_name

__all__ = ["HolderPath", "Opaque", "Root", "RootFinder", "Search", "find_paths"]

_CHUNK = 512
# Each object looked for costs a comparison per reference in the heap.
_WIDEST_LEVEL = 48
# Levels after which another way to an object that a name leads to is not looked for.
_FAR = 4
_PASSING = ("list_iterator", "tuple_iterator", "dict_valueiterator", "dict_itemiterator")


def _held_by_others(holders: list[object], alone: int) -> Iterator[object]:
    """Those that something besides the list holds.

    The others were passing: from Python 3.13 on, the very tuple of arguments that
    the collector was called with is among the answers.
    """
    for holder in holders:
        if sys.getrefcount(holder) > alone:
            yield holder


def _count_of_a_lone_object() -> int:
    """What getrefcount says, in a loop like the one above, of what only the list holds."""
    for holder in [object()]:
        return sys.getrefcount(holder)
    return 0


_ALONE = _count_of_a_lone_object()


def find_paths(
    target: object,
    roots: RootFinder,
    opaque: Opaque,
    *,
    budget_s: float = 1.0,
    max_depth: int = 10,
    max_paths: int = 24,
    clock: Callable[[], float] = time.perf_counter,
    told: Callable[[HolderPath, Sequence[object]], object] = lambda path, chain: None,
) -> Search:
    """Paths from roots to ``target``; each is ``told`` with its objects, the target last.

    A direct holder for which no root is found in a search that was complete comes
    as kind ``unreached``: garbage not yet collected, or held by C code.
    """
    search = _Backwards(roots, opaque, clock, told)
    started = clock()
    search.run(target, started + budget_s, max_depth, max_paths)
    paths = search.paths() if search.complete else search.found
    return Search(tuple(paths), search.complete, clock() - started)


class _Backwards:
    """The state of one search. Its own lists refer to what it looks at: they are skipped."""

    def __init__(
        self,
        roots: RootFinder,
        opaque: Opaque,
        clock: Callable[[], float],
        told: Callable[[HolderPath, Sequence[object]], object],
    ) -> None:
        self.found: list[HolderPath] = []
        self.complete = True
        self._roots = roots
        self._opaque = opaque
        self._clock = clock
        self._told = told
        self._nodes: list[object] = []
        self._below: list[int] = []
        self._holders: list[list[int]] = []
        self._rooted: set[int] = set()
        self._index: dict[int, int] = {}
        self._unwatched: list[object] = []
        self._arrays: list[Any] = []
        self._texts: set[str] = set()
        self._opaque_ids = frozenset(map(id, opaque.types()))
        self._own = {id(self._nodes), id(self._unwatched), id(self._arrays)}

    def run(self, target: object, deadline: float, max_depth: int, max_paths: int) -> None:
        """Search level by level."""
        self._add(target, -1)
        level = [0]
        # Half the time at most: in a heap too large for it, the rest still finds a lot.
        now = self._clock()
        self._find_unwatched(now + (deadline - now) / 2)
        for depth in range(max_depth):
            before = self._clock()
            level = self._narrowed(self._next_level(level), depth)
            spent = self._clock() - before
            if not level or len(self.found) >= max_paths:
                return
            if self._clock() + spent > deadline:
                break
        self.complete = False

    def paths(self) -> list[HolderPath]:
        """What was found, and direct holders that no root leads to."""
        reached = set(self._rooted)
        changed = True
        while changed:
            changed = False
            for number, holders in enumerate(self._holders):
                if number not in reached and not reached.isdisjoint(holders):
                    reached.add(number)
                    changed = True
        lost = [n for n in self._holders[0] if n not in reached and not self._is_argument(n)]
        return self.found + [self._unreached(number) for number in lost[:3]]

    def _is_argument(self, number: int) -> bool:
        """Whether a holder is just the arguments of a call that is under way."""
        loose = is_exactly(self._nodes[number], (tuple, dict))
        return number == 0 or (loose and not self._holders[number])

    def _unreached(self, number: int) -> HolderPath:
        step = steps([self._nodes[number], self._nodes[0]], self._opaque.describe)[0]
        text = f"{step.holder}{step.place}, which no name leads to"
        return HolderPath(text, "unreached", 1)

    # -- one level ---------------------------------------------------------------

    def _next_level(self, level: list[int]) -> list[int]:
        wanted = {id(self._nodes[number]): number for number in level}
        for number in level:
            for root in self._roots.pinned(self._nodes[number]):
                self._rooted.add(number)
                self._record(root, number, None)
        following: list[int] = []
        targets = [self._nodes[number] for number in level]
        self._own.add(id(targets))
        holders = gc.get_referrers(*targets)
        holders += self._unwatched_holders(wanted)
        self._own.add(id(holders))
        for holder in _held_by_others(holders, _ALONE):
            if id(holder) in self._own or type_name(holder) in _PASSING:
                continue
            if self._roots.ignored(holder):
                continue
            self._take(holder, wanted, following)
        self._own -= {id(targets), id(holders)}
        return following

    def _narrowed(self, level: list[int], depth: int) -> list[int]:
        """A level not wider than can be searched.

        Where there is a way to a root already, far ones through the same object are
        given up: the parts of a figure all point back at it, by way of each other.
        """
        if depth >= _FAR or len(level) > _WIDEST_LEVEL:
            level = [n for n in level if not self._is_told(n)]
        if len(level) > _WIDEST_LEVEL:
            self.complete = False
        return level[:_WIDEST_LEVEL]

    def _is_told(self, number: int) -> bool:
        """Whether a root leads to something between a node and the target."""
        number = self._below[number]
        while number > 0:
            if number in self._rooted:
                return True
            number = self._below[number]
        return False

    def _take(self, holder: object, wanted: dict[int, int], following: list[int]) -> None:
        held = {wanted[id(m)] for m in self._members(holder) if id(m) in wanted}
        ended = False
        for number in held if holder is not self._nodes[0] else ():
            found = self._roots.ends(holder, self._chain(number))
            if found is not None:
                ended = True
                self._rooted.add(number)
                for root in found:
                    self._record(root, number, holder)
        if ended:
            return
        known = self._index.get(id(holder))
        if known is None and held:
            known = self._add(holder, min(held))
            following.append(known)
        for number in held:
            if known is not None and known != number:
                self._holders[number].append(known)

    def _members(self, holder: object) -> Iterable[object]:
        watched = referents([holder])
        if self._is_opaque(holder):
            return [*watched, *self._opaque.members(holder)]
        return watched

    def _is_opaque(self, value: object) -> bool:
        return id(type(value)) in self._opaque_ids

    def _add(self, value: object, below: int) -> int:
        number = len(self._nodes)
        self._nodes.append(value)
        self._below.append(below)
        self._holders.append([])
        self._index[id(value)] = number
        return number

    def _chain(self, number: int) -> tuple[object, ...]:
        """The objects from a node down to the target."""
        found = []
        while number >= 0:
            found.append(self._nodes[number])
            number = self._below[number]
        return tuple(found)

    def _record(self, root: Root, number: int, holder: object | None) -> None:
        below = self._chain(number)
        chain = below if holder is None else (holder, *below)[root.covers :]
        told = holder is not None and not root.covers
        text = path_text(root.text, chain, self._opaque.describe, told=told)
        if text not in self._texts:
            self._texts.add(text)
            self.found.append(HolderPath(text, root.kind, len(below)))
            self._told(self.found[-1], below if holder is None else (holder, *below))

    # -- what the collector does not watch ---------------------------------------

    def _find_unwatched(self, deadline: float) -> None:
        """Dictionaries, tuples and arrays that only going forwards finds."""
        # By id: a type's own hash may be its metaclass's, which is the user's code.
        kinds = frozenset({id(dict), id(tuple)}) | self._opaque_ids
        seen: set[int] = set()
        waiting = gc.get_objects()
        while waiting:
            if self._clock() > deadline:
                self.complete = False
                return
            chunk = waiting[-_CHUNK:]
            del waiting[-_CHUNK:]
            arrays = [c for c in chunk if self._is_opaque(c)]
            self._arrays += arrays
            members = referents(chunk)
            for array in arrays:
                members += self._opaque.members(array)
            for found in members:
                if id(type(found)) in kinds and not gc.is_tracked(found) and id(found) not in seen:
                    seen.add(id(found))
                    waiting.append(found)
                    if not self._is_opaque(found):
                        self._unwatched.append(found)

    def _unwatched_holders(self, wanted: dict[int, int]) -> list[object]:
        found: list[object] = []
        for start in range(0, len(self._unwatched), _CHUNK):
            chunk = self._unwatched[start : start + _CHUNK]
            if wanted.keys().isdisjoint(map(id, gc.get_referents(*chunk))):
                continue
            found += [
                c for c in chunk if not wanted.keys().isdisjoint(map(id, gc.get_referents(c)))
            ]
        for array in self._arrays:
            if any(id(member) in wanted for member in self._opaque.members(array)):
                found.append(array)
        return found
