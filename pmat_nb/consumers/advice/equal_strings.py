"""Equal strings held as different objects: ``pmat_nb.intern`` makes them one.

It replaces only strings that a container alone refers to, in place, so that nothing can tell.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from pmat_nb.consumers.namespace import user_objects
from pmat_nb.consumers.views import own_thread_runs

from .base import About, Advice, Scene
from .changes import CHUNK, Late
from .frames import plain_labels, values_at

__all__ = ["EqualStrings"]

_LEAST_BYTES = 256 << 10
_FADED = 0.8
_ALIGNED = 16


class EqualStrings:
    """Object columns and lists of strings that repeat."""

    name = "equal strings held as different objects"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """A row for each table or list."""
        found = user_objects(scene.shell)
        busy = own_thread_runs(scene.shell)
        for at in range(0 if busy else len(found.values)):
            try:
                spare, count = _spare(found.values[at], scene)
            except Late:
                return
            if spare >= _LEAST_BYTES:
                yield _advice(scene, found.names[at], spare, count)


def _advice(scene: Scene, name: str, spare: int, count: int) -> Advice:
    module = _called(scene)

    def check() -> str:
        if _called(scene) != module:
            return f"{module} does not stand for this package any more"
        now, _ = _spare(scene.namespace.get(name), scene, timed=False)
        return "" if now >= _FADED * spare else f"{name} has fewer equal strings now"

    return Advice(
        kind="equal strings",
        what=f"{name}: equal strings as one object",
        why=f"{count:,} strings equal another that is held here too, and nothing else holds them",
        action=f"{module}.intern({name})",
        estimated_bytes=spare,
        basis="every string was looked at",
        risk="none",
        where=name,
        check=check,
        undo_note="cannot be undone, and nothing can tell: they were and are equal",
        about=_about(name, scene.namespace.get(name)),
    )


def _called(scene: Scene) -> str:
    """How code can name this package: by the user's own name for it, if there is one."""
    package = sys.modules.get("pmat_nb")
    names = (name for name, value in list(scene.namespace.items()) if value is package)
    return next((name for name in names if not name.startswith("_")), '__import__("pmat_nb")')


def _about(name: str, value: Any) -> About:
    """The columns of a table that hold objects; all of anything else."""
    pandas = getattr(sys.modules.get("pandas"), "__dict__", {})
    labels = plain_labels(value) if type(value) is pandas.get("DataFrame") else None
    if labels is None:
        return ((name, None),)
    texts = [at for at in range(len(labels)) if values_at(value, at).dtype == object]
    return tuple((name, labels[at]) for at in texts)


def _spare(value: object, scene: Scene, timed: bool = True) -> tuple[int, int]:
    """(bytes, how many) of the strings that would go.

    Raises:
        Late: the time was up.
    """
    seen: set[str] = set()
    total = count = 0
    for run in _runs(value):
        alone = _alone(run)
        for start in range(0, len(run), CHUNK):
            if timed and scene.out_of_time():
                raise Late
            more, some = _spare_in(run, start, alone, seen)
            total, count = total + more, count + some
    return total, count


def _spare_in(run: Any, start: int, alone: int, seen: set[str]) -> tuple[int, int]:
    total = count = 0
    refcount, size, add = sys.getrefcount, sys.getsizeof, seen.add
    for at in range(start, min(start + CHUNK, len(run))):
        one = run[at]
        if type(one) is not str:
            continue
        if one in seen and refcount(one) == alone:
            total += -(-size(one) // _ALIGNED) * _ALIGNED
            count += 1
        add(one)
    return total, count


def _runs(value: Any) -> Iterator[Any]:
    """The lists and object columns of a variable whose strings interning would look at."""
    numpy: Any = sys.modules.get("numpy")
    pandas = getattr(sys.modules.get("pandas"), "__dict__", {})
    tables = [pandas[name] for name in ("DataFrame", "Series") if name in pandas]
    if type(value) is list:
        yield value
    elif hasattr(numpy, "ndarray") and type(value) is numpy.ndarray:
        if value.dtype.kind == "O" and value.ndim == 1 and value.flags.writeable:
            yield value
    elif any(type(value) is kind for kind in tables):
        for place in range(value.shape[1] if value.ndim == 2 else 1):
            column = values_at(value, place)
            if type(column) is numpy.ndarray and column.dtype.kind == "O":
                yield column


def _alone(run: Any) -> int:
    """References of a string that one such container alone holds, as counted here."""
    numpy: Any = sys.modules.get("numpy")
    like: Any = [None] if type(run) is list else numpy.empty(1, dtype=object)
    like[0] = "".join(("pmat ", str(id(like))))
    one = like[0]
    return sys.getrefcount(one)
