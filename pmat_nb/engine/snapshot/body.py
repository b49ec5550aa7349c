"""The body of a snapshot: groups of pickle stream and buffers, hashed while moved.

Hashing runs in threads beside the copying (``hashlib`` releases the GIL). When
saving, the digests are taken from the file, not from the variables' memory: another
thread may change an array while it is written, and the file must still be valid.
"""

from __future__ import annotations

import io
import mmap
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pmat_nb.errors import StateFileError

from .manifest import CHUNK_BYTES, Group
from .signing import new_hash

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["BodyWriter", "FinishedGroup", "LoadedGroup", "hash_pool", "read_group"]

_MOST_HASH_THREADS = 4
# What is read back at a time to be hashed: few turns with the GIL, little memory.
_STEP_BYTES = 1024**2
# From here on memory comes from mmap: no page is touched before the data arrive,
# and all of it goes back to the system.
_MAPPED_BYTES = 1024**2

View = memoryview | mmap.mmap | bytearray


def hash_pool() -> ThreadPoolExecutor:
    """Threads for hashing; to be used as a context manager."""
    from concurrent.futures import ThreadPoolExecutor

    threads = min(_MOST_HASH_THREADS, os.cpu_count() or 1)
    return ThreadPoolExecutor(threads, thread_name_prefix="pmat-hash")


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
    failure of the variable being pickled.
    """

    def __init__(self, file: io.FileIO, path: Path, pool: ThreadPoolExecutor, hash: str) -> None:
        self._file, self._path, self._pool, self._hash = file, path, pool, hash
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


@dataclass(frozen=True, slots=True)
class LoadedGroup:
    """A verified group in memory, ready to be unpickled (which empties it)."""

    group: Group
    stream: StreamReader
    buffers: deque[View]

    def take_buffers(self) -> Iterator[View]:
        """The buffers in the order the stream asks for them, each given up with that."""
        while self.buffers:
            yield self.buffers.popleft()


class StreamReader:
    """A file of pieces in memory, each given up as soon as it has been read."""

    def __init__(self) -> None:
        self._pieces: deque[memoryview] = deque()

    def append(self, piece: memoryview) -> None:
        """Add to the end."""
        self._pieces.append(piece)

    def readinto(self, target: bytearray | memoryview) -> int:
        """Fill ``target`` as far as there is data; the bytes copied."""
        with memoryview(target) as whole, whole.cast("B") as view:
            done = 0
            while done < len(view) and self._pieces:
                taken = self._take(len(view) - done)
                view[done : done + len(taken)] = taken
                done += len(taken)
        return done

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        taken = self._take(size)
        if len(taken) == size:
            return bytes(taken)
        parts = [taken]
        missing = size - len(taken)
        while missing and self._pieces:
            parts.append(self._take(missing))
            missing -= len(parts[-1])
        return b"".join(parts)

    def readline(self) -> bytes:
        """Up to and including the next newline."""
        line = bytearray()
        while (byte := self.read(1)) and byte != b"\n":
            line += byte
        return bytes(line + byte)

    def _take(self, size: int) -> memoryview:
        if not self._pieces:
            return memoryview(b"")
        head = self._pieces[0]
        if len(head) <= size:
            return self._pieces.popleft()
        self._pieces[0] = head[size:]
        return head[:size]


def read_group(
    file: io.FileIO, group: Group, *, hash: str, pool: ThreadPoolExecutor
) -> LoadedGroup:
    """Read one group into the memory it will live in, and check its digests.

    Raises:
        StateFileError: the file is shorter than it says, or a digest differs.
    """
    loaded = LoadedGroup(group, StreamReader(), deque())
    check = _Check(group, hash, pool)
    file.seek(group.offset)
    for is_buffer, length in group.segments:
        if is_buffer:
            buffer = _allocate(length)
            with memoryview(buffer) as view:
                _fill(file, view, check)
            loaded.buffers.append(buffer)
        else:
            _read_stream(file, length, loaded.stream, check)
    check.finish()
    return loaded


def _read_stream(file: io.FileIO, length: int, stream: StreamReader, check: _Check) -> None:
    while length:
        piece = memoryview(_allocate(min(length, CHUNK_BYTES)))
        _fill(file, piece, check)
        stream.append(piece)
        length -= len(piece)


def _fill(file: io.FileIO, view: memoryview, check: _Check) -> None:
    done = 0
    while done < len(view):
        step = view[done : done + min(CHUNK_BYTES, len(view) - done)]
        count = file.readinto(step)
        if not count:
            raise StateFileError(f"{file.name} ends too early: it was cut off after it was saved")
        check.feed(step[:count])
        done += count


def _allocate(length: int) -> View:
    if length < _MAPPED_BYTES:
        return bytearray(length)
    if sys.platform == "win32":
        return mmap.mmap(-1, length)
    # Private: the default would share the arrays with forked children.
    return mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class _Check:
    """Compares what is read, in order, with a group's digests."""

    def __init__(self, group: Group, hash: str, pool: ThreadPoolExecutor) -> None:
        self._hash, self._pool = hash, pool
        self._expected = bytes.fromhex(group.digests)
        self._names = group.names
        self._pieces: list[memoryview] = []
        self._missing = CHUNK_BYTES
        self._digests: list[Future[bytes]] = []

    def feed(self, view: memoryview) -> None:
        while len(view):
            piece = view[: self._missing]
            self._pieces.append(piece)
            self._missing -= len(piece)
            view = view[len(piece) :]
            if not self._missing:
                self._submit()

    def finish(self) -> None:
        if self._pieces:
            self._submit()
        found = b"".join(digest.result() for digest in self._digests)
        if found != self._expected:
            raise StateFileError(
                f"the saved bytes of {', '.join(self._names)} are not those that were signed: "
                f"the file is damaged or was changed; nothing was restored"
            )

    def _submit(self) -> None:
        self._digests.append(self._pool.submit(_digest_of, self._hash, self._pieces))
        self._pieces, self._missing = [], CHUNK_BYTES


def _digest_of(hash: str, pieces: list[memoryview]) -> bytes:
    digest = new_hash(hash)
    for piece in pieces:
        digest.update(piece)
    return bytes(digest.digest())
