"""Columns that would do with less: each tried whole, the best way recommended.

One row for each table and kind of change. A table is changed in place, so that whatever else
holds it goes on holding the same table; columns that share an array with a changed one are
copied along, else the array would stay for their sake. A series or an array is bound anew,
and only where nothing but its names holds it. What shares its memory with something else is
left alone: nothing would be freed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from pmat_nb.engine.safe import type_name

from .base import Advice, Scene
from .changes import Change, Late
from .dates import date_change
from .frames import Variable, about, find_variable, single_columns, values_at, variables
from .left_alone import tell_what_is_left_alone
from .numbers import number_change, sparse_change
from .objects import kinds_of
from .texts import text_change

__all__ = ["SmallerNumbers", "SmallerObjects"]

_Trial = Callable[[Variable, int, Callable[[], bool]], Change | None]

_LEAST_BYTES = 256 << 10
_SHOWN = 5
_FADED = 0.8
_NOTE = "values stay; dtypes shown and later arithmetic may differ; --undo brings the dtypes back"


class _Group(NamedTuple):
    """Changes of one kind in one table, by the column's position."""

    variable: Variable
    changes: dict[int, Change]
    beside: tuple[int, ...]
    saved_bytes: int


class SmallerNumbers:
    """Numbers in smaller dtypes, or sparse."""

    name = "numbers in smaller types"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """A row for each table or array and kind of change."""
        tell_what_is_left_alone(scene)
        yield from _find(scene, _number)


class SmallerObjects:
    """Text and dates in other forms than an object for each."""

    name = "text and dates in smaller types"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """A row for each table and kind of change."""
        return _find(scene, _object)


def _find(scene: Scene, trial: _Trial) -> Iterator[Advice]:
    for variable in variables(scene):
        if scene.out_of_time():
            return
        changes = _changes(variable, trial, scene.out_of_time)
        for group in _groups(variable, changes):
            yield _advice(scene, group, trial)


def _changes(variable: Variable, trial: _Trial, late: Callable[[], bool]) -> dict[int, Change]:
    """By position. What was proven when the time was up counts."""
    found: dict[int, Change] = {}
    if variable.form != "frame" and not variable.alone:
        return found
    with suppress(Late):
        for place in single_columns(variable):
            change = trial(variable, place, late)
            if change is not None:
                found[place] = change
    return found


def _number(variable: Variable, place: int, late: Callable[[], bool]) -> Change | None:
    values = values_at(variable.value, place)
    if type_name(values) != "ndarray" or not len(values):
        return None
    change = number_change(values, late)
    if variable.form == "array":
        return change
    return sparse_change(values, change, late) or change


def _object(variable: Variable, place: int, late: Callable[[], bool]) -> Change | None:
    values = values_at(variable.value, place)
    if variable.form == "array" or getattr(values.dtype, "kind", "") != "O" or not len(values):
        return None
    kinds = kinds_of(values, late) if type_name(values) == "ndarray" else frozenset()
    return date_change(values, kinds, late) or text_change(values, kinds, late)


def _groups(variable: Variable, changes: dict[int, Change]) -> Iterator[_Group]:
    ways = {(one.kind, one.risk, one.applies): None for one in changes.values()}
    for way in ways:
        chosen = {
            place: one
            for place, one in sorted(changes.items())
            if (one.kind, one.risk, one.applies) == way
        }
        group = _weighed(variable, chosen)
        if group.saved_bytes >= _LEAST_BYTES:
            yield group


def _weighed(variable: Variable, chosen: dict[int, Change]) -> _Group:
    saved = 0
    beside: list[int] = []
    for share in variable.shares:
        changed = [place for place in share.places if place in chosen]
        if not changed:
            continue
        others = [place for place in share.places if place not in chosen]
        beside += others
        saved += share.nbytes - sum(values_at(variable.value, one).nbytes for one in others)
        saved += sum(chosen[place].freed_bytes - chosen[place].bytes_after for place in changed)
    return _Group(variable, chosen, tuple(beside), saved)


# --- as a row ------------------------------------------------------------------------


def _advice(scene: Scene, group: _Group, trial: _Trial) -> Advice:
    variable, first = group.variable, next(iter(group.changes.values()))
    notes = dict.fromkeys(one.note for one in group.changes.values() if one.note)
    back = {place: one.back for place, one in group.changes.items()}
    forward = {place: one.forward for place, one in group.changes.items()}
    return Advice(
        kind=first.kind,
        what=_what(variable, group.changes),
        why=_why(variable, group.changes),
        action=_code(variable, forward, group.beside),
        estimated_bytes=group.saved_bytes,
        basis=f"measured on all {_length(variable):,} values",
        risk=first.risk,
        where=variable.name,
        check=_Check(scene, group, trial),
        applies=first.applies,
        undo=_code(variable, back, ()) if first.applies else "",
        undo_note="; ".join(notes) or _NOTE,
        about=about(variable, group.changes),
    )


def _length(variable: Variable) -> int:
    """How many values a column has."""
    return len(values_at(variable.value, 0)) if variable.labels else 0


class _Check:
    """Whether the changes still hold; keeps what the columns were called, no column."""

    def __init__(self, scene: Scene, group: _Group, trial: _Trial) -> None:
        self._scene = scene
        self._trial = trial
        self._name = group.variable.name
        self._names = group.variable.names
        labels = group.variable.labels
        self._ways = {labels[at]: one.forward for at, one in group.changes.items()}
        self._before = {labels[at]: one.before for at, one in group.changes.items()}
        self._saved = group.saved_bytes

    def __call__(self) -> str:
        variable = find_variable(self._scene, self._name)
        if variable is None or variable.names != self._names:
            return f"{self._name} is not as it was"
        places = {label: at for at, label in enumerate(variable.labels)}
        if not set(self._ways) <= set(places):
            return f"columns of {self._name} are gone"
        if variable.form != "frame" and not variable.alone:
            return f"something else holds {self._name} now"
        return self._held(variable, {places[label]: way for label, way in self._ways.items()})

    def _held(self, variable: Variable, ways: dict[int, str]) -> str:
        if not set(ways) <= set(single_columns(variable)):
            return f"something else uses columns of {self._name} now"
        changes = {at: self._trial(variable, at, lambda: False) for at in ways}
        proven = {at: one for at, one in changes.items() if one and one.forward == ways[at]}
        if len(proven) < len(ways):
            return f"values of {self._name} are not as they were"
        if _weighed(variable, proven).saved_bytes < _FADED * self._saved:
            return f"{self._name} would give back less now"
        return ""


def _what(variable: Variable, changes: dict[int, Change]) -> str:
    if variable.form != "frame":
        (change,) = changes.values()
        return f"{variable.name}: {change.before} as {change.after}"
    kinds = dict.fromkeys(one.after for one in changes.values())
    count = len(changes)
    return f"{variable.name}: {count} column{'s' if count > 1 else ''} as {', '.join(kinds)}"


def _why(variable: Variable, changes: dict[int, Change]) -> str:
    shown = [
        f"{variable.labels[at]}: {one.before}, {one.text}" if variable.form == "frame" else one.text
        for at, one in list(changes.items())[:_SHOWN]
    ]
    more = len(changes) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


# --- as code -------------------------------------------------------------------------


def _code(variable: Variable, ways: dict[int, str], beside: Iterable[int]) -> str:
    name = variable.name
    if variable.form != "frame":
        (way,) = ways.values()
        return f"{' = '.join(variable.names)} = {way.format(name)}"
    together: dict[str, list[Any]] = {}
    for place, way in ways.items():
        # Only a cast means the same for one column and for several.
        simple = way.startswith("{}.astype(")
        together.setdefault(way if simple else f"{way}\0{place}", []).append(variable.labels[place])
    others = [variable.labels[place] for place in beside]
    lines = [_line(name, labels, way.partition("\0")[0]) for way, labels in together.items()]
    if others:
        lines.append(_line(name, others, "{}.copy()"))
    return "\n".join(lines)


def _line(name: str, labels: list[Any], way: str) -> str:
    key = repr(labels[0]) if len(labels) == 1 else repr(labels)
    target = f"{name}[{key}]"
    return f"{target} = {way.format(target)}"
