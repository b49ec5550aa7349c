"""Equal strings held as different objects, among the user's variables.

Their bytes belong to the variables that hold them (pool ``analysis``), so this pool
is charged nothing for them: the figures here are `Waste`, seen beside the pools.
Arrow-backed strings are no Python objects and cannot be duplicates of this kind.

A time-bounded look: large containers are sampled at even steps and scaled up, so a
duplicate share is a lower bound (a pair is only seen where both are in the sample).
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from pmat_nb.engine.safe import is_exactly

from .base import Held, Step, Waste, Wish
from .namespace import user_objects

__all__ = ["EqualStrings", "survey_strings"]

# Looked at per container: enough for a share good to a few percent.
SAMPLE = 20_000
# Objects passed through on the way to strings, in all.
MAX_OBJECTS = 500_000
_NOT_ENTERED = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, FrameType)


def survey_strings(
    roots: Iterable[object],
    budget_s: float = 0.05,
    clock: Callable[[], float] = time.perf_counter,
) -> Waste:
    """Bytes in strings reachable from ``roots``, and how many of them are duplicates.

    Only exact ``str`` objects count, each object once; a duplicate is every further
    object with a text seen before.
    """
    survey = _Survey()
    deadline = clock() + budget_s
    complete = True
    waiting: deque[object] = deque(roots)
    seen: set[int] = set()
    while waiting:
        if clock() > deadline or len(seen) > MAX_OBJECTS:
            complete = False
            break
        current = waiting.popleft()
        if id(current) in seen or is_exactly(current, _NOT_ENTERED):
            continue
        seen.add(id(current))
        members, count = _members(current)
        others = survey.look(members, count)
        waiting += others
    return Waste(int(survey.duplicate_bytes), int(survey.seen_bytes), survey.scaled, complete)


class _Survey:
    """Running totals over containers."""

    def __init__(self) -> None:
        self.seen_bytes = 0.0
        self.duplicate_bytes = 0.0
        self.scaled = False
        # Text to the id of its first object: kept for the time of one survey only.
        self._first: dict[str, int] = {}
        self._ids: set[int] = set()

    def look(self, members: list[object], count: int) -> list[object]:
        """Add a container's strings; return its other members, to be entered."""
        total = duplicate = 0
        others = []
        for member in members:
            if type(member) is not str:
                others.append(member)
            elif id(member) not in self._ids:
                size = sys.getsizeof(member)
                self._ids.add(id(member))
                total += size
                if self._first.setdefault(member, id(member)) != id(member):
                    duplicate += size
        scale = count / len(members) if members else 1.0
        self.scaled = self.scaled or (scale > 1 and total > 0)
        self.seen_bytes += total * scale
        self.duplicate_bytes += duplicate * scale
        return others


def _members(container: Any) -> tuple[list[object], int]:
    """(a sample of what a container holds, how many it holds)."""
    kind = type(container)
    if kind is list or kind is tuple:
        count = len(container)
        step = max(1, -(-count // SAMPLE))
        return list(container[::step]), count
    if kind is dict:
        return _of_dict(container)
    if is_exactly(container, (set, frozenset, deque)):
        return _taken(container), len(container)
    if _is_object_array(container):
        return _of_array(container)
    found = gc.get_referents(container)
    return found, len(found)


def _of_dict(table: dict[object, object]) -> tuple[list[object], int]:
    members = _taken(table.values()) + _taken(table)
    return members, 2 * len(table)


def _taken(source: Any) -> list[object]:
    try:
        return list(islice(source, SAMPLE))
    except RuntimeError:  # changed by another thread meanwhile
        return []


def _is_object_array(value: Any) -> bool:
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    return array is not None and type(value) is array and bool(value.dtype == object)


def _of_array(array: Any) -> tuple[list[object], int]:
    # The flat iterator takes a step without copying what it skips.
    step = max(1, -(-array.size // SAMPLE))
    return list(array.flat[::step]), array.size


class EqualStrings:
    """Duplicate strings among the user's variables (pool ``string``): not charged to it."""

    name = "equal strings"
    pool = "string"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """Nothing: the strings belong to the variables."""
        yield from ()

    def waste(self, budget_s: float) -> Waste | None:
        """Duplicate bytes of all string bytes looked at; None without any string."""
        found = survey_strings(user_objects(self._shell).values, budget_s)
        return found if found.seen_bytes else None

    def steps(self, wish: Wish) -> Iterator[Step]:
        """With ``compact``: make equal strings one object (`managed.interning`)."""
        if wish.compact:
            yield Step("string", "equal strings made one object", self._share)

    def _share(self) -> str:
        from .managed.interning import intern_within

        intern_within(user_objects(self._shell).values, {})
        return ""
