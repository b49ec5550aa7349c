"""Writing the body of a snapshot: groups of pickle stream and buffers, hashed meanwhile.

Hashing runs in threads beside the copying (``hashlib`` releases the GIL). The digests
are taken from the file, not from the variables' memory: another
thread may change an array while it is written, and the file must still be valid.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .manifest import CHUNK_BYTES, Group
from .signing import new_hash

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["BodyWriter", "FinishedGroup"]

# What is read back at a time to be hashed: few turns with the GIL, little memory.
_STEP_BYTES = 1024**2
_FLUSH_BYTES = 32 * 1024**2


@dataclass(frozen=True, slots=True)
class FinishedGroup:
    """A written group whose digests may still be under way."""

    offset: int
    length: int
    segments: tuple[tuple[bool, int], ...]
    digests: tuple[Future[bytes], ...]

    def settle(self, names: tuple[str, ...]) -> Group:
        """Wait for the digests."""
        digests = "".join(digest.result().hex() for digest in self.digests)
        return Group(names, self.offset, self.length, self.segments, digests)


class BodyWriter:
    """Appends groups to ``file``; ``write`` takes the pickle stream.

    ``error`` keeps the first failure of the disk, so that it is not mistaken for a
    failure of the variable being pickled. ``flush`` is called now and then, to have the
    disk begin early: it works while the hashing does.
    """

    def __init__(
        self,
        file: io.FileIO,
        path: Path,
        pool: ThreadPoolExecutor,
        hash: str,
        flush: Callable[[], None] | None = None,
    ) -> None:
        self._file, self._path, self._pool, self._hash = file, path, pool, hash
        self._flush, self._unflushed = flush, 0
        self.error: OSError | None = None
        self.offset = file.tell()
        self._open_group()

    def write(self, data: bytes | memoryview) -> int:
        """Append to the group's pickle stream (the file protocol of ``pickle``)."""
        length = self._append(data)
        if self._segments and not self._segments[-1][0]:
            self._segments[-1][1] += length
        else:
            self._segments.append([False, length])
        return length

    def write_buffer(self, pieces: Iterable[memoryview]) -> None:
        """Append one out-of-band buffer, handed over in one piece or several."""
        self._segments.append([True, sum(self._append(piece) for piece in pieces)])

    def finish_group(self) -> FinishedGroup:
        """Close the group and open the next."""
        if self.offset > self._hashed:
            self._hash_until(self.offset)
        segments = tuple((bool(kind), length) for kind, length in self._segments)
        group = FinishedGroup(
            self._start, self.offset - self._start, segments, tuple(self._digests)
        )
        self._open_group()
        return group

    def rewind(self) -> None:
        """Drop everything the open group has written."""
        for digest in self._digests:
            digest.cancel()
        self._file.seek(self._start)
        self._file.truncate()
        self.offset = self._start
        self._open_group()

    def _open_group(self) -> None:
        self._start = self._hashed = self.offset
        self._segments: list[list[int]] = []
        self._digests: list[Future[bytes]] = []

    def _append(self, data: bytes | memoryview) -> int:
        with memoryview(data) as whole, whole.cast("B") as view:
            done, length = 0, len(view)
            try:
                while done < length:
                    done += self._write_some(view[done : done + CHUNK_BYTES])
            except OSError as error:
                self.error = self.error or error
                raise
        return length

    def _write_some(self, piece: memoryview) -> int:
        written = self._file.write(piece) or 0
        self.offset += written
        while self.offset - self._hashed >= CHUNK_BYTES:
            self._hash_until(self._hashed + CHUNK_BYTES)
        self._unflushed += written
        if self._flush is not None and self._unflushed >= _FLUSH_BYTES:
            self._flush()
            self._unflushed = 0
        return written

    def _hash_until(self, end: int) -> None:
        self._digests.append(self._pool.submit(self._digest, self._hashed, end - self._hashed))
        self._hashed = end

    def _digest(self, offset: int, length: int) -> bytes:
        digest = new_hash(self._hash)
        scratch = memoryview(bytearray(_STEP_BYTES))
        with self._path.open("rb", buffering=0) as file:
            file.seek(offset)
            while length and (count := file.readinto(scratch[:length])):
                digest.update(scratch[:count])
                length -= count
        return bytes(digest.digest())
