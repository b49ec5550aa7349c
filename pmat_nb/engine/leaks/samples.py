"""Objects of one site that lived on, and the containers that grew by them.

Objects are held weakly where they can be; else by what holds nothing in turn, so that none
of them lives on by our doing.
"""

from __future__ import annotations

import gc
import sys
import weakref
from collections import Counter, OrderedDict, defaultdict
from itertools import islice
from types import ModuleType
from typing import Any

from pmat_nb.engine.safe import referents, type_name

from .sites import Place
from .traces import Frames

__all__ = ["Grown", "Sample", "names_of", "traced_frames"]

names_of = vars(ModuleType)["__dict__"].__get__

# Objects of one site, and entries of each of them, that are looked at.
_SAMPLES = 6
_ENTRIES = 200
# How deep and how far a container is looked through for objects.
_DEEPEST, _WIDEST = 4, 20_000
# Containers of one site that are.
_CONTAINERS = 4
_MAPPINGS = (dict, OrderedDict, defaultdict, Counter)


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

    @property
    def is_weak(self) -> bool:
        """Whether it holds weak references alone: it keeps none of what they refer to."""
        entries = islice(self.container, _SAMPLES)
        if type(self.container) in _MAPPINGS:
            entries = islice(self.container.values(), _SAMPLES)
        return all(isinstance(entry, weakref.ref) for entry in entries)

    def holds(self, values: list[Any]) -> bool:
        """Whether any of the objects is in it, or not far below; True where it is too much."""
        wanted = set(map(id, values))
        level: list[Any] = [self.container]
        if type(self.container) in _MAPPINGS and not wanted.isdisjoint(map(id, self.container)):
            return True  # the collector does not see keys that are strings
        for _ in range(_DEEPEST):
            level = referents(level) + [names_of(v) for v in level if type(v) is ModuleType]
            if not wanted.isdisjoint(map(id, level)) or len(level) > _WIDEST:
                return True
        return False


class Sample:
    """Objects of one site that lived on, and the containers that grew by such objects."""

    def __init__(self, place: Place, iteration: int) -> None:
        self.place = place
        self.iteration = iteration
        self.containers: list[Grown] = []
        # The user's name that the object had when it was looked at.
        self.named = ""
        self.types: Counter[str] = Counter()
        self.alive_at: list[tuple[int, int]] = []
        self._held: list[Any] = []
        self._kind: type | None = None
        self._owner: Any = None

    @property
    def size(self) -> int:
        """How many there are, dead or alive."""
        return len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether more would tell nothing."""
        return len(self._held) >= _SAMPLES

    @property
    def block(self) -> object:
        """What is now in the place of a block that is replaced by larger ones; else None."""
        owner = None if self._owner is None else _value(self._owner)
        alike = [held for held in referents([owner]) if type(held) is self._kind]
        return max(alike, key=sys.getsizeof, default=None)

    def is_replaced(self, value: object, owner: object) -> None:
        """It is one block, which ``owner`` has; the next will be another."""
        self.types[type_name(value)] += 1
        self._kind, self._owner = type(value), None if owner is None else _hold(owner)

    @property
    def grown(self) -> Grown | None:
        """The smallest container that grew by them, and still holds those that are alive.

        What a cache gives up may go on living in another place: then the cache is not what
        keeps it.
        """
        alive = self.values()
        found = sorted(self.containers, key=lambda grown: len(grown.container))
        if self.named:
            found = [grown for grown in found if not grown.is_weak]
        first = found[:_CONTAINERS]
        return next((grown for grown in first if not alive or grown.holds(alive)), None)

    def add(self, value: Any) -> None:
        """One more, if there are not enough."""
        if self.is_full:
            return
        chosen = _representative(value)
        if all(chosen is not _value(held) for held in self._held):
            self.types[type_name(value)] += 1
            self._held.append(_hold(chosen))

    def observe(self, iteration: int) -> None:
        """Note how many are alive without us."""
        self.alive_at.append((iteration, sum(map(_lives, self._held))))

    def values(self) -> list[Any]:
        """Those that are alive without us."""
        return [v for v in (_value(held) for held in self._held if _lives(held)) if v is not None]

    def own_ids(self) -> set[int]:
        """Ids of what holds the objects for us: no holders of theirs."""
        ours = (self, self._held, self._owner, *self._held, *self.containers)
        return set(map(id, ours))

    def let_go(self) -> None:
        """Hold nothing any more."""
        self._held.clear()
        self.containers.clear()
        self._owner = None


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
        inner = [v for v in referents(level)[:_ENTRIES] if traced_frames(v) is not None]
        found = next((v for v in inner if _is_harmless(v)), None)
        if found is not None:
            return found
        level = inner or level
    return level[0]


def _is_harmless(value: Any) -> bool:
    # Dictionaries and tuples that the collector does not watch hold something all the same.
    is_leaf = not gc.is_tracked(value) and not referents([value])
    return is_leaf or type(value).__weakrefoffset__ != 0


def _value(held: Any) -> Any:
    return held[0] if type(held) is tuple else held()


def _lives(held: Any) -> bool:
    # The tuple here and the argument of getrefcount.
    return sys.getrefcount(held[0]) > 2 if type(held) is tuple else held() is not None


def traced_frames(value: object) -> Frames | None:
    """Where an object was allocated, innermost first; None where that was not traced."""
    import _tracemalloc

    return _tracemalloc._get_object_traceback(value)  # type: ignore[return-value] # a tuple
