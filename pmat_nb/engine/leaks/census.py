"""Which containers grew over a window, and some of what it allocated that is still alive.

A leak of objects shows as a container from before that has grown, or, where the leak is
a chain of objects, as objects that go on living. Both are looked for among what the
collector watches and the dictionaries that it does not: a pass when a window opens and
one when it closes, about 50 ms each per million objects. Nothing of the objects' own
code is run, and their samples are held weakly where they can be.
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
    )
)
# Entries of one container that are looked at.
_ENTRIES = 200
# Of these the oldest that are asked whether they were there before.
_OLDEST = 8
# What one of them holds, and names of a module, that are looked at.
_INSIDE, _NAMES = 16, 40
# Objects beyond which a census would take seconds.
_MOST_OBJECTS = 3_000_000
_MOST_NEW = 200_000
# For going through what is new, oldest first: each one asked where it came from takes 10 µs.
_BUDGET_S = 0.25
_CHUNK = 4096


class Census:
    """Lengths of all containers at ``__init__``; ``samples`` compares, while tracing is on.

    ``members`` gives what an object holds that the collector does not know of.
    """

    def __init__(self, members: Members = lambda value: ()) -> None:
        self._members = members
        self._lengths: dict[int, int] | None = None
        self._watched: frozenset[int] = frozenset()
        objects = gc.get_objects()
        if len(objects) <= _MOST_OBJECTS:
            containers = list(_containers(objects))
            self._lengths = dict(zip(map(id, containers), map(len, containers), strict=True))
            self._watched = frozenset(map(id, compress(containers, map(gc.is_tracked, containers))))

    def grown(self, fresh: Iterable[object] = ()) -> list[Grown]:
        """Containers that were there before and are longer now; none of ``fresh`` was."""
        if self._lengths is None:
            return []
        containers = list(_containers(gc.get_objects()))
        # Those that were not there before are never longer.
        before = map(self._lengths.get, map(id, containers), repeat(sys.maxsize))
        longer = list(compress(containers, map(gt, map(len, containers), before)))
        # One that was made since may have the address of one that was there, and where it is
        # one that Python had put by for reuse no trace tells. What was not watched may be now.
        ids = set(map(id, longer))
        made = set(filter(ids.__contains__, map(id, fresh))) & self._watched
        return [
            Grown(container, self._lengths[id(container)])
            for container in longer
            if traced_frames(container) is None
            and id(container) not in made
            and not _is_all_new(container, self._lengths[id(container)])
        ]

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
        of_ours: list[Grown] = []
        for grown in self.grown(fresh if apart else ()):
            if self._sort_in(found, place_of, grown):
                of_ours.append(grown)
        for name, value in names.items():
            for candidate in self._of_a_name(value):
                place = _place(candidate, place_of)
                if place in found:
                    found[place].named = found[place].named or name
                    found[place].add(candidate)
        for value in _cached():
            place = _place(value, place_of)
            if place in found:
                found[place].add(value)
        until = time.perf_counter() + _BUDGET_S
        for at, value in enumerate(islice(fresh, _MOST_NEW)):
            if at % 64 == 0 and (time.perf_counter() > until or _are_full(found)):
                break
            for candidate in (value, *islice(_plain(value), 8), *self._members(value)):
                place = _place(candidate, place_of)
                if place in found:
                    found[place].add(candidate)
        return {place: sample for place, sample in found.items() if sample.size}, of_ours

    def _sort_in(
        self, found: dict[Place, Sample], place_of: Callable[[Frames], Place | None], grown: Grown
    ) -> bool:
        """The new entries of one container to their places; whether any of them had one."""
        matched = False
        for entry in _new_entries(grown.container, grown.before):
            for candidate in (*_with_inside(entry), *self._members(entry)):
                place = _place(candidate, place_of)
                if place in found:
                    sample = found[place]
                    sample.add(candidate)
                    matched = True
                    if grown not in sample.containers:
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


def _containers(objects: list[Any]) -> Iterator[Any]:
    """Exact built-in containers among the objects, and unwatched dictionaries below them.

    In C, and without making numbers (ids): while tracing is on each would be traced. Types
    are looked up by their hash, which is the user's code only where their own type is.
    """
    metas = list(map(type, map(type, objects)))
    plain = list(compress(objects, map(is_, metas, repeat(type))))
    yield from compress(plain, map(_KINDS.__contains__, map(type, plain)))
    holders = list(compress(plain, map(not_, map(_HOLD_NO_DICTS.__contains__, map(type, plain)))))
    holders += compress(objects, map(is_not, metas, repeat(type)))
    seen: set[int] = set()
    for start in range(0, len(holders), _CHUNK):
        held = referents(holders[start : start + _CHUNK])
        for value in compress(held, map(is_, map(type, held), repeat(dict))):
            if not gc.is_tracked(value) and id(value) not in seen:
                seen.add(id(value))
                yield value


def _cached() -> Iterator[object]:
    """Results in the caches of functools, whose entries the collector does not watch."""
    for value in gc.get_objects():
        if type(value) is _CACHE:
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
