"""Reading the body of a snapshot: groups go into the memory they will live in, verified.

The digests are those of the bytes in memory, and it is these that are unpickled: what
happens to the file afterwards does not matter.
"""

from __future__ import annotations

import io
import mmap
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pmat_nb.errors import StateFileError

from .manifest import CHUNK_BYTES, Group
from .signing import new_hash

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["LoadedGroup", "StreamReader", "read_group"]

# From here on memory comes from mmap: no page is touched before the data arrive,
# and all of it goes back to the system.
_MAPPED_BYTES = 1024**2

View = memoryview | mmap.mmap | bytearray


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
