"""The user's key, and the hashes a snapshot is checked with.

The key is 32 random bytes in a file of the user's own (0600). It proves that a
snapshot was written by this user on an account that holds the key; it does not
hide the content.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import io
import os
import secrets
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import StateFileError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["KEY_BYTES", "fastest_hash", "hash_pool", "key_id", "load_key", "new_hash", "sign"]

KEY_BYTES = 32
_MOST_HASH_THREADS = 4
_DOMAIN = b"pmat_nb snapshot signature\0"


def load_key(path: Path, *, create: bool) -> bytes:
    """The key in ``path``; made there, atomically, if ``create`` and it is missing.

    Raises:
        StateFileError: missing (without ``create``), not a regular file, not the
            user's, open to others, or not 32 bytes long.
    """
    try:
        return _read(path)
    except FileNotFoundError:
        if not create:
            raise StateFileError(
                f"no signing key at {path}: states saved with it cannot be checked here; "
                f"copy the key file from where they were saved"
            ) from None
    except OSError as error:
        raise StateFileError(f"cannot read the signing key {path}: {error.strerror}") from error
    try:
        _create(path)
        return _read(path)
    except OSError as error:
        raise StateFileError(f"cannot create the signing key {path}: {error.strerror}") from error


def key_id(key: bytes) -> bytes:
    """16 bytes that tell keys apart and say nothing about them."""
    return hashlib.blake2b(key, digest_size=16, person=b"pmat key id").digest()


def sign(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256 of ``data`` under ``key``, for this use alone."""
    return hmac.digest(key, _DOMAIN + data, "sha256")


def new_hash(name: str) -> Any:
    """A fresh hash by the name a manifest records."""
    if name == "blake2b":
        return hashlib.blake2b(digest_size=32)
    return hashlib.sha256()


@functools.cache
def fastest_hash(clock: Callable[[], float] = time.perf_counter) -> str:
    """``sha256`` or ``blake2b``, whichever this machine runs faster.

    SHA-256 is twice as fast as BLAKE2b on processors with SHA instructions, and
    half as fast on others; both take less than a millisecond to try.
    """
    sample = bytes(256 * 1024)

    def cost(name: str) -> float:
        start = clock()
        new_hash(name).update(sample)
        return clock() - start

    return min(("sha256", "blake2b"), key=cost)


def hash_pool() -> ThreadPoolExecutor:
    """Threads for hashing; to be used as a context manager."""
    from concurrent.futures import ThreadPoolExecutor

    threads = min(_MOST_HASH_THREADS, os.cpu_count() or 1)
    return ThreadPoolExecutor(threads, thread_name_prefix="pmat-hash")


def _read(path: Path) -> bytes:
    with io.FileIO(path, "rb", opener=_open_at_once) as file:
        _check_private(path, os.fstat(file.fileno()))
        key = file.read(KEY_BYTES + 1) or b""
    if len(key) != KEY_BYTES:
        raise StateFileError(
            f"the signing key {path} has {len(key)} bytes, not {KEY_BYTES}; "
            f"delete it to get a new one (states signed with it are then refused)"
        )
    return key


def _open_at_once(path: str, flags: int) -> int:
    # A fifo in the key's place must not hold us up.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise StateFileError(f"the signing key {path} is not a regular file")
    if sys.platform == "win32":
        return
    if status.st_uid != os.geteuid():
        raise StateFileError(f"the signing key {path} belongs to user {status.st_uid}, not to you")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise StateFileError(
            f"the signing key {path} is open to others (mode {mode:04o}): "
            f"whoever reads it can forge a state; delete it, or chmod 600 if you trust them"
        )


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temp = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        _publish(temp, path)
    finally:
        temp.unlink(missing_ok=True)


def _publish(temp: Path, path: Path) -> None:
    """Name the key without replacing one that another kernel made meanwhile."""
    try:
        os.link(temp, path)
    except FileExistsError:
        return
    except OSError:
        # No hard links here (some network and FAT file systems).
        if not path.exists():
            temp.rename(path)
