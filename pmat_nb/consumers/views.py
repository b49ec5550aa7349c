"""Small views among the user's variables that keep a large array alive, and their copies.

Looked at: variables that are exactly numpy arrays, or exactly pandas Series and DataFrames
of numpy columns. A view is replaced by an equal copy only where nothing but such views, each
held by its names alone, uses the array behind it: known by counting references, since arrays
do not tell the collector what they hold. Nothing is replaced while it is in doubt. An address
that was taken out of a view as a number is no reference and cannot be seen, so copies are made
only for who asks for views by name: the target ``analysis`` or ``all``.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

from .base import Step
from .namespace import UserObjects, user_objects

__all__ = [
    "SmallViews",
    "held_by_names_alone",
    "only_pandas_own",
    "own_thread_runs",
    "small_views",
    "view_steps",
]

# Less than that is not worth a copy.
_LEAST_BYTES = 1 << 20
_MOST_STEPS = 20
# What pandas itself keeps in a table's dictionary, over the versions since 2.2.
_PANDAS_OWN = frozenset(
    {"_mgr", "_item_cache", "_attrs", "_flags", "_name", "_is_copy", "_cacher", "_hashtable"}
)


class SmallViews(NamedTuple):
    """Variables whose views share arrays, each with all of its names.

    ``why`` says why they are left alone, empty where they may be copied.
    """

    names: tuple[tuple[str, ...], ...]
    freed_bytes: int
    why: str

    @property
    def label(self) -> str:
        """The first name of each."""
        return ", ".join(names[0] for names in self.names)


def view_steps(shell: Any, copy: bool) -> Iterator[Step]:
    """A step for each large array that only small views keep alive, largest first.

    ``copy`` false only names them.
    """
    groups = sorted(small_views(shell), key=lambda group: -group.freed_bytes)
    for group in groups[:_MOST_STEPS]:
        target = f"analysis:{group.names[0][0]}"
        what = f"{group.label}: small view of a large array"
        why = group.why or ("" if copy else "--target analysis --compact replaces it by a copy")
        if why:
            yield Step.leave(target, what, why, group.freed_bytes)
        else:
            run = partial(_replace, shell, group.names)
            yield Step(target, f"{group.label}: copy instead of view", run, group.freed_bytes)


# --- finding: references are counted, so no array may stay in a variable here ---------


class _Places:
    """Which array each variable shows: ``at`` is a variable's position."""

    def __init__(self, values: list[object], numpy: Any) -> None:
        self.views: dict[int, list[tuple[int, int]]] = {}
        self.keys_of: dict[int, set[int]] = {}
        # Arrays that a variable has as a whole, or that are not numpy's own memory.
        self.barred: set[int] = set()
        for at in _tables(values, numpy):
            for number, array in enumerate(_arrays(values[at], numpy)):
                if array.base is None:
                    self.barred.add(id(array))
                    continue
                owner = array.base
                key = id(owner)
                self.views.setdefault(key, []).append((at, number))
                self.keys_of.setdefault(at, set()).add(key)
                if not (type(owner) is numpy.ndarray and owner.base is None):
                    self.barred.add(key)

    def together(self) -> Iterator[tuple[list[int], set[int]]]:
        """(positions, keys) of the variables that hang together by what they show."""
        waiting = dict(self.keys_of)
        while waiting:
            at, keys = waiting.popitem()
            positions, open_keys, done = {at}, set(keys), set[int]()
            while open_keys - done:
                key = (open_keys - done).pop()
                done.add(key)
                for other, _ in self.views[key]:
                    positions.add(other)
                    open_keys |= waiting.pop(other, set())
            yield sorted(positions), open_keys


def small_views(shell: Any) -> list[SmallViews]:
    """The variables whose views keep far larger arrays alive, in any order."""
    numpy: Any = sys.modules.get("numpy")
    if not hasattr(numpy, "ndarray"):
        return []
    found = user_objects(shell)
    places = _Places(found.values, numpy)
    busy = own_thread_runs(shell)
    groups = []
    for positions, keys in places.together():
        if keys.isdisjoint(places.barred):
            freed, shown = _sizes(found.values, places, positions, keys, numpy)
            if freed >= max(_LEAST_BYTES, shown):
                why = "a thread of yours is running" if busy else ""
                why = why or _doubt(found, places, positions, keys, numpy)
                names = tuple(_names(found, at) for at in positions)
                groups.append(SmallViews(names, freed, why))
    return groups


def _names(found: UserObjects, at: int) -> tuple[str, ...]:
    return (found.names[at], *found.aliases.get(at, ()))


def _tables(values: list[object], numpy: Any) -> list[int]:
    pandas = getattr(sys.modules.get("pandas"), "__dict__", {})
    kinds = {id(numpy.ndarray), *(id(pandas[n]) for n in ("DataFrame", "Series") if n in pandas)}
    return [at for at, value in enumerate(values) if id(type(value)) in kinds]


def _arrays(value: Any, numpy: Any) -> list[Any]:
    """The array itself, or those of a table's blocks that are numpy's."""
    if type(value) is numpy.ndarray:
        return [value]
    return [b.values for b in value._mgr.blocks if type(b.values) is numpy.ndarray]


def _sizes(
    values: list[object], places: _Places, positions: list[int], keys: set[int], numpy: Any
) -> tuple[int, int]:
    """(bytes that copies would free, bytes that they would take)."""
    shown = sum(a.nbytes for at in positions for a in _arrays(values[at], numpy))
    bases = 0
    for key in keys:
        at, number = places.views[key][0]
        bases += _arrays(values[at], numpy)[number].base.nbytes
    return bases - shown, shown


def _doubt(
    found: UserObjects, places: _Places, positions: list[int], keys: set[int], numpy: Any
) -> str:
    """Why the views cannot be copied; empty where nothing else uses what they show."""
    values = found.values
    for at in positions:
        if not held_by_names_alone(values, at, len(_names(found, at)), numpy):
            return "something else holds the view too: %pmat_why tells what"
        if type(values[at]) is not numpy.ndarray and not _plain_table(values[at], numpy):
            return "a table with attributes or columns of other kinds"
    for key in keys:
        views = places.views[key]
        at, number = views[0]
        # One reference by each view, one by this call.
        if sys.getrefcount(_arrays(values[at], numpy)[number].base) != len(views) + 1:
            return "something else uses the large array too"
        shown = [_arrays(values[at], numpy)[number] for at, number in views]
        if any(numpy.may_share_memory(a, b) for a, b in combinations(shown, 2)):
            return "the views overlap: a change in one shows in the other"
    return ""


def held_by_names_alone(values: list[Any], at: int, names: int, numpy: Any) -> bool:
    """Whether a table or array, down to its arrays, has no holder but the user's names for it.

    ``values`` holds it once, at ``at``; the caller must not hold it otherwise.
    """
    # Less the list's reference and the call's.
    if sys.getrefcount(values[at]) - 2 != names:
        return False
    if type(values[at]) is numpy.ndarray:
        return not weakref.getweakrefcount(values[at])
    if weakref.getweakrefcount(values[at]) > 1:
        return False
    # Each is held by what comes before it, and by the call. Python gives everyone the same
    # weak reference; the one of a table is made by its flags.
    inner = [sys.getrefcount(ref) - 2 for ref in weakref.getweakrefs(values[at])]
    inner += [sys.getrefcount(values[at]._mgr), sys.getrefcount(values[at]._mgr.blocks)]
    for number in range(len(values[at]._mgr.blocks)):
        # A series' manager keeps its block once more after it was asked for its dtype.
        own = _kept_again(values[at]._mgr, id(values[at]._mgr.blocks[number]))
        inner.append(sys.getrefcount(values[at]._mgr.blocks[number]) - own)
        inner.append(sys.getrefcount(values[at]._mgr.blocks[number].values))
    return all(count == 2 for count in inner)


def _kept_again(manager: Any, block: int) -> int:
    """How often what pandas has computed once for a series is this block, given by its id."""
    cache = getattr(manager, "_cache", None)
    return sum(id(one) == block for one in list(cache.values())) if type(cache) is dict else 0


def only_pandas_own(table: Any) -> bool:
    """Whether a table has no attributes beside those that pandas gives it."""
    return set(table.__dict__) <= _PANDAS_OWN


def _plain_table(table: Any, numpy: Any) -> bool:
    return (
        len(_arrays(table, numpy)) == len(table._mgr.blocks)
        and only_pandas_own(table)
        and not table.__dict__.get("_attrs")
        and bool(table.flags.allows_duplicate_labels)
        and all(array.flags.writeable for array in _arrays(table, numpy))
    )


def own_thread_runs(shell: Any) -> bool:
    """Whether another thread runs code of the user's cells: it may write to a view."""
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)
    for frame in frames.values():
        at: Any = frame
        while at is not None:
            if at.f_globals is shell.user_ns:
                return True
            at = at.f_back
    return False


# --- replacing ---------------------------------------------------------------------


def _replace(shell: Any, names: tuple[tuple[str, ...], ...]) -> str:
    """Bind every name of each view to one copy of it, if all is still as it was found."""
    if not any(group.names == names and not group.why for group in small_views(shell)):
        return "changed meanwhile: left alone"
    numpy = sys.modules["numpy"]
    copies = [_copied(shell.user_ns[group[0]], numpy) for group in names]
    for group, copied in zip(names, copies, strict=True):
        for name in group:
            shell.user_ns[name] = copied
    return ""


def _copied(view: Any, numpy: Any) -> Any:
    """Equal in values, type, dtype, order of the axes in memory, and whether it can be set."""
    if type(view) is numpy.ndarray:
        copied = view.copy(order="K")
        copied.flags.writeable = view.flags.writeable
        return copied
    table = view.copy(deep=True)
    blocks = table._mgr.blocks
    if len(blocks) == 1 and len(view._mgr.blocks) == 1:
        # pandas copies in C order; to_numpy() shows which one it was.
        blocks[0].values = view._mgr.blocks[0].values.copy(order="K")
    data = getattr(view.index, "_data", None)
    labels = data if type(data) is numpy.ndarray else getattr(data, "_ndarray", None)
    if labels is not None and getattr(labels, "base", None) is not None:
        table.index = view.index.copy(deep=True)
    return table
