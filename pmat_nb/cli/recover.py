"""``pmat-nb recover``: a clean start after things went wrong.

Removes files of this project's own making whose kernel is dead, and sets the user's settings
aside. It ends no process, follows no link, and removes nothing that it cannot tell for its own.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pmat_nb.configuration.saving import save_values
from pmat_nb.engine.beacon import remove_stale
from pmat_nb.engine.paths import settings_file, state_dir
from pmat_nb.engine.pools.swap_folders import remove_orphans
from pmat_nb.errors import StateFileError
from pmat_nb.render.recovery import Recovery, RecoveryStep
from pmat_nb.settings import Verb

from .codes import Code
from .printing import deliver

__all__ = ["command"]

# Of a temporary file it is not known whose it is: what is that old nobody is writing.
_OLD_S = 86_400.0
_TEMPORARY = "pmat_nb-"
_UNFINISHED = ".pmat-save-"
_PROFILE = "minimal"


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Take every step, or show them."""
    dry_run = bool(options["dry_run"])
    steps = [
        _swapped(dry_run),
        _beacons(dry_run),
        _temporary(dry_run),
        _unfinished(dry_run),
        _settings(dry_run),
    ]
    deliver(Recovery(steps, dry_run=dry_run), options["format"], options["output"])
    return Code.FINE


def _swapped(dry_run: bool) -> RecoveryStep:
    files, nbytes = remove_orphans(dry_run=dry_run)
    return RecoveryStep("swap files of dead kernels", files, nbytes)


def _beacons(dry_run: bool) -> RecoveryStep:
    return RecoveryStep("last samples of dead kernels", len(remove_stale(dry_run=dry_run)), 0)


def _temporary(dry_run: bool) -> RecoveryStep:
    """Folders of recordings that a kernel could not remove itself."""
    folders = [path for path in _in(Path(tempfile.gettempdir()), _TEMPORARY) if _is_folder(path)]
    files = [path for folder in folders for path in _in(folder, "")]
    step = _remove("temporary files", [path for path in files if _is_file(path)], dry_run)
    for folder in folders if not dry_run else ():
        with suppress(OSError):  # not empty: something in it is not ours
            folder.rmdir()
    return step


def _unfinished(dry_run: bool) -> RecoveryStep:
    """What was being saved when its kernel died."""
    state = state_dir(create=False).path
    places = [] if state is None else [state, *(path for path in _in(state, "") if _real(path))]
    found = [path for place in places for path in _in(place, _UNFINISHED) if _is_file(path)]
    return _remove("unfinished saves", found, dry_run)


def _settings(dry_run: bool) -> RecoveryStep:
    """The user's file set aside, and one that names the smallest profile."""
    what, path = "your settings", settings_file()
    if path is None:
        return RecoveryStep(what, 0, 0, "no home folder: nothing to reset")
    if not path.is_symlink() and _is_minimal(path):
        return RecoveryStep(what, 0, 0, f"{path}: profile {_PROFILE} already")
    backup = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.bak")
    there = os.path.lexists(path)
    note = f"{path}: profile {_PROFILE}" + (f"; before: {backup.name}" if there else "")
    if not dry_run:
        _set_aside(path, backup if there else None)
    return RecoveryStep(what, 0, 0, note)


def _set_aside(path: Path, backup: Path | None) -> None:
    """Raises StateFileError where the folder cannot be written; then nothing has changed."""
    try:
        if backup is not None:
            # The link itself, where it is one: what it points to is not ours to change.
            path.rename(backup)
        save_values(path, {"profile": _PROFILE})
    except (OSError, StateFileError) as problem:
        if backup is not None and os.path.lexists(backup) and not os.path.lexists(path):
            backup.rename(path)
        raise StateFileError(f"{path} cannot be reset: {problem}; it is as it was") from None


def _is_minimal(path: Path) -> bool:
    from pmat_nb.configuration.files import FileContent

    try:
        content = FileContent(path.read_text(encoding="utf-8"), path)
    except Exception:  # damaged: that is what recovering is for
        return False
    return dict(content.values) == {"profile": _PROFILE} and not content.responses


def _remove(what: str, found: list[Path], dry_run: bool) -> RecoveryStep:
    files = nbytes = 0
    for path in found:
        with suppress(OSError):
            size = path.lstat().st_size
            if not dry_run:
                path.unlink()
            files, nbytes = files + 1, nbytes + size
    return RecoveryStep(what, files, nbytes)


def _in(folder: Path, prefix: str) -> Iterator[Path]:
    with suppress(OSError):
        yield from (path for path in sorted(folder.iterdir()) if path.name.startswith(prefix))


def _real(path: Path) -> bool:
    """A folder of this user's, and no link to one."""
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISDIR(found.st_mode) and _own(found)
    return False


def _is_folder(path: Path) -> bool:
    """A folder as `tempfile` makes one for us: of this user's, closed to others, and old."""
    with suppress(OSError):
        closed = os.name == "nt" or not stat.S_IMODE(path.lstat().st_mode) & 0o077
        return _real(path) and closed and time.time() - _newest(path) > _OLD_S
    return False


def _newest(folder: Path) -> float:
    return max(path.lstat().st_mtime for path in (folder, *_in(folder, "")))


def _is_file(path: Path) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and _own(found) and time.time() - found.st_mtime > _OLD_S
    return False


def _own(found: os.stat_result) -> bool:
    return os.name == "nt" or found.st_uid == os.geteuid()
