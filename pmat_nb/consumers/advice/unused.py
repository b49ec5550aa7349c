"""Large variables that no cell has mentioned for long, and how each could be had again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pmat_nb.engine.paths import state_dir
from pmat_nb.engine.safe import type_name
from pmat_nb.engine.stats_records import VariableSize
from pmat_nb.units import MIB

from .base import Advice, Scene
from .cells import Notebook, latest_inputs, mentions
from .pooled import amount
from .remaking import Remaking, remaking

__all__ = ["Unused"]

_LEAST_BYTES = 4 * MIB
_LEAST_CELLS = 10
# Data and nothing else: what holds a file, a connection or a thread is no matter of bytes.
_DATA = frozenset(
    {"array", "builtins", "collections", "geopandas", "numpy", "pandas", "polars", "pyarrow"}
    | {"scipy", "torch", "xarray"}
)
_PLAIN = (bytearray, bytes, dict, frozenset, list, set, str, tuple)


class Unused:
    """Variables that only their name holds and the last 10 cells do not mention.

    One that its cell can compute again is for ``del``; another is parked on disk, where
    undoing finds it. No other row of any finder deletes a variable.
    """

    name = "unused variables"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """An advice for each."""
        notebook = Notebook(scene.cells)
        for size in scene.sizes.values():
            if scene.out_of_time():
                return
            if _is_idle(size) and _is_data(scene.namespace.get(size.name)):
                made = remaking(size.name, size.bound_in, notebook, scene.namespace)
                yield _advice(scene, size, made, notebook.latest)


def _is_idle(size: VariableSize) -> bool:
    return (
        size.cells_since_use is not None
        and size.cells_since_use >= _LEAST_CELLS
        and size.retained_bytes >= _LEAST_BYTES
        and not size.also_held_by
        and size.name.isidentifier()
    )


def _is_data(value: object) -> bool:
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind in _PLAIN
    return kind.__module__.partition(".")[0] in _DATA


def _advice(scene: Scene, size: VariableSize, made: Remaking, latest: int) -> Advice:
    name, held = size.name, amount(size.retained_bytes)
    action, undo, note = f"del {name}", "", ""
    if made.cells:
        note = f"cannot be undone by itself: run {' and '.join(made.cells)} again"
    else:
        path = _parked(name, latest)
        action = f"%pmat_save {shlex.quote(path)} --vars {name}\ndel {name}"
        undo = f"%pmat_restore {shlex.quote(path)} --vars {name}"
        note = f"undoing reads it back from {path}"
    parks = "" if made.cells else "kept on disk, then deleted; "
    return Advice(
        kind="unused variable",
        what=f"{name} ({size.type}), not mentioned in the last {size.cells_since_use} cells",
        why=f"only this name holds its {held}; {parks}{made.words}",
        action=action,
        estimated_bytes=size.retained_bytes,
        basis="as just sized" if size.complete else "at least, as far as it was sized in time",
        risk="recompute" if made.cells and not made.reads else "reload",
        where=size.bound_in or name,
        check=partial(_still_idle, scene.shell, name, size.type, latest),
        undo=undo,
        undo_note=note,
        about=((name, None),),
    )


def _parked(name: str, latest: int) -> str:
    """A file of its own in the user's state folder; no folder is made here."""
    folder = state_dir(create=False).path
    return str((folder or Path()) / f"parked-{name}-{os.getpid()}-{latest}.pmat")


def _still_idle(shell: Any, name: str, kind: str, latest: int) -> str:
    if name not in shell.user_ns:
        return f"{name} is gone"
    if type_name(shell.user_ns[name]) != kind:
        return f"{name} is something else now"
    # The cell that applies this is the last one.
    if any(mentions(source, name) for source in latest_inputs(shell, latest)):
        return f"{name} was used since"
    return ""
