"""How much of given address ranges is in this process's memory.

Two sources. ``/proc/self/pagemap`` tells for each page whether *this process* has
it, so pages of a memmap that are only in the file cache do not count; about 1 ms
per GB in huge pages and 8 to 12 in small ones. ``mincore`` is ten times faster but
right only for private anonymous memory: it serves the C allocator's own areas.

Neither covers device memory, or what other processes hold of shared pages.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .procfs import PAGE_BYTES, anonymous_areas

__all__ = ["PageMap", "in_core_bytes"]

# The top byte of a pagemap entry: bit 7 present, bit 5 a file's or shared page,
# bit 0 mapped by this process alone (kernels from 4.2).
_PRESENT, _FILE, _EXCLUSIVE = 0x80, 0x20, 0x01
_ALL_PRESENT = bytes(int(flags >= _PRESENT) for flags in range(256))
# Present, yet neither a file's nor ours alone: the kernel's one page of zeros, which
# stands for every page that was read and never written and is not in RSS (or a page
# shared with a fork, which is).
_WITHOUT_ZERO_PAGE = bytes(
    int(flags >= _PRESENT and bool(flags & (_FILE | _EXCLUSIVE))) for flags in range(256)
)
# For private anonymous memory: the kernel's huge page of zeros passes for a file's.
_OURS_ALONE = bytes(int(flags >= _PRESENT and bool(flags & _EXCLUSIVE)) for flags in range(256))
_HUGE_BYTES = 2 << 20

_WINDOW_PAGES = 16384  # 128 kB of pagemap at a time stays in the processor's cache
_GAP_PAGES = 512  # reading on over a gap is cheaper than another call up to here
_SAMPLE_ABOVE_BYTES = 4 << 30
_SAMPLE_PAGES = 512

Range = tuple[int, int]


class PageMap:
    """Counts resident bytes by ``/proc/self/pagemap``.

    Ranges above ``sample_above_bytes`` (4 GiB) are sampled: of every k stretches of
    2 MiB one is read, k the smallest number that leaves at most that many bytes to
    read, and the count is scaled up. Smaller ranges are counted page by page; of a
    range's first and last page only its own bytes count.
    """

    def __init__(self, path: str, sample_above_bytes: int = _SAMPLE_ABOVE_BYTES) -> None:
        self._path = path
        self._sample_above_bytes = sample_above_bytes

    def resident_bytes(
        self,
        ranges: Iterable[Range],
        forked: Callable[[], bool] = lambda: False,
        maps: Callable[[], bytes | None] = lambda: None,
    ) -> int | None:
        """Resident bytes of all ranges together; None where pagemap cannot be used.

        Overlapping ranges count twice. ``forked`` tells whether this process shares
        pages with a parent or child of a fork, ``maps`` is its memory map; both are
        asked only where it matters.
        """
        try:
            fd = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return None
        try:
            table = _table(fd, forked)
            if table is not _WITHOUT_ZERO_PAGE:
                return None if table is None else self._count(fd, ranges, table)
            ours, others = _by_backing(ranges, maps)
            return self._count(fd, ours, _OURS_ALONE) + self._count(fd, others, table)
        except (OSError, AttributeError, OverflowError):
            return None
        finally:
            os.close(fd)

    def _count(self, fd: int, ranges: Iterable[Range], table: bytes) -> int:
        small = []
        total = 0
        for address, size in ranges:
            if size > self._sample_above_bytes:
                total += self._sample(fd, address, size, table)
            elif size > 0:
                small.append((address, size))
        small.sort()
        for window in _windows(small):
            total += _count_window(fd, window, table)
        return total

    def _sample(self, fd: int, address: int, size: int, table: bytes) -> int:
        every = -(-size // self._sample_above_bytes)
        stretch = _SAMPLE_PAGES * PAGE_BYTES
        first, last = address // PAGE_BYTES, (address + size) // PAGE_BYTES
        read = resident = 0
        for page in range(first, last, _SAMPLE_PAGES * every):
            pages = min(stretch // PAGE_BYTES, last - page)
            present = _flags(fd, page, pages).translate(table)
            read += pages
            resident += present.count(1)
        return size * resident // read


def _by_backing(
    ranges: Iterable[Range], maps: Callable[[], bytes | None]
) -> tuple[list[Range], list[Range]]:
    """Ranges in private anonymous memory that may have huge pages, and all others."""
    others: list[Range] = []
    large: list[Range] = []
    for one in ranges:
        (large if one[1] >= _HUGE_BYTES else others).append(one)
    if not large:
        return [], others
    areas = anonymous_areas(maps() or b"")
    starts = [start for start, _ in areas]
    ours: list[Range] = []
    for address, size in large:
        at = bisect_right(starts, address) - 1
        inside = at >= 0 and address + size <= areas[at][1]
        (ours if inside else others).append((address, size))
    return ours, others


def _flags(fd: int, page: int, pages: int) -> bytes:
    """The top byte of each page's entry; pages past the map's end are missing."""
    return os.pread(fd, pages * 8, page * 8)[7::8]


def _table(fd: int, forked: Callable[[], bool]) -> bytes | None:
    """How to read the flags here, from a page that surely is ours and resident."""
    import ctypes

    page = ctypes.create_string_buffer(b"x" * (2 * PAGE_BYTES))
    flags = _flags(fd, ctypes.addressof(page) // PAGE_BYTES + 1, 1)
    if not flags or flags[0] < _PRESENT:
        return None  # a sandbox that only pretends to have the file
    if not flags[0] & _EXCLUSIVE or forked():
        return _ALL_PRESENT
    return _WITHOUT_ZERO_PAGE


def _windows(ranges: list[Range]) -> Iterator[list[Range]]:
    """Sorted ranges in groups that one stretch of pagemap covers; large ones alone."""
    group: list[Range] = []
    start = end = 0
    for address, size in ranges:
        far = address > end + _GAP_PAGES * PAGE_BYTES
        full = address + size - start > _WINDOW_PAGES * PAGE_BYTES
        if group and (far or full):
            yield group
            group = []
        if not group:
            start, end = address, address
        group.append((address, size))
        end = max(end, address + size)
    if group:
        yield group


def _count_window(fd: int, group: list[Range], table: bytes) -> int:
    first = group[0][0] // PAGE_BYTES
    last = (max(address + size for address, size in group) - 1) // PAGE_BYTES
    if len(group) == 1 and last - first > _WINDOW_PAGES:
        return _count_long(fd, *group[0], table)
    present = _flags(fd, first, last - first + 1).translate(table)
    present = present.ljust(last - first + 1, b"\0")
    return sum(_part(present, address - first * PAGE_BYTES, size) for address, size in group)


def _count_long(fd: int, address: int, size: int, table: bytes) -> int:
    """A range of many windows, one at a time."""
    total, end = 0, address + size
    while address < end:
        page = address // PAGE_BYTES
        stop = min(end, (page + _WINDOW_PAGES) * PAGE_BYTES)
        present = _flags(fd, page, _WINDOW_PAGES).translate(table).ljust(_WINDOW_PAGES, b"\0")
        total += _part(present, address - page * PAGE_BYTES, stop - address)
        address = stop
    return total


def _part(present: bytes, offset: int, size: int) -> int:
    """Resident bytes of ``size`` bytes at ``offset`` into the pages in ``present``."""
    end = offset + size
    first, last = offset // PAGE_BYTES, (end - 1) // PAGE_BYTES
    total = present.count(1, first, last + 1) * PAGE_BYTES
    if present[first]:
        total -= offset - first * PAGE_BYTES
    if present[last]:
        total -= (last + 1) * PAGE_BYTES - end
    return total


_IN_CORE_PAGES = 65536


def in_core_bytes(libc: Any, start: int, size: int) -> int | None:
    """Resident bytes of page-aligned private anonymous memory, by ``mincore``.

    None where the call is missing or refused, or a part is no longer mapped.
    ``libc`` is a ``ctypes.CDLL`` of the C library.
    """
    import ctypes

    if not hasattr(libc, "mincore"):
        return None
    vector = (ctypes.c_ubyte * _IN_CORE_PAGES)()
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    pages, done, resident = size // PAGE_BYTES, 0, 0
    while done < pages:
        count = min(_IN_CORE_PAGES, pages - done)
        if libc.mincore(start + done * PAGE_BYTES, count * PAGE_BYTES, vector):
            return None
        resident += bytes(memoryview(vector)[:count]).count(1)
        done += count
    return resident * PAGE_BYTES
