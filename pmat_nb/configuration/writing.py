"""Writing a small file whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pmat_nb.errors import StateFileError

__all__ = ["write_atomically"]


def write_atomically(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Replace the file at ``path``; a reader sees the old content or the new.

    A link is followed, so that a file kept elsewhere stays there. ``mode`` is the new
    file's; None keeps that of the old one, or what is usual for a new file.

    Raises:
        StateFileError: it cannot be written; the old file is as it was.
    """
    target = path.resolve()
    part = target.with_name(f".{target.name}.{os.urandom(4).hex()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        wanted = mode if mode is not None else _mode_of(target)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, wanted or 0o666)
        with os.fdopen(handle, "wb") as f:
            if wanted is not None:
                part.chmod(wanted)
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        reason = error.strerror or str(error)
        raise StateFileError(f"{path} cannot be written: {reason}; nothing was changed") from error


def _mode_of(target: Path) -> int | None:
    """The mode of the file that is there; None lets the umask decide."""
    try:
        return target.stat().st_mode & 0o777
    except OSError:
        return None
