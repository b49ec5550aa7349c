"""A file that appears whole or not at all.

The new content goes to a locked temporary file beside the target, which takes the
target's name once everything is on disk. What a killed process leaves behind is
told by its name and by its lock being free, and removed by the next save.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pmat_nb.errors import StateFileError

from .manifest import MAGIC

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["Replacement", "check_target", "remove_leftovers", "translate"]

_PREFIX = ".pmat-save-"
_SUFFIX = ".tmp"


class Replacement:
    """The content that is to take ``target``'s place; a context manager.

    Leaving the block without :meth:`commit` removes the temporary file.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.temp, self.file = _locked_temp(target.parent)
        self._syncing = _OneAtATime(self._sync_data)
        self._done = False

    def __enter__(self) -> Replacement:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._done:
            with contextlib.suppress(OSError):
                self.temp.unlink()
        self._syncing.close()
        self.file.close()

    def start_sync(self) -> None:
        """Have the disk begin with what was written so far, and do not wait for it."""
        self._syncing.start()

    def sync(self) -> None:
        """Wait until what was written is on disk."""
        self._syncing.wait()
        os.fsync(self.file.fileno())

    def _sync_data(self) -> None:
        getattr(os, "fdatasync", os.fsync)(self.file.fileno())

    def commit(self, *, durable: bool) -> None:
        """Give the temporary file the target's name."""
        self.temp.replace(self.target)
        self._done = True
        if durable:
            _sync_folder(self.target.parent)


class _OneAtATime:
    """Runs ``work`` in a thread, whose errors it passes on; a run under way is enough."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._pool: ThreadPoolExecutor | None = None
        self._run: Future[None] | None = None

    def start(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        if self._run is not None and not self._run.done():
            return
        self.wait()
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="pmat-sync")
        self._run = self._pool.submit(self._work)

    def wait(self) -> None:
        # The system reports a failed write to one caller only: it must not get lost.
        if self._run is not None:
            self._run.result()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()


def check_target(path: Path) -> Path:
    """``path`` made absolute; :class:`StateFileError` where a save must not go."""
    try:
        target = Path(path).absolute()
        status = target.lstat()
        ours = not stat.S_ISREG(status.st_mode) or not status.st_size or _is_ours(target)
    except FileNotFoundError:
        return _with_folder(target)
    except (OSError, ValueError) as error:
        raise StateFileError(f"cannot save to {str(path)!r}: {error}") from error
    if stat.S_ISLNK(status.st_mode):
        raise StateFileError(
            f"{target} is a symbolic link to {target.readlink()}; give that path itself"
        )
    if not stat.S_ISREG(status.st_mode):
        raise StateFileError(f"{target} is not a regular file; give the path of a file")
    if not ours:
        raise StateFileError(
            f"{target} exists and is not a saved state; it is left alone: give another path"
        )
    return target


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove what killed saves left in ``folder``; the paths removed.

    Only files with our name and start, owned by this user, that no process holds.
    """
    removed = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(_PREFIX)]
        for name in names:
            path = folder / name
            if name.endswith(_SUFFIX) and _remove_if_dead(path):
                removed.append(path)
    return removed


@contextlib.contextmanager
def translate(path: Path) -> Iterator[None]:
    """Turn what the system says about ``path`` into a :class:`StateFileError`."""
    try:
        yield
    except OSError as error:
        raise StateFileError(f"cannot save to {path}: {_explain(error, path)}") from error


def _explain(error: OSError, path: Path) -> str:
    text = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{text}; free some space or give a path on another disk. Nothing was changed"
    if error.errno == errno.EFBIG:
        return f"{text}; raise the file size limit (ulimit -f). Nothing was changed"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{text}; the folder {path.parent} must be writable. Nothing was changed"
    return f"{text}. Nothing was changed"


def _with_folder(target: Path) -> Path:
    if not target.parent.is_dir():
        raise StateFileError(f"the folder {target.parent} does not exist; create it first")
    return target


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _locked_temp(folder: Path) -> tuple[Path, io.FileIO]:
    while True:
        temp = folder / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        file = io.FileIO(os.open(temp, flags, 0o600), "r+b")
        # Between the two calls another save may have taken it for a leftover.
        if _lock(file.fileno(), wait=True) is not False and os.fstat(file.fileno()).st_nlink:
            return temp, file
        file.close()


def _lock(descriptor: int, *, wait: bool) -> bool | None:
    """True: locked. False: somebody else holds it. None: no locks here."""
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_if_dead(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        start = os.read(descriptor, len(MAGIC))
        dead = _lock(descriptor, wait=False) is True and start in (b"", MAGIC)
        if dead:
            path.unlink()
        return dead
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    # Some file systems refuse to sync a folder; the file itself is safe by now.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
