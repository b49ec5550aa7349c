"""Restoring: verify everything asked for, unpickle it aside, then put it in place."""

from __future__ import annotations

import builtins
import importlib
import io
import os
import pickle
import stat
import time
from collections.abc import Callable, Collection, MutableMapping
from hmac import compare_digest
from pathlib import Path
from typing import Any

from pmat_nb.errors import MemoryLimitExceeded, StateFileError, UsageError

from .load import LoadedGroup, read_group
from .manifest import (
    FORMAT_VERSION,
    HEADER,
    MAGIC,
    Footer,
    Manifest,
    RestoreReport,
    SavedVariable,
    Snapshot,
)
from .signing import hash_pool, key_id, load_key, sign
from .writer import python_version

__all__ = ["inspect", "restore"]


def inspect(path: Path, *, key_path: Path) -> Snapshot:
    """What ``path`` holds, from its verified manifest; no value is read.

    Raises:
        StateFileError: not a snapshot, cut off, of an unknown format, or not signed
            with the key in ``key_path``.
    """
    with _opened(path) as file:
        manifest, size = _verified_manifest(file, load_key(key_path, create=False))
    return Snapshot(
        path=Path(path),
        variables=manifest.variables,
        skipped=manifest.skipped,
        origin=manifest.origin,
        saved_at=manifest.saved_at,
        python=manifest.python,
        total_bytes=size,
    )


def restore(
    path: Path,
    names: Collection[str] | None = None,
    *,
    into: MutableMapping[str, Any],
    key_path: Path,
    clock: Callable[[], float] = time.perf_counter,
) -> RestoreReport:
    """Put the saved variables (``names``, or all) into ``into``, all or none.

    Only the groups that hold ``names`` are read. Functions of the notebook are bound
    to ``into`` where it is a dict, else to a dict of what is restored.

    Raises:
        StateFileError: as :func:`inspect`; also saved by another Python version, the
            body damaged, or a value that cannot be brought back. ``into`` is as before.
        UsageError: a name that the snapshot does not have.
    """
    start = clock()
    staged: dict[str, Any] = {}
    with _opened(path) as file:
        manifest, size = _verified_manifest(file, load_key(key_path, create=False))
        _check_python(manifest, path)
        wanted = _wanted(manifest, names, path)
        loaded = _load(file, manifest, {item.name for item in wanted})
    settle = _unpickle(loaded, wanted, staged, into if isinstance(into, dict) else staged)
    _import_modules(wanted, staged, path)
    _commit(staged, into, settle)
    return RestoreReport(
        path=Path(path),
        restored=wanted,
        # Who asked for some by name has heard of those that were left out, or did not ask.
        skipped=manifest.skipped if names is None else (),
        unbound=_unbound(manifest, wanted, into),
        origin=manifest.origin,
        saved_at=manifest.saved_at,
        total_bytes=size,
        duration_s=clock() - start,
    )


def _opened(path: Path) -> io.FileIO:
    try:
        # A fifo in the file's place must not hold us up.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = io.FileIO(path, "rb", opener=lambda name, _: os.open(name, flags))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StateFileError(f"cannot read {path}: {reason}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise StateFileError(f"{path} is not a regular file")
    return file


def _verified_manifest(file: io.FileIO, key: bytes) -> tuple[Manifest, int]:
    """The manifest, once layout and signature are found good; the file's size."""
    name = file.name
    size = os.fstat(file.fileno()).st_size
    header = _read_at(file, 0, HEADER.size)
    _check_header(header, name)
    cut_off = f"{name} is incomplete: its end is missing or was added to; nothing was restored"
    footer = None
    if size >= HEADER.size + Footer.SIZE:
        footer = Footer.decode(_read_at(file, size - Footer.SIZE, Footer.SIZE))
    if footer is None or footer.offset + footer.length + Footer.SIZE != size:
        raise StateFileError(cut_off)
    if footer.key_id != key_id(key):
        raise StateFileError(
            f"{name} was signed with another key: it was saved by another user or on another "
            f"machine; it is not read. Save it again here, or bring that key file along"
        )
    data = _read_at(file, footer.offset, footer.length)
    if not compare_digest(sign(key, footer.signed_part(header, data)), footer.signature):
        raise StateFileError(
            f"{name} has a wrong signature: it was changed after it was saved; it is not read"
        )
    return Manifest.decode(data), size


def _check_header(header: bytes, name: object) -> None:
    if header[: len(MAGIC)] != MAGIC or len(header) < HEADER.size:
        raise StateFileError(f"{name} is not a saved state of pmat_nb")
    _, version = HEADER.unpack(header)
    if version != FORMAT_VERSION:
        raise StateFileError(
            f"{name} has format version {version}, this pmat_nb reads {FORMAT_VERSION}; "
            f"use the pmat_nb release that saved it"
        )


def _read_at(file: io.FileIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = bytearray()
    while len(data) < length and (piece := file.read(length - len(data))):
        data += piece
    return bytes(data)


def _check_python(manifest: Manifest, path: Path) -> None:
    here = python_version()
    if manifest.python != here:
        raise StateFileError(
            f"{path} was saved by {manifest.python}, this kernel is {here}: code and pickles "
            f"differ between them; restore it in a {manifest.python} kernel"
        )


def _wanted(
    manifest: Manifest, names: Collection[str] | None, path: Path
) -> tuple[SavedVariable, ...]:
    if names is None:
        return manifest.variables
    names = {names} if isinstance(names, str) else names
    known = {item.name: item for item in manifest.variables}
    for name in names:
        if name not in known:
            raise UsageError(_unknown_name(name, known, dict(manifest.skipped), path))
    asked = set(names)
    return tuple(item for item in manifest.variables if item.name in asked)


def _unknown_name(name: str, known: Collection[str], skipped: dict[str, str], path: Path) -> str:
    if name in skipped:
        return f"{name!r} was not saved in {path}: {skipped[name]}"
    import difflib

    near = difflib.get_close_matches(name, known, n=1) or list(known)[:1]
    hint = f"; for example {near[0]!r}" if near else ""
    return f"{name!r} is not in {path}, which holds {len(known)} variables{hint}"


def _load(file: io.FileIO, manifest: Manifest, names: set[str]) -> list[LoadedGroup]:
    """The groups that hold ``names``, all of them verified."""
    groups = [group for group in manifest.groups if not names.isdisjoint(group.names)]
    with hash_pool() as pool:
        return [read_group(file, group, hash=manifest.hash, pool=pool) for group in groups]


def _unpickle(
    loaded: list[LoadedGroup],
    wanted: tuple[SavedVariable, ...],
    staged: dict[str, Any],
    namespace: dict[str, Any],
) -> Callable[[], None]:
    """Fill ``staged``; what remains to be done to live classes once all is well."""
    if not loaded:
        return lambda: None
    from .pickles import Restoration, SnapshotUnpickler

    names = {item.name for item in wanted}
    restoration = Restoration(namespace)
    while loaded:
        part = loaded.pop(0)
        unpickler = SnapshotUnpickler(part.stream, part.take_buffers(), restoration)
        last = max(index for index, name in enumerate(part.group.names) if name in names)
        for name in part.group.names[: last + 1]:
            value = _load_one(unpickler, name)
            if name in names:
                staged[name] = value
    return lambda: restoration.settle(staged.values())


def _load_one(unpickler: pickle.Unpickler, name: str) -> Any:
    try:
        return unpickler.load()
    except (MemoryLimitExceeded, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise _failure(name, error) from error


def _failure(name: str, error: BaseException) -> StateFileError:
    from .survey import reason_of

    return StateFileError(
        f"{name!r} could not be brought back: {reason_of(error)}. Nothing was restored; "
        f"name the variables you want without it"
    )


def _import_modules(wanted: tuple[SavedVariable, ...], staged: dict[str, Any], path: Path) -> None:
    for item in wanted:
        if item.module is not None:
            try:
                staged[item.name] = importlib.import_module(item.module)
            except (Exception, SystemExit) as error:
                raise _failure(item.name, error) from error


def _commit(
    staged: dict[str, Any], into: MutableMapping[str, Any], settle: Callable[[], None]
) -> None:
    """All of ``staged`` into ``into``, or, where a mapping refuses, nothing."""
    before = {name: into[name] for name in staged if name in into}
    try:
        into.update(staged)
        settle()
    except BaseException:
        for name in staged:
            if name in before:
                into[name] = before[name]
            else:
                into.pop(name, None)
        raise


def _unbound(
    manifest: Manifest, wanted: tuple[SavedVariable, ...], into: MutableMapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    # A function that two variables share is noted with the first of them.
    names = {name for item in wanted for name in (item.name, *item.shared_with)}
    return tuple(
        (item.name, need)
        for item in manifest.variables
        if item.name in names
        for need in item.needs
        if need not in into and not hasattr(builtins, need)
    )
