"""Entries on disk: written whole or not at all, checked before they are read back.

Each value goes to a file of ours (0600, in a folder of this process inside the state
folder), pickled with its large buffers out of band, straight from the memory they live
in. The digests stay in memory, so what is unpickled is what was written. A failed write
keeps the value where it is; a damaged file is reported and its value counts as missed.

A value that is a variable as well stays in memory through that variable, so it is not
written. What comes back is an equal copy.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pmat_nb.engine.paths import Folder
from pmat_nb.errors import MemoryLimitExceeded, StateFileError

from .compress import Codec
from .swap_folders import SUFFIX, own_dir, remove_ours

if TYPE_CHECKING:
    from pmat_nb.engine.snapshot.manifest import Group

__all__ = ["Spilled", "Swap"]

# After a failed write the disk is left alone for so long.
_PAUSE_S = 60.0
# Other programs need the disk too.
_LEAST_FREE_BYTES = 512 * 1024**2


class Spilled(NamedTuple):
    """A value on disk, with what it takes to check and read it."""

    path: Path
    file_bytes: int
    group: Group
    hash: str
    codec: Codec | None


class Swap:
    """The files of one process. Not thread-safe: the caller holds the pool's lock.

    Args:
        folder: where the files go, asked at the first write.
        report: takes one line for the user when a file cannot be written or read.
        namespace: the globals of the notebook's functions.
        codec: compresses buffers; None: written as they are.
        clock: seconds, monotonic.
        free_bytes: what is free on the disk that a folder lies on.
    """

    def __init__(
        self,
        report: Callable[[str], None],
        *,
        folder: Callable[[], Folder] | None = None,
        namespace: dict[str, Any] | None = None,
        codec: Codec | None = None,
        clock: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._report = report
        self._ask_folder = folder or own_dir
        self._namespace = namespace
        self.codec = codec
        self._clock = clock
        self._free_bytes = free_bytes
        self._folder: Path | None = None
        self._resting_until = float("-inf")
        self._number = 0
        self._pid = os.getpid()

    def ready(self) -> bool:
        """Whether a write may be tried now."""
        return self._clock() >= self._resting_until

    def write(self, value: object, nbytes: int) -> Spilled | Literal[False] | None:
        """Write ``value``, which holds about ``nbytes``.

        None: the disk refused it (reported; not tried again for a minute). False: a
        value of a kind that cannot be written.
        """
        if not self.ready() or os.getpid() != self._pid:
            return None
        try:
            return self._write(value, nbytes)
        except (OSError, StateFileError, MemoryError) as error:
            if isinstance(error, MemoryLimitExceeded):
                raise
            self._resting_until = self._clock() + _PAUSE_S
            self._report(
                f"an entry was not written to disk and stays in memory: {_words(error)}; "
                f"tried again in {_PAUSE_S:.0f} s (%pmat_configure --no-allow-swap ends it)"
            )
            return None

    def tell_stuck(self, address: str, key: object, value: object) -> None:
        """Say that a value stays in memory since it cannot be written."""
        self._report(
            f"{address}: {key!r} cannot be written to disk (it is or holds something that "
            f"cannot be pickled; {type(value).__qualname__}) and stays in memory"
        )

    def _write(self, value: object, nbytes: int) -> Spilled | Literal[False]:
        folder = self._own_folder()
        free = self._free_bytes(folder)
        if free - nbytes < _LEAST_FREE_BYTES:
            raise StateFileError(
                f"only {free / 1024**2:,.0f} MB are free at {folder}, and "
                f"{_LEAST_FREE_BYTES / 1024**2:,.0f} MB are to stay free"
            )
        from pmat_nb.engine.snapshot.atomic import Replacement
        from pmat_nb.engine.snapshot.body import BodyWriter
        from pmat_nb.engine.snapshot.signing import fastest_hash, hash_pool

        self._number += 1
        path = folder / f"{self._number:06d}{SUFFIX}"
        hash_name = fastest_hash()
        with Replacement(path) as replacement, hash_pool() as pool:
            body = BodyWriter(replacement.file, replacement.temp, pool, hash_name)
            if not self._pickle(value, body):
                return False
            group = body.finish_group().settle((path.name,))
            file_bytes = body.offset
            replacement.commit(durable=False)
        return Spilled(path, file_bytes, group, hash_name, self.codec)

    def _pickle(self, value: object, body: Any) -> bool:
        from pmat_nb.engine.snapshot.pickles import SnapshotPickler

        sink = body if self.codec is None else _Compressing(body, self.codec)
        try:
            SnapshotPickler(sink, self._space()).dump(value)
        except (MemoryError, KeyboardInterrupt):
            raise
        except (Exception, SystemExit):
            if body.error is not None:
                raise body.error from None
            return False
        return True

    def _space(self) -> dict[str, Any]:
        return vars(sys.modules["__main__"]) if self._namespace is None else self._namespace

    def _own_folder(self) -> Path:
        if self._folder is None:
            found = self._ask_folder()
            if found.path is None:
                raise StateFileError(found.reason)
            self._folder = found.path
        return self._folder

    def read(self, spilled: Spilled, *, keep: bool = False) -> tuple[Any] | None:
        """The value, in a tuple of one, its file removed; None where that is lost (reported)."""
        try:
            value = self._read(spilled)
        except (MemoryError, KeyboardInterrupt):
            raise
        except (Exception, SystemExit) as error:
            self._report(f"an entry on disk is lost and counts as missed: {_words(error)}")
            return None
        if not keep:
            self.remove(spilled)
        return (value,)

    def _read(self, spilled: Spilled) -> Any:
        import io

        from pmat_nb.engine.snapshot.load import read_group
        from pmat_nb.engine.snapshot.pickles import Restoration, SnapshotUnpickler
        from pmat_nb.engine.snapshot.signing import hash_pool

        with io.FileIO(spilled.path, "rb") as file, hash_pool() as pool:
            loaded = read_group(file, spilled.group, hash=spilled.hash, pool=pool)
        buffers: Iterator[Any] = loaded.take_buffers()
        if spilled.codec is not None:
            buffers = map(spilled.codec.unpack, buffers)
        restoration = Restoration(self._space())
        return SnapshotUnpickler(loaded.stream, buffers, restoration).load()

    def remove(self, spilled: Spilled) -> None:
        """Remove a value's file; nothing in a forked child."""
        if os.getpid() == self._pid:
            with contextlib.suppress(OSError):
                spilled.path.unlink()

    def close(self) -> None:
        """Remove all files of this process, and their folder."""
        if self._folder is not None and os.getpid() == self._pid:
            remove_ours(self._folder)
        self._folder = None


class _Compressing:
    """A sink whose buffers are compressed on their way."""

    def __init__(self, body: Any, codec: Codec) -> None:
        self.write = body.write
        self._body, self._codec = body, codec

    def write_buffer(self, pieces: Iterable[memoryview]) -> None:
        self._body.write_buffer(self._codec.pack(pieces))


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return str(error) or type(error).__name__
