"""The C library's heap: what it holds, uses, and has free in memory (glibc only).

``mallinfo2`` still counts as free what ``malloc_trim`` has already given back from
the middle of the heap. So the free bytes are lowered by the pages of the heap's
areas that are not in memory: the main one (``[heap]``) and those of threads, which
begin at multiples of 64 MiB and are told from other mappings by their header.

Cost: in step with the number of *free* chunks, about 0.1 ms per thousand; 50 ms
were seen for 500,000. Callers on a hot path go through ``costly.Costly``.
"""

from __future__ import annotations

import functools
import os
import re
import struct
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from .cstream import c_library, captured
from .procfs import PAGE_BYTES, PRIVATE_ANONYMOUS, anonymous_areas
from .residency import in_core_bytes

__all__ = ["GlibcHeap", "heap_areas", "read_heap", "resident_free_bytes", "trim_heap"]

_ARENA_BYTES = 64 << 20
# address of the arena's state, previous area, size, size that is readable
_ARENA_HEADER = struct.Struct("=QQQQ")
_TOTALS = {
    "fast": rb'<total type="fast" count="\d+" size="(\d+)"/>',
    "rest": rb'<total type="rest" count="\d+" size="(\d+)"/>',
    "mmap": rb'<total type="mmap" count="\d+" size="(\d+)"/>',
    "system": rb'<system type="current" size="(\d+)"/>',
}
Area = tuple[int, int]


class GlibcHeap(NamedTuple):
    """All arenas together; ``mapped_bytes`` are blocks large enough for a mapping."""

    system_bytes: int
    used_bytes: int
    free_bytes: int
    mapped_bytes: int


def read_heap() -> GlibcHeap | None:
    """The heap's totals; None where the C library is not glibc."""
    libc = c_library()
    if libc is None:
        return None
    if hasattr(libc, "mallinfo2"):
        info = _mallinfo2(libc)()
        return GlibcHeap(info.arena, info.uordblks, info.fordblks, info.hblkhd)
    return _from_malloc_info(libc)


@functools.cache
def _mallinfo2(libc: Any) -> Any:
    import ctypes

    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"

    class Mallinfo2(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

    libc.mallinfo2.restype = Mallinfo2
    return libc.mallinfo2


def _from_malloc_info(libc: Any) -> GlibcHeap | None:
    """glibc before 2.33: ``mallinfo`` wraps at 4 GiB there, the XML does not."""
    if not hasattr(libc, "malloc_info"):
        return None
    _, text = captured(lambda stream: libc.malloc_info(0, stream)) or (1, b"")
    return parse_malloc_info(text)


def parse_malloc_info(text: bytes) -> GlibcHeap | None:
    """The document that ``malloc_info`` writes; the totals come last in it."""
    figures = {name: re.findall(pattern, text) for name, pattern in _TOTALS.items()}
    if not figures["rest"] or not figures["system"]:
        return None
    last = {name: int(found[-1]) if found else 0 for name, found in figures.items()}
    free = last["fast"] + last["rest"]
    return GlibcHeap(last["system"], last["system"] - free, free, last["mmap"])


def resident_free_bytes(heap: GlibcHeap, maps: bytes, mem_path: str) -> int | None:
    """The part of ``free_bytes`` that is in memory, or None where pages can't be told.

    Areas that are not recognised count as resident; a used block whose pages were
    never touched makes the result smaller than the truth by its size.
    """
    libc = c_library()
    absent = 0
    for start, size in heap_areas(maps, mem_path):
        resident = None if libc is None else in_core_bytes(libc, start, size)
        if resident is None:
            return None
        absent += size - resident
    return max(0, heap.free_bytes - absent)


def heap_areas(maps: bytes, mem_path: str) -> Iterator[Area]:
    """Address and size of each area that the allocator has from the system."""
    try:
        mem = os.open(mem_path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        mem = -1
    try:
        for found in PRIVATE_ANONYMOUS.finditer(maps):
            if found[3] == b"[heap]":
                start = int(found[1], 16)
                yield start, int(found[2], 16) - start
        if mem >= 0 and sys.maxsize > 2**32:
            # Joined: where numpy asked for huge pages, one area is many mappings.
            for start, end in anonymous_areas(maps):
                yield from _thread_areas(mem, start, end)
    finally:
        if mem >= 0:
            os.close(mem)


def _thread_areas(mem: int, start: int, end: int) -> Iterator[Area]:
    first = -(-start // _ARENA_BYTES) * _ARENA_BYTES
    for base in range(first, end, _ARENA_BYTES):
        try:
            # through the file, because the memory may be gone by now
            header = os.pread(mem, _ARENA_HEADER.size, base)
        except OSError:
            continue
        if len(header) == _ARENA_HEADER.size:
            state, previous, size, readable = _ARENA_HEADER.unpack(header)
            if _is_arena(base, state, previous, size, readable):
                yield base, min(size, end - base)


def _is_arena(base: int, state: int, previous: int, size: int, readable: int) -> bool:
    sized = 0 < size <= readable <= _ARENA_BYTES and size % PAGE_BYTES == 0
    # the first area of an arena holds the state itself, later ones point to the one before
    first = previous == 0 and base < state < base + 128
    later = previous != 0 and previous % _ARENA_BYTES == 0 and state % _ARENA_BYTES < 128
    return sized and (first or later)


def trim_heap() -> bool:
    """Give free pages back to the system (``malloc_trim``); False where there is none."""
    libc = c_library()
    if libc is None or not hasattr(libc, "malloc_trim"):
        return False
    libc.malloc_trim(0)
    return True
