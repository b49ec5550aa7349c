"""Small views that keep a large array alive: an equal copy lets go of it.

What may be replaced is decided where cleanup decides it; a row is shown where the copy that
code can make is the same down to the order of its values in memory, on which the last digit
of a sum depends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from pmat_nb.consumers.views import SmallViews, small_views

from .base import Advice, Scene

__all__ = ["ViewsOfLargeArrays"]


class ViewsOfLargeArrays:
    """Views of which copies would be smaller than what they keep."""

    name = "small views of large arrays"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """A row for all views that keep the same array."""
        for group in small_views(scene.shell):
            lines = [] if group.why else [_copied(scene.namespace, names) for names in group.names]
            if lines and all(lines):
                yield _advice(scene, group, "\n".join(lines))


def _advice(scene: Scene, group: SmallViews, action: str) -> Advice:
    def check() -> str:
        now = (one for one in small_views(scene.shell) if one.names == group.names)
        found = next(now, None)
        if found is None or found.freed_bytes != group.freed_bytes:
            return f"{group.label} no longer keeps what it kept"
        lines = [_copied(scene.namespace, names) for names in found.names]
        return found.why or ("" if "\n".join(lines) == action else f"{group.label} has changed")

    return Advice(
        kind="small views",
        what=f"{group.label}: copy instead of a view",
        why="nothing else uses the rest of the array that it shows a part of",
        action=action,
        estimated_bytes=group.freed_bytes,
        basis="the size of the array, less that of the copies",
        risk="none",
        where=group.names[0][0],
        check=check,
        undo_note="cannot be undone, the array is gone; the values stay the same",
        about=tuple((names[0], None) for names in group.names),
    )


def _copied(namespace: dict[str, Any], names: tuple[str, ...]) -> str:
    """Code for an equal copy under all names; empty where code would make another."""
    numpy: Any = sys.modules["numpy"]
    name, targets = names[0], " = ".join(names)
    value: Any = namespace[name]
    if type(value) is numpy.ndarray:
        # A copy can be written to.
        return f'{targets} = {name}.copy(order="K")' if value.flags.writeable else ""
    if any(not _ordered(block.values, numpy) for block in value._mgr.blocks):
        return ""
    lines = [f"{targets} = {name}.copy()"]
    data = getattr(value.index, "_data", None)
    labels = data if type(data) is numpy.ndarray else getattr(data, "_ndarray", None)
    if getattr(labels, "base", None) is not None:
        lines.append(f"{name}.index = {name}.index.copy(deep=True)")
    return "\n".join(lines)


def _ordered(values: Any, numpy: Any) -> bool:
    """Whether pandas' copy, in C order, has its values in the order they have here."""
    copied = numpy.empty_like(values, order="K", shape=tuple(min(n, 2) for n in values.shape))
    return bool(copied.flags.c_contiguous) or values.ndim == 1
