"""``%pmat_save`` and ``%pmat_restore``: the user's variables to disk and back."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.namespace import user_variables
from pmat_nb.consumers.shell import hidden_namespace
from pmat_nb.engine.paths import make_private, state_dir
from pmat_nb.engine.snapshot import RestoreReport, restore, save
from pmat_nb.errors import StateFileError, UsageError

if TYPE_CHECKING:
    from pmat_nb.render.keeping import Restored, Saved

    from .session import Session

__all__ = [
    "bring_in",
    "default_path",
    "key_path",
    "of_notebook",
    "private_folder",
    "restore_variables",
    "save_variables",
    "saved_names",
]


def bring_in() -> None:
    """What saving imports at its first use, where memory is about to be measured."""
    from pmat_nb.engine.snapshot import pickles, survey  # noqa: F401 - only so that it is there
    from pmat_nb.render import keeping  # noqa: F401 - as above


def default_path(notebook_key: str) -> Path:
    """Where a notebook's variables are kept when no path is named.

    Raises:
        StateFileError: there is no folder of the user's for it.
    """
    return private_folder("saved") / f"{of_notebook(notebook_key)}.pmat"


def private_folder(*names: str) -> Path:
    """A folder of the user's alone in the one for state, made where it is missing.

    Raises:
        StateFileError: it cannot be had.
    """
    folder = _state_folder().joinpath(*names)
    if reason := make_private(folder):
        raise StateFileError(f"variables cannot be kept: {reason}")
    return folder


def of_notebook(notebook_key: str) -> str:
    """What files that belong to a notebook are called after."""
    return f"{zlib.crc32(notebook_key.encode('utf-8', 'surrogatepass')):08x}"


def save_variables(
    session: Session, path: str | None, names: Collection[str] | None = None
) -> Saved:
    """Save the user's variables, or those of ``names``.

    Raises:
        UsageError: a name that is no variable, or nothing that could be saved.
        StateFileError: the file cannot be written.
    """
    from pmat_nb.render.keeping import Saved

    wanted = _wanted(session, names)
    target = _target(session, path)
    earlier = _set_aside(session, target) if path is None else None
    report = save(
        wanted,
        target,
        key_path=key_path(),
        origin={
            "notebook": session.recording.notebook().key,
            "cell": session.last_cell.label if session.last_cell else None,
            "at": time.time(),
        },
        namespace=session.namespace_owner.user_ns,
        allow_empty=False,
    )
    saved = {variable.name for variable in report.saved}
    views = tuple(pair for pair in _views(wanted) if pair[0] in saved)
    session.kept_paths.add(target)
    return Saved(replace(report, copied=views), earlier=earlier)


def _set_aside(session: Session, target: Path) -> Path | None:
    """Where an earlier kernel's file went that nobody has restored yet; None: there is none."""
    if target in session.kept_paths or not target.exists():
        return None
    aside = target.with_suffix(".earlier.pmat")
    target.replace(aside)
    return aside


def restore_variables(
    session: Session, path: str | None, names: Collection[str] | None = None
) -> Restored:
    """Put saved variables back into the namespace, all or none.

    Raises:
        UsageError: a name that was not saved.
        StateFileError: the file is missing, cut off, altered, or of another Python.
    """
    from pmat_nb.render.keeping import Restored

    source = _target(session, path)
    if path is None and not source.exists():
        raise StateFileError("nothing was saved for this notebook; %pmat_save saves its variables")
    namespace = session.namespace_owner.user_ns
    before = dict(namespace)
    report = restore(source, names, into=namespace, key_path=key_path())
    session.kept_paths.add(source)
    return Restored(report, replaced=_replaced(report, before))


def _replaced(report: RestoreReport, before: Mapping[str, object]) -> tuple[str, ...]:
    """Variables that had a value already, which the saved one has taken the place of."""
    return tuple(one.name for one in report.restored if one.name in before and one.module is None)


def saved_names(notebook_key: str) -> tuple[str, ...]:
    """Variables that the notebook's own file holds; empty where there is no good one."""
    from pmat_nb.engine.snapshot import inspect

    try:
        found = inspect(default_path(notebook_key), key_path=key_path())
    except (StateFileError, OSError):
        return ()
    return tuple(variable.name for variable in found.variables if variable.module is None)


def _wanted(session: Session, names: Collection[str] | None) -> dict[str, object]:
    owner = session.namespace_owner
    if names is not None:
        missing = [name for name in names if name not in owner.user_ns]
        if missing:
            import difflib

            near = difflib.get_close_matches(missing[0], map(str, owner.user_ns), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"%pmat_save: no variable is called {missing[0]!r}{hint}")
        return {name: owner.user_ns[name] for name in names}
    found: dict[str, object] = {
        name: variable.value for variable in user_variables(owner) for name in variable.names
    }
    return {**_imported_modules(owner), **found}


def _views(wanted: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(name, other) for each array that shows memory of another, larger one of them."""
    numpy: Any = sys.modules.get("numpy")
    kind = getattr(numpy, "ndarray", None)
    owners: dict[int, dict[str, Any]] = {}
    for name, value in wanted.items():
        if type(value) is kind:
            owners.setdefault(_owner(value), {})[name] = value
    for arrays in owners.values():
        whole = min(arrays, key=lambda name: (arrays[name].base is not None, -arrays[name].nbytes))
        for name, array in arrays.items():
            if array is not arrays[whole] and numpy.may_share_memory(array, arrays[whole]):
                yield name, whole


def _owner(array: Any) -> int:
    """The id of what an array's memory belongs to."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return id(array)


def _imported_modules(owner: Any) -> dict[str, object]:
    from types import ModuleType

    hidden = hidden_namespace(owner)
    return {
        name: value
        for name, value in dict(owner.user_ns).items()
        if type(value) is ModuleType and name not in hidden and not name.startswith("_")
    }


def _target(session: Session, path: str | None) -> Path:
    return (
        default_path(session.recording.notebook().key) if path is None else Path(path).expanduser()
    )


def key_path() -> Path:
    """The user's signing key."""
    return _state_folder() / "signing.key"


def _state_folder() -> Path:
    folder = state_dir()
    if folder.path is None:
        raise StateFileError(f"variables cannot be kept: {folder.reason}")
    return folder.path
