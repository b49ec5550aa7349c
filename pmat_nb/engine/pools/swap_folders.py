"""Where swapped entries lie, one folder per process, and removing what dead ones left there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pmat_nb.engine.paths import Folder, make_private, state_dir

if TYPE_CHECKING:
    from pmat_nb.engine.history.process import ProcessKey

__all__ = ["SUFFIX", "own_dir", "remove_orphans", "remove_ours", "swap_dir"]

SUFFIX = ".swap"
# Of another boot or container it cannot be told whether the process lives.
_UNKNOWN_AGE_S = 7 * 86400.0


def swap_dir(*, create: bool = True) -> Folder:
    """The folder that has one folder per process with swapped entries."""
    parent = state_dir(create=create)
    if parent.path is None:
        return parent
    path = parent.path / "swap"
    reason = make_private(path) if create else ""
    return Folder(None, reason) if reason else Folder(path)


def own_dir() -> Folder:
    """This process's own folder inside :func:`swap_dir`."""
    from pmat_nb.engine.history.process import this_process

    parent = swap_dir()
    if parent.path is None:
        return parent
    key = this_process()
    path = parent.path / f"{key.machine}-{key.pid}-{key.start_cs}"
    reason = make_private(path)
    return Folder(None, reason) if reason else Folder(path)


def remove_orphans(
    folder: Path | None = None,
    *,
    dry_run: bool = False,
    now: Callable[[], float] = time.time,
) -> tuple[int, int]:
    """Remove what kernels that are dead left behind: ``(files, bytes)`` removed.

    Of another boot or container it is unknown whether a process lives; its files go
    when they are a week old.
    """
    from pmat_nb.engine.history.process import is_alive

    base = folder or swap_dir(create=False).path
    files = nbytes = 0
    if base is None or not base.is_dir():
        return 0, 0
    for path in list(base.iterdir()):
        key = _key_of(path.name)
        if key is None or path.is_symlink():
            continue
        alive = is_alive(key)
        if alive is None:
            with contextlib.suppress(OSError):
                alive = now() - path.stat().st_mtime < _UNKNOWN_AGE_S
        if alive is False:
            removed = remove_ours(path, dry_run)
            files, nbytes = files + removed[0], nbytes + removed[1]
    return files, nbytes


def remove_ours(folder: Path, dry_run: bool = False) -> tuple[int, int]:
    """Remove the files that are ours by name, then the folder if that empties it."""
    files = nbytes = 0
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if path.name.endswith(SUFFIX) or path.name.startswith(".pmat-save-"):
                nbytes += path.lstat().st_size
                files += 1
                if not dry_run:
                    path.unlink()
        if not dry_run:
            folder.rmdir()
    return files, nbytes


def _key_of(name: str) -> ProcessKey | None:
    from pmat_nb.engine.history.process import ProcessKey

    machine, _, rest = name.partition("-")
    pid, _, start_cs = rest.partition("-")
    if not (pid.isdecimal() and start_cs.isdecimal()):
        return None
    return ProcessKey(machine, int(pid), int(start_cs))
