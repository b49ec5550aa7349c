"""What mimalloc holds in memory, where a library's pool is one of its heaps (Arrow's is).

mimalloc tells no totals. But it asks the system for its memory at addresses of its own,
from 2 TiB upwards, where nothing else lies: the mappings around one known block are the
heap's. What is resident there and not in use is free to it, whether it will be given
back later or not.

Not covered: blocks that did not get such an address, and heaps elsewhere (jemalloc).
"""

from __future__ import annotations

from collections.abc import Iterator

from .procfs import anonymous_areas

__all__ = ["heap_around"]

_FIRST, _END = 2 << 40, 30 << 40
# Neighbours: a heap takes its next area right above the last one, but a large block
# in between may be gone.
_GAP_BYTES = 4 << 30

Area = tuple[int, int]


def heap_around(maps: bytes, address: int) -> Iterator[Area]:
    """Address and size of the mappings of that heap; none outside mimalloc's addresses."""
    group: list[Area] = []
    end = 0
    for start, stop in anonymous_areas(maps):
        if not _FIRST <= start < _END:
            continue
        if group and start - end > _GAP_BYTES:
            if _holds(group, address):
                break
            group = []
        group.append((start, stop - start))
        end = stop
    if _holds(group, address):
        yield from group


def _holds(group: list[Area], address: int) -> bool:
    return any(start <= address < start + size for start, size in group)
