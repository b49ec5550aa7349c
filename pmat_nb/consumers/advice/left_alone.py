"""What the finders of smaller columns pass over, for the end of the list: one line a reason.

Told of is only what is large, so that a list does not end in a list of everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pmat_nb.consumers.namespace import user_objects
from pmat_nb.consumers.views import own_thread_runs
from pmat_nb.engine.safe import mro, type_name

from .base import Scene
from .frames import Variable, forms, plain_labels, values_at, variables

__all__ = ["tell_what_is_left_alone"]

_TOLD_BYTES = 8 << 20
_SHOWN = 5
# Of an object of an object column, beside the eight of its place: a short text.
_OBJECT_BYTES = 56


def tell_what_is_left_alone(scene: Scene) -> None:
    """Say which large tables, columns and arrays have no row, and why."""
    if own_thread_runs(scene.shell):
        scene.tell("a thread of yours runs: tables and arrays were left alone")
        return
    held: list[str] = []
    for variable in variables(scene):
        if variable.form == "frame":
            _tell_of_columns(scene, variable)
        elif _is_shared(variable) and _weight(variable, 0) >= _TOLD_BYTES:
            held.append(variable.name)
    _tell(scene, "held by more than their names, or with attributes of their own", held)
    found = user_objects(scene.shell)
    large = [at for at in range(len(found.names)) if _is_large(scene, found.names[at])]
    values = {found.names[at]: found.values[at] for at in large}
    _tell(scene, "a subclass", list(_subclasses(values)))
    _tell(scene, "a label twice, or other labels than text and integers", list(_labelled(values)))


def _tell(scene: Scene, why: str, names: list[str]) -> None:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    if names:
        scene.tell(f"left alone, {why}: {', '.join(names[:_SHOWN])}{more}")


def _tell_of_columns(scene: Scene, variable: Variable) -> None:
    others = [share.places for share in variable.shares if not share.owned]
    columns = [place for places in others for place in places]
    if sum(_weight(variable, place) for place in columns) < _TOLD_BYTES:
        return
    count = f"{len(columns)} column{'s share' if len(columns) > 1 else ' shares'} memory"
    scene.tell(
        f"{variable.name}: {count} with a view, a copy or what was displayed, and "
        f"{'were' if len(columns) > 1 else 'was'} left alone; "
        f"%pmat_cleanup --target cache forgets the last"
    )


def _weight(variable: Variable, place: int) -> int:
    """Bytes of a column, about; its objects count, whoever else holds them."""
    values = values_at(variable.value, place)
    objects = len(values) if getattr(values.dtype, "kind", "") == "O" else 0
    return int(values.nbytes) + objects * _OBJECT_BYTES


def _is_shared(variable: Variable) -> bool:
    """Whether something else uses a series or an array that could have a smaller form."""
    if variable.alone and all(share.owned for share in variable.shares):
        return False
    dtype = values_at(variable.value, 0).dtype
    kind = getattr(dtype, "kind", "")
    return (kind in "if" and dtype.itemsize > 1) or (kind == "O" and variable.form == "series")


def _is_large(scene: Scene, name: str) -> bool:
    size = scene.sizes.get(name)
    return size is not None and (size.reached_bytes or 0) >= _TOLD_BYTES


def _subclasses(values: dict[str, Any]) -> Iterator[str]:
    plain = forms()
    for name, value in values.items():
        kinds = list(map(id, mro(type(value))))
        if kinds[0] not in plain and not plain.keys().isdisjoint(kinds):
            yield f"{name} ({type_name(value)})"


def _labelled(values: dict[str, Any]) -> Iterator[str]:
    plain = forms()
    for name, value in values.items():
        if plain.get(id(type(value))) == "frame" and plain_labels(value) is None:
            yield name
