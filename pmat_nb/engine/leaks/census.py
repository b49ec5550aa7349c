"""Which containers grew over a window, and some of what it allocated that is still alive.

A leak of objects shows as a container from before that has grown, or, where the leak is
a chain of objects, as objects that go on living. Both are looked for among what the
collector watches and the dictionaries that it does not: a pass when a window opens and
one when it closes, each under a deadline; ``is_cut_short`` says that one was met. Nothing
of the objects' own code is run, and their samples are held weakly where they can be.
"""

from __future__ import annotations

import functools
import gc
import sys
import time
import types
import weakref
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice, repeat
from operator import gt, is_, is_not, not_
from types import MappingProxyType
from typing import Any

from pmat_nb.engine.safe import is_exactly, referents

from .addresses import addresses
from .deadline import Clock, Deadline
from .samples import Grown, Sample, names_of, traced_frames
from .sites import Place
from .traces import Frames

__all__ = ["Census", "Members"]


_CACHE = type(functools.lru_cache(lambda: None))
_KINDS = frozenset((list, dict, set, deque, OrderedDict, defaultdict, Counter))
_PLAIN_HOLDERS = (*_KINDS, tuple, frozenset)
Members = Callable[[object], Iterable[object]]

# Most of a heap: what these hold is no dictionary that grows by itself, or is watched.
_HOLD_NO_DICTS = frozenset(
    (
        types.FunctionType,
        types.BuiltinFunctionType,
        types.WrapperDescriptorType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.GetSetDescriptorType,
        types.MemberDescriptorType,
        weakref.ref,
        property,
        tuple,
        type,
        types.ModuleType,  # its dictionary is watched; see ``safe.referents``
    )
)
# Entries of one container that are looked at.
_ENTRIES = 200
# Of these the oldest that are asked whether they were there before.
_OLDEST = 8
# What one of them holds, and names of a module, that are looked at.
_INSIDE, _NAMES = 16, 40
# Objects beyond which what is known of them would take hundreds of megabytes.
_MOST_OBJECTS = 3_000_000
# Containers whose length is read after each iteration from then on.
_MOST_GROWN = 2_000
# For all of a pass, in time that this thread works: a user's cell waits for it. One object that
# is asked where it came from takes 10 µs. The shares of it by which all containers were
# compared, and those that grew looked at.
_BUDGET_S = 3.0
_COMPARED, _LOOKED_AT = 0.6, 0.8
# Objects that are gone through at once.
_CHUNK = 4096
_PORTION = 16 * _CHUNK


class Census:
    """Lengths of all containers at ``__init__``; ``samples`` compares, while tracing is on.

    ``members`` gives what an object holds that the collector does not know of. Each of the
    two takes ``budget_s`` at most by the ``clock``, and little more: ``is_cut_short`` once
    something was left out for that.
    """

    def __init__(
        self,
        members: Members = lambda value: (),
        *,
        budget_s: float = _BUDGET_S,
        clock: Clock = time.thread_time,
    ) -> None:
        self._members = members
        self._budget_s = budget_s
        self._clock = clock
        self._lengths: dict[float, int] = {}
        self._unwatched: set[float] = set()
        objects = gc.get_objects()
        self.is_cut_short = len(objects) > _MOST_OBJECTS
        if self.is_cut_short:
            return
        deadline = Deadline(budget_s, clock)
        # Nothing has them before they are whole: else they would be seen to grow themselves.
        lengths: dict[float, int] = {}
        unwatched: set[float] = set()
        for containers in _portions(objects, deadline):
            lengths.update(zip(addresses(containers), map(len, containers), strict=True))
            watched = map(gc.is_tracked, containers)
            unwatched.update(addresses(list(compress(containers, map(not_, watched)))))
        self._lengths, self._unwatched = lengths, unwatched
        self.is_cut_short = deadline.said

    def grown(
        self, fresh: Sequence[object] = (), deadline: Deadline | None = None
    ) -> Iterator[Grown]:
        """Containers that were there before and are longer now; none of ``fresh`` was."""
        deadline = deadline or Deadline(self._budget_s, self._clock)
        longer: list[Any] = []
        if self._lengths:
            for containers in _portions(gc.get_objects(), deadline, _COMPARED):
                # Those that were not there before are never longer.
                before = map(self._lengths.get, addresses(containers), repeat(sys.maxsize))
                longer += compress(containers, map(gt, map(len, containers), before))
        # One that was made since may have the address of one that was there, and where it is
        # one that Python had put by for reuse no trace tells. What was not watched may be now.
        keys = set(addresses(longer))
        made = set(filter(keys.__contains__, addresses(fresh))) - self._unwatched
        for key, container in deadline.bound(_once(longer), _LOOKED_AT):
            before_it = self._lengths[key]
            was_there = key not in made and traced_frames(container) is None
            if was_there and not _is_all_new(container, before_it):
                yield Grown(container, before_it)

    def samples(
        self,
        places: Iterable[Place],
        place_of: Callable[[Frames], Place | None],
        fresh: Sequence[object],
        iteration: int,
        names: Mapping[str, object] = MappingProxyType({}),
        *,
        apart: bool = False,
    ) -> tuple[dict[Place, Sample], list[Grown]]:
        """Objects of each place that are alive, and the containers that grew.

        ``fresh`` are objects that the collector has come to watch since the window began,
        oldest first (all there are, unless ``apart``); ``names`` what the repeated code
        itself names.
        """
        found = {place: Sample(place, iteration) for place in places}
        deadline = Deadline(self._budget_s, self._clock)

        def sort_in(candidates: Iterable[object], name: str = "") -> None:
            for candidate in candidates:
                place = _place(candidate, place_of)
                if place in found:
                    found[place].named = found[place].named or name
                    found[place].add(candidate)

        of_ours: list[Grown] = []
        for grown in self.grown(fresh if apart else (), deadline):
            if self._sort_in(found, place_of, grown, deadline):
                of_ours.append(grown)
            if len(of_ours) >= _MOST_GROWN:
                self.is_cut_short = True
                break
        for name, value in deadline.bound(names.items()):
            sort_in(self._of_a_name(value), name)
        for value in deadline.bound(_cached()):
            sort_in((value,))
        for at, value in enumerate(deadline.bound(fresh)):
            if at % 64 == 0 and _are_full(found):
                break
            sort_in((value, *islice(_plain(value), 8), *self._members(value)))
        self.is_cut_short = self.is_cut_short or deadline.said
        return {place: sample for place, sample in found.items() if sample.size}, of_ours

    def _sort_in(
        self,
        found: dict[Place, Sample],
        place_of: Callable[[Frames], Place | None],
        grown: Grown,
        deadline: Deadline,
    ) -> bool:
        """The new entries of one container to their places; whether any of them had one."""
        matched = False
        entries = _new_entries(grown.container, grown.before)
        for entry in deadline.bound(entries, _LOOKED_AT):
            for candidate in (*_with_inside(entry), *self._members(entry)):
                place = _place(candidate, place_of)
                if place in found:
                    sample = found[place]
                    sample.add(candidate)
                    matched = True
                    if not sample.containers or sample.containers[-1] is not grown:
                        sample.containers.append(grown)
        return matched

    def _of_a_name(self, value: object) -> Iterator[object]:
        """What the user sees under a name: no more than that of an object of their own kind."""
        yield value
        if is_exactly(value, _PLAIN_HOLDERS):
            yield from islice(_plain(value), 8)
        yield from self._members(value)


def _with_inside(entry: object) -> Iterator[object]:
    """An entry and what is in it; of a module that is its namespace."""
    yield entry
    if type(entry) is types.ModuleType:
        names = names_of(entry)
        yield from (names, *islice(names.values(), _NAMES))
    inside = referents([entry])[:_INSIDE]
    yield from inside
    yield from referents(inside)[:_INSIDE]


def _are_full(found: Mapping[Place, Sample]) -> bool:
    return all(sample.is_full for sample in found.values())


def _place(value: object, place_of: Callable[[Frames], Place | None]) -> Place | None:
    frames = traced_frames(value)
    return None if not frames else place_of(frames)


def _plain(value: object) -> Iterator[object]:
    """What an object holds that the collector does not watch (strings, arrays, numbers)."""
    return (held for held in referents([value]) if not gc.is_tracked(held))


def _portions(objects: list[Any], deadline: Deadline, share: float = 1.0) -> Iterator[list[Any]]:
    """Containers among so many objects at a time, for as long as there is time."""
    for start in range(0, len(objects), _PORTION):
        if deadline.met(share):
            return
        yield _containers(objects[start : start + _PORTION])


def _containers(objects: list[Any]) -> list[Any]:
    """Exact built-in containers among the objects, and unwatched dictionaries below them.

    Some of these more than once. In C, and without making numbers (ids): while tracing is on
    each would be traced, which takes as long as its traceback is deep. Types are looked up by
    their hash, which is the user's code only where their own type is.
    """
    metas = list(map(type, map(type, objects)))
    plain = list(compress(objects, map(is_, metas, repeat(type))))
    found = list(compress(plain, map(_KINDS.__contains__, map(type, plain))))
    holders = list(compress(plain, map(not_, map(_HOLD_NO_DICTS.__contains__, map(type, plain)))))
    holders += compress(objects, map(is_not, metas, repeat(type)))
    for start in range(0, len(holders), _CHUNK):
        found += _unwatched(gc.get_referents(*holders[start : start + _CHUNK]))
    return found


def _unwatched(held: list[Any]) -> Iterator[Any]:
    dicts = list(compress(held, map(is_, map(type, held), repeat(dict))))
    return compress(dicts, map(not_, map(gc.is_tracked, dicts)))


def _once(objects: list[Any]) -> list[tuple[float, Any]]:
    """Each of them by its address."""
    return list(dict(zip(addresses(objects), objects, strict=True)).items())


def _cached() -> Iterator[object]:
    """Results in the caches of functools, whose entries the collector does not watch."""
    objects = gc.get_objects()
    for value in compress(objects, map(is_, map(type, objects), repeat(_CACHE))):
        yield from referents([value])[-_ENTRIES:]


def _is_all_new(container: Any, before: int) -> bool:
    """Whether even what should have been in it before was made since: then it was too."""
    entries = container.items() if isinstance(container, dict) else zip(container, strict=True)
    oldest = list(islice(entries, min(before, _OLDEST)))
    # A tuple or a float may be one that Python had put by for reuse as well.
    return bool(oldest) and all(any(map(traced_frames, entry)) for entry in oldest)


def _new_entries(container: Any, before: int) -> Iterator[object]:
    """What came in last, where the container keeps an order; else any of it."""
    new = min(len(container) - before, _ENTRIES)
    kind = type(container)
    try:
        if kind is list:
            yield from container[len(container) - new :]
            yield from container[:new]
        elif kind is deque:
            yield from islice(reversed(container), new)
            yield from islice(container, new)
        elif kind is set:
            yield from islice(container, _ENTRIES * 10)
        else:
            for key in list(islice(dict.__reversed__(container), new)):
                yield dict.__getitem__(container, key)
                yield key
    except (RuntimeError, KeyError):  # changed by another thread meanwhile
        return
