"""The user's tables and arrays as finders look at them: exact types, and who holds their bytes.

Looked at: variables that are exactly DataFrames, Series or numpy arrays. A table's columns lie
in arrays; several columns may share one, and what is freed by replacing a column depends on
whether something else uses that array. That is known by counting references, as for views.
Columns are told by position; nothing here looks into an index, whose labels may be objects
with code of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pmat_nb.consumers.namespace import UserObjects, user_objects
from pmat_nb.consumers.shell import output_history, snapshot
from pmat_nb.consumers.views import held_by_names_alone, only_pandas_own, own_thread_runs

from .base import About, Scene

__all__ = [
    "Share",
    "Variable",
    "about",
    "find_variable",
    "forms",
    "plain_labels",
    "single_columns",
    "values_at",
    "variables",
]

# A variable with more than that share of its bytes untouched would take memory when converted.
_MOST_ABSENT = 0.05
_LABELS = frozenset({str, int})


class Share(NamedTuple):
    """An array that columns lie in: ``places`` are the columns' positions.

    ``owned`` is false where something besides this table uses it.
    """

    places: tuple[int, ...]
    nbytes: int
    owned: bool


class Variable(NamedTuple):
    """A table or array under all of its names. ``form`` is frame, series or array.

    ``alone``: nothing but its names holds it, so that binding them anew lets go of it.
    """

    names: tuple[str, ...]
    value: Any
    form: str
    labels: tuple[Any, ...]
    shares: tuple[Share, ...]
    alone: bool

    @property
    def name(self) -> str:
        """The first of its names."""
        return self.names[0]


def about(variable: Variable, places: Iterable[int]) -> About:
    """These columns of a table; a series or an array as a whole."""
    if variable.form != "frame":
        return ((variable.name, None),)
    return tuple((variable.name, variable.labels[place]) for place in places)


def variables(scene: Scene) -> Iterator[Variable]:
    """The user's tables and arrays; none while a thread of the user's own runs."""
    found, known = user_objects(scene.shell), forms()
    if not known or own_thread_runs(scene.shell):
        return
    shared = _shared_buffers(scene.shell, found, known)
    for at in range(len(found.values)):
        form = known.get(id(type(found.values[at])))
        if form is not None and not _absent(scene, found.names[at]):
            variable = _looked_at(found, at, form, shared)
            if variable is not None:
                yield variable


def find_variable(scene: Scene, name: str) -> Variable | None:
    """The one that leads with this name now."""
    return next((one for one in variables(scene) if one.name == name), None)


def values_at(value: Any, place: int) -> Any:
    """The array of one column (a view), or the extension array; of an array, itself."""
    if type(value) is sys.modules["numpy"].ndarray:
        return value.reshape(-1, order="A") if value.flags.forc else value
    manager = value._mgr
    if manager.ndim == 1:
        return manager.blocks[0].values
    values = manager.blocks[manager.blknos[place]].values
    return values[manager.blklocs[place]] if values.ndim == 2 else values


def single_columns(variable: Variable) -> Iterator[int]:
    """Positions of the columns whose array nothing else uses."""
    for share in variable.shares:
        if share.owned:
            yield from share.places


def forms() -> dict[int, str]:
    """By the id of the type what a variable of exactly that type is; numpy's and pandas'."""
    numpy: Any = sys.modules.get("numpy")
    pandas = getattr(sys.modules.get("pandas"), "__dict__", {})
    if not hasattr(numpy, "ndarray"):
        return {}
    found = {id(numpy.ndarray): "array"}
    for name, form in (("DataFrame", "frame"), ("Series", "series")):
        if name in pandas:
            found[id(pandas[name])] = form
    return found


def _absent(scene: Scene, name: str) -> bool:
    """Whether its bytes are claimed, but not in memory."""
    size = scene.sizes.get(name)
    if size is None or not size.not_resident_bytes:
        return False
    return size.not_resident_bytes > _MOST_ABSENT * (size.reached_bytes + size.not_resident_bytes)


def _looked_at(found: UserObjects, at: int, form: str, shared: frozenset[int]) -> Variable | None:
    names = (found.names[at], *found.aliases.get(at, ()))
    numpy = sys.modules["numpy"]
    if form == "array":
        return _array(found, at, names)
    alone = form == "series" and held_by_names_alone(found.values, at, len(names), numpy)
    shares = _shares(found.values[at], numpy, shared)
    value: Any = found.values[at]
    # A series made anew has none of the attributes that were set on the former one.
    alone = alone and only_pandas_own(value)
    labels = plain_labels(value) if form == "frame" else (None,)
    # One that pandas warns of when it is written to would warn, or no longer warn.
    # Asked of the dictionary: a table looks for other attributes among its labels.
    if labels is None or value.__dict__.get("_is_copy") is not None:
        return None
    return Variable(names, value, form, labels, shares, alone)


def _array(found: UserObjects, at: int, names: tuple[str, ...]) -> Variable | None:
    alone = held_by_names_alone(found.values, at, len(names), sys.modules["numpy"])
    value: Any = found.values[at]
    if value.base is not None or not value.flags.writeable or not value.flags.forc:
        return None
    return Variable(names, value, "array", (None,), (Share((0,), value.nbytes, alone),), alone)


def plain_labels(frame: Any) -> tuple[Any, ...] | None:
    """The columns' labels where all are plain and different, so that code can name them."""
    labels = tuple(frame.columns.tolist())
    if not set(map(type, labels)) <= _LABELS or len(set(labels)) < len(labels):
        return None
    return labels


# --- who uses the arrays: references are counted, so none may stay in a variable here -------


def _shares(table: Any, numpy: Any, shared: frozenset[int]) -> tuple[Share, ...]:
    """The arrays of a table's columns, each with whether the table alone uses it."""
    places: dict[int, list[int]] = {}
    within: dict[int, int] = {}
    blocks = len(table._mgr.blocks)
    for number in range(blocks):
        key = _owner_id(table._mgr.blocks[number].values, numpy)
        places.setdefault(key, []).extend(_positions(table, number))
        within[key] = within.get(key, 0) + 1
    cached = _cached(table, numpy)
    found: dict[int, Share] = {}
    for number in range(blocks):
        key = _owner_id(table._mgr.blocks[number].values, numpy)
        if key not in found:
            nbytes, owned = _use(table, number, within[key], cached.get(key, 0), numpy)
            owned = owned and shared.isdisjoint(_buffers(table._mgr.blocks[number].values))
            found[key] = Share(tuple(sorted(places[key])), nbytes, owned)
    return tuple(found.values())


def _positions(table: Any, number: int) -> list[int]:
    if table._mgr.ndim == 1:
        return [0]
    positions: list[int] = table._mgr.blocks[number].mgr_locs.as_array.tolist()
    return positions


def _owner_id(values: Any, numpy: Any) -> int:
    if type(values) is numpy.ndarray and type(values.base) is numpy.ndarray:
        return id(values.base)
    return id(values)


def _use(table: Any, number: int, within: int, cached: int, numpy: Any) -> tuple[int, bool]:
    """(bytes of the array, whether only this table uses it)."""
    blocks = table._mgr.blocks
    if type(blocks[number].values) is not numpy.ndarray:
        alive = sum(ref() is not None for ref in blocks[number].refs.referenced_blocks)
        alone = sys.getrefcount(blocks[number].values) == 2 and alive == 1 + cached
        return _extension_bytes(blocks[number].values), alone
    if blocks[number].values.base is None:
        # Held by the block and by the call.
        alone = sys.getrefcount(blocks[number].values) == 2 + cached + within - 1
        return blocks[number].values.nbytes, alone
    if type(blocks[number].values.base) is not numpy.ndarray:
        return blocks[number].values.nbytes, False
    alone = sys.getrefcount(blocks[number].values) == 2
    alone = alone and sys.getrefcount(blocks[number].values.base) == 1 + within + cached
    return blocks[number].values.base.nbytes, alone and blocks[number].values.base.base is None


def _cached(table: Any, numpy: Any) -> dict[int, int]:
    """How many columns that pandas 2 itself has cached, and nobody else holds, use an array."""
    cache = table.__dict__.get("_item_cache") or {}
    found: dict[int, int] = {}
    for label in list(cache):
        if sys.getrefcount(cache[label]) == 2 and len(cache[label]._mgr.blocks) == 1:
            key = _owner_id(cache[label]._mgr.blocks[0].values, numpy)
            found[key] = found.get(key, 0) + 1
    return found


def _shared_buffers(shell: Any, found: UserObjects, forms: dict[int, str]) -> frozenset[int]:
    """Addresses of Arrow buffers that two columns show, of variables or of displayed tables.

    pandas' copies share them, and so does what ``head()`` gives.
    """
    seen: set[int] = set()
    twice: set[int] = set()
    displayed = [
        one for one in snapshot(output_history(shell)).values() if id(one) not in found.ids
    ]
    for table in (*found.values, *{id(one): one for one in displayed}.values()):
        if forms.get(id(type(table))) in ("frame", "series"):
            for block in table._mgr.blocks:
                addresses = _buffers(block.values)
                twice |= seen & addresses
                seen |= addresses
    return frozenset(twice)


def _buffers(values: Any) -> frozenset[int]:
    arrow: Any = getattr(values, "_pa_array", None)
    if not hasattr(arrow, "chunks"):
        return frozenset()
    buffers = (buffer for chunk in arrow.chunks for buffer in chunk.buffers())
    return frozenset(buffer.address for buffer in buffers if buffer is not None)


def _extension_bytes(values: Any) -> int:
    arrow: Any = getattr(values, "_pa_array", None)
    if hasattr(arrow, "get_total_buffer_size"):
        return int(arrow.get_total_buffer_size())
    return int(values.nbytes)
