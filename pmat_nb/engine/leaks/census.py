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
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import compress, islice, repeat
from operator import gt, is_, is_not, not_
from types import MappingProxyType
from typing import Any

from pmat_nb.engine.safe import referents, type_name

from .sites import Place
from .traces import Frames

__all__ = ["Census", "Grown", "Members", "Sample", "traced_frames"]

_CACHE = type(functools.lru_cache(lambda: None))
_KINDS = frozenset((list, dict, set, deque, OrderedDict, defaultdict, Counter))
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
# Entries of one container, and objects of one site, that are looked at.
_ENTRIES = 200
_SAMPLES = 6
# Objects beyond which a census would take seconds.
_MOST_OBJECTS = 3_000_000
_MOST_NEW = 200_000
# For going through what is new, oldest first: each one asked where it came from takes 10 µs.
_BUDGET_S = 0.25
_CHUNK = 4096


class Grown:
    """A container that grew: ``lengths`` are (iteration, length) as observed."""

    __slots__ = ("before", "container", "lengths")

    def __init__(self, container: Any, before: int) -> None:
        self.container = container
        self.before = before
        self.lengths: list[tuple[int, int]] = []

    def observe(self, iteration: int) -> None:
        """Note its length now."""
        self.lengths.append((iteration, len(self.container)))


class Sample:
    """Objects of one site that lived on, and the container that grew by them."""

    def __init__(self, place: Place, iteration: int) -> None:
        self.place = place
        self.iteration = iteration
        self.grown: Grown | None = None
        # The user's name that the object had when it was looked at.
        self.named = ""
        self.types: Counter[str] = Counter()
        self.alive_at: list[tuple[int, int]] = []
        self._held: list[Any] = []

    @property
    def size(self) -> int:
        """How many there are, dead or alive."""
        return len(self._held)

    def add(self, value: Any) -> None:
        """One more, if there are not enough."""
        if len(self._held) >= _SAMPLES:
            return
        chosen = _representative(value)
        if all(chosen is not known for known in self.values()):
            self.types[type_name(value)] += 1
            self._held.append(_hold(chosen))

    def observe(self, iteration: int) -> None:
        """Note how many are alive without us."""
        self.alive_at.append((iteration, sum(map(_lives, self._held))))

    def values(self) -> list[Any]:
        """Those alive."""
        return [v for v in (_value(held) for held in self._held) if v is not None]

    def own_ids(self) -> set[int]:
        """Ids of what holds the objects for us: no holders of theirs."""
        return {id(self), id(self._held), *map(id, self._held), id(self.grown)}

    def let_go(self) -> None:
        """Hold nothing any more."""
        self._held.clear()
        self.grown = None


def _hold(value: Any) -> Any:
    """A weak reference, or a tuple where there can be none."""
    try:
        return weakref.ref(value)
    except TypeError:
        return (value,)


def _representative(value: Any) -> Any:
    """What lives as long as an object and can be held without holding anything else.

    A list that we hold keeps all that is in it alive, which would then seem to live on
    by itself: so one of its strings is held instead.
    """
    if _is_harmless(value):
        return value
    level = [value]
    for _ in range(3):
        level = [v for v in referents(level)[:_ENTRIES] if traced_frames(v) is not None]
        found = next((v for v in level if _is_harmless(v)), None)
        if found is not None:
            return found
    return value


def _is_harmless(value: Any) -> bool:
    # A number's own type is made and cached in many ways; other leaves are what they are.
    return not gc.is_tracked(value) or type(value).__weakrefoffset__ != 0


def _value(held: Any) -> Any:
    return held[0] if type(held) is tuple else held()


def _lives(held: Any) -> bool:
    # The tuple here and the argument of getrefcount.
    return sys.getrefcount(held[0]) > 2 if type(held) is tuple else held() is not None


class Census:
    """Lengths of all containers at ``__init__``; ``samples`` compares, while tracing is on.

    ``members`` gives what an object holds that the collector does not know of.
    """

    def __init__(self, members: Members = lambda value: ()) -> None:
        self._members = members
        self._lengths: dict[int, int] | None = None
        objects = gc.get_objects()
        if len(objects) <= _MOST_OBJECTS:
            self._lengths = {id(c): len(c) for c in _containers(objects)}

    def grown(self) -> list[Grown]:
        """Containers that were there before and are longer now."""
        if self._lengths is None:
            return []
        containers = list(_containers(gc.get_objects()))
        # Those that were not there before are never longer.
        before = map(self._lengths.get, map(id, containers), repeat(sys.maxsize))
        longer = map(gt, map(len, containers), before)
        found = []
        for container in compress(containers, longer):
            # One that was made since may have the address of one that was there.
            if traced_frames(container) is None:
                found.append(Grown(container, self._lengths[id(container)]))
        return found

    def samples(
        self,
        places: Iterable[Place],
        place_of: Callable[[Frames], Place | None],
        fresh: Iterable[object],
        iteration: int,
        names: Mapping[str, object] = MappingProxyType({}),
    ) -> tuple[dict[Place, Sample], list[Grown]]:
        """Objects of each place that are alive, and the containers that grew.

        ``fresh`` are objects that the collector has come to watch since the window began,
        oldest first; ``names`` what the repeated code itself names.
        """
        found = {place: Sample(place, iteration) for place in places}
        of_ours: list[Grown] = []
        for grown in self.grown():
            if self._sort_in(found, place_of, grown):
                of_ours.append(grown)
        for name, value in names.items():
            for candidate in (value, *islice(_plain(value), 8), *self._members(value)):
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
            inside = islice(referents([entry]), 16)
            for candidate in (entry, *inside, *self._members(entry)):
                place = _place(candidate, place_of)
                if place in found:
                    sample = found[place]
                    sample.add(candidate)
                    matched = True
                    if sample.grown is None or len(grown.container) < len(sample.grown.container):
                        sample.grown = grown
        return matched


def _are_full(found: Mapping[Place, Sample]) -> bool:
    return all(sample.size >= _SAMPLES for sample in found.values())


def traced_frames(value: object) -> Frames | None:
    """Where an object was allocated, innermost first; None where that was not traced."""
    import _tracemalloc

    return _tracemalloc._get_object_traceback(value)  # type: ignore[return-value]


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
