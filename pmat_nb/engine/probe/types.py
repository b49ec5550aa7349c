"""What the probe takes and gives besides the engine's records.

A named tuple, because making a frozen dataclass takes 0.8 ms of a load that should
take 20.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pmat_nb.engine.records import AllocatorState

__all__ = ["AllocatorReader", "HeapCounters"]

AllocatorReader = Callable[[], "AllocatorState | None"]


class HeapCounters(NamedTuple):
    """Counters that grow with what is allocated, resident or not.

    ``allocated_blocks`` are blocks of Python's small-object allocator,
    ``heap_used_bytes`` bytes in use in the C heap, ``mmap_used_bytes`` its blocks
    with a mapping of their own. None where unknown or too costly just now.
    """

    allocated_blocks: int | None
    heap_used_bytes: int | None
    mmap_used_bytes: int | None
