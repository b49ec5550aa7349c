"""Variables put aside on disk, brought back, and deleted: what the dashboard's rows can do.

A parked variable is in a file of its own, signed and private as a saved state is; its names
are gone from the namespace until it is brought back. All names of one object are parked
together, so that they are one object again. What else holds the object keeps it in memory:
how much came back is measured. The files outlive the kernel; the notebook's next one
lists them.
"""

from __future__ import annotations

import gc
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pmat_nb.consumers.history import forget
from pmat_nb.consumers.namespace import user_variables
from pmat_nb.errors import StateFileError, UsageError

from .keeping import key_path, of_notebook, private_folder, restore_variables, save_variables

if TYPE_CHECKING:
    from pmat_nb.engine.snapshot import Snapshot

    from .session import Session

__all__ = ["Freed", "Parked", "bring_back", "delete", "discard", "park", "parked"]

# Data of these comes back as it was. All else is read back once before the variable goes:
# an object may be written by code of its own that its reading does not match.
_DATA = ("numpy", "pandas", "pyarrow", "polars")


class Parked(NamedTuple):
    """A variable on disk. ``key`` is what it is brought back by."""

    key: str
    names: tuple[str, ...]
    type: str
    path: Path
    stored_bytes: int
    saved_at: float


class Freed(NamedTuple):
    """Names that are gone, and the resident bytes that came back; None where unknown.

    ``others`` are the user's other names of the object, which keep it.
    """

    names: tuple[str, ...]
    freed_bytes: int | None
    others: tuple[str, ...] = ()
    path: Path | None = None


def park(session: Session, name: str) -> Freed:
    """Write a variable to disk, then delete every name of it.

    Raises:
        UsageError: no such variable.
        StateFileError: it cannot be saved and read back whole; then nothing is changed.
    """
    names = _names_of(session, name)
    before = _settled(session)
    path = _folder(session) / f"{time.time_ns():x}-{os.getpid()}.pmat"
    try:
        _write(session, names, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    _remove(session, names)
    return Freed(names, _given_back(session, before), path=path)


def bring_back(session: Session, key: str) -> tuple[str, ...]:
    """Put a parked variable into the namespace again, and remove its file; its names.

    Raises:
        UsageError: it is not parked, or a name of it has another value by now.
        StateFileError: its file is missing or altered; it stays as it is.
    """
    found = _find(session, key)
    taken = [name for name in found.names if name in session.namespace_owner.user_ns]
    if taken:
        raise UsageError(
            f"{', '.join(taken)} has a value by now, which would be lost; rename it first, or "
            f"%pmat_restore {found.path}"
        )
    restore_variables(session, str(found.path))
    found.path.unlink(missing_ok=True)
    return found.names


def discard(session: Session, key: str) -> Parked:
    """Remove a parked variable's file for good.

    Raises:
        UsageError: it is not parked.
    """
    found = _find(session, key)
    found.path.unlink(missing_ok=True)
    return found


def delete(session: Session, name: str) -> Freed:
    """Delete one name, and if no other is left what IPython's history has of the object.

    Raises:
        UsageError: no such variable.
    """
    others = tuple(other for other in _names_of(session, name) if other != name)
    before = _settled(session)
    _remove(session, (name,), forgotten=not others)
    return Freed((name,), _given_back(session, before), others)


def parked(session: Session) -> tuple[Parked, ...]:
    """This notebook's parked variables, the last one first; those of ended kernels too."""
    from pmat_nb.engine.snapshot import inspect

    found = []
    with suppress(StateFileError, OSError):
        for path in _folder(session).glob("*.pmat"):
            with suppress(StateFileError, OSError):
                found.append(_entry(inspect(path, key_path=key_path())))
    return tuple(sorted(found, key=lambda one: -one.saved_at))


def _find(session: Session, key: str) -> Parked:
    found = {one.key: one for one in parked(session)}.get(key)
    if found is None:
        raise UsageError("it is not parked any more")
    return found


def _entry(snapshot: Snapshot) -> Parked:
    variables = snapshot.variables
    return Parked(
        snapshot.path.stem,
        tuple(one.name for one in variables),
        variables[0].type if variables else "",
        snapshot.path,
        snapshot.total_bytes,
        snapshot.saved_at,
    )


def _folder(session: Session) -> Path:
    return private_folder("parked", of_notebook(session.recording.notebook().key))


def _names_of(session: Session, name: str) -> tuple[str, ...]:
    for variable in user_variables(session.namespace_owner):
        if name in variable.names:
            return tuple(variable.names)
    raise UsageError(f"no variable is called {name!r} any more")


def _write(session: Session, names: tuple[str, ...], path: Path) -> None:
    saved = save_variables(session, str(path), names)
    missing = set(names) - {one.name for one in saved.kept}
    if missing:
        why = dict(saved.skipped).get(names[0], "it cannot be saved")
        raise StateFileError(f"{names[0]} stays: {why}")
    value = session.namespace_owner.user_ns[names[0]]
    if not _is_data(value):
        _read_once(path, names, type(value))


def _is_data(value: object) -> bool:
    """Whether it is text, or an array or frame without objects in it."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return True
    if str(kind.__module__).partition(".")[0] not in _DATA:
        return False
    dtype = getattr(value, "dtype", None)
    dtypes = getattr(value, "dtypes", ()) if dtype is None else (dtype,)
    return not any(
        getattr(one, "hasobject", False) or str(one).lower() == "object" for one in dtypes
    )


def _read_once(path: Path, names: tuple[str, ...], kind: type) -> None:
    """Read a file into nowhere: what cannot be read back is not parked."""
    from pmat_nb.engine.snapshot import restore

    into: dict[str, Any] = {}
    try:
        restore(path, None, into=into, key_path=key_path())
    except Exception as problem:
        raise StateFileError(f"{names[0]} stays: it cannot be read back: {problem}") from None
    if any(type(into.get(name)).__qualname__ != kind.__qualname__ for name in names):
        raise StateFileError(f"{names[0]} stays: another type would come back")


def _remove(session: Session, names: tuple[str, ...], *, forgotten: bool = True) -> None:
    owner = session.namespace_owner
    value = owner.user_ns[names[0]]
    for name in names:
        del owner.user_ns[name]
    if forgotten and session.shell is not None:
        forget(session.shell, value)


def _settled(session: Session) -> int | None:
    """Resident bytes without garbage and without what glibc holds free."""
    gc.collect()
    session.probe.trim_heap()
    return session.probe.rss_bytes()


def _given_back(session: Session, before: int | None) -> int | None:
    after = _settled(session)
    return None if before is None or after is None else before - after
