"""The allocators under the kernel, and how much resident memory they have free.

The C library's heap and Python's own are read here. Pools of libraries (Arrow,
torch, ...) come from readers that the caller hands in, because the engine touches
no library.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from pmat_nb.engine.records import AllocatorState

from . import arenas, glibc, portable, pymalloc
from .costly import Costly
from .procfs import ProcFs
from .types import AllocatorReader, HeapCounters

__all__ = ["Allocators"]

_GLIBC = "C heap (glibc)"


class Allocators:
    """Reads them all; ``missing(figure, reason)`` is told what cannot be had.

    ``resident`` counts what of ``(address, size)`` ranges is in memory.
    """

    def __init__(
        self,
        files: ProcFs,
        *,
        linux: bool,
        readers: Sequence[AllocatorReader] = (),
        resident: Callable[[Sequence[tuple[int, int]]], int | None] = lambda _: None,
        missing: Callable[[str, str], None],
    ) -> None:
        self._files = files
        self._linux = linux
        self._readers = tuple(readers)
        self._resident = resident
        self._missing = missing
        self._glibc = Costly(self._read_glibc)
        self._python = Costly(self._read_python)
        self._libraries = Costly(self._read_libraries)
        self._blocks = Costly(_allocated_blocks)
        self._heap = Costly(self._read_heap)

    def states(self) -> tuple[AllocatorState, ...]:
        """C heap, Python's, then each library's that is loaded."""
        own = [self._glibc.now(), self._python.now()]
        return (*(state for state in own if state is not None), *self._libraries.now())

    def slack_bytes(self, budget_s: float | None) -> int | None:
        """Free resident bytes of all allocators that tell; None if none does."""
        states = [
            self._glibc.recent(budget_s),
            self._python.recent(budget_s),
            *(self._libraries.recent(budget_s) or ()),
        ]
        known = [s.slack_bytes for s in states if s is not None and s.slack_bytes is not None]
        return sum(known) if known else None

    def counters(self, budget_s: float | None) -> HeapCounters:
        """The cheap counters, leaving out what has come to cost more than the budget."""
        heap = self._heap.within(budget_s)
        return HeapCounters(
            allocated_blocks=self._blocks.within(budget_s),
            heap_used_bytes=None if heap is None else heap[0],
            mmap_used_bytes=None if heap is None else heap[1],
        )

    def _read_libraries(self) -> tuple[AllocatorState, ...]:
        found = []
        for read in self._readers:
            try:
                state = read()
            except Exception as error:  # a library's own failure is not ours
                self._missing(getattr(read, "__name__", "allocator"), f"its library says: {error}")
                continue
            if state is not None:
                found.append(self._located(state))
        return tuple(found)

    def _located(self, state: AllocatorState) -> AllocatorState:
        """With what the library's heap holds in memory, where that can be found."""
        if state.address is None or state.used_bytes is None or not self._linux:
            return state
        maps = self._files.maps()
        areas = [] if maps is None else list(arenas.heap_around(maps, state.address))
        # Not by mincore, which counts what was read and never written.
        held = self._resident(areas) if areas else None
        if held is None:
            return state
        # Blocks in use that were never written to make this smaller than the truth.
        slack = max(0, held - state.used_bytes)
        return state._replace(held_bytes=held, slack_bytes=slack)

    def _read_glibc(self) -> AllocatorState | None:
        heap = glibc.read_heap() if self._linux else None
        if heap is None:
            self._missing("slack_bytes (C heap)", "the C library does not tell its free bytes")
            return self._from_psutil()
        maps = self._files.maps()
        slack = None
        if maps is not None:
            slack = glibc.resident_free_bytes(heap, maps, self._files.path("mem"))
            rss = self._files.rss_bytes()
            # What was trimmed in an area that was not recognised is not in memory.
            slack = min(slack, rss) if slack is not None and rss is not None else slack
        if slack is None:
            self._missing("slack_bytes (C heap)", "the heap's pages cannot be told (mincore)")
        return AllocatorState(
            _GLIBC,
            held_bytes=heap.system_bytes + heap.mapped_bytes,
            used_bytes=heap.used_bytes + heap.mapped_bytes,
            slack_bytes=slack,
        )

    def _from_psutil(self) -> AllocatorState | None:
        used = portable.heap()
        if used is None:
            return None
        return AllocatorState("C heap", None, sum(used), None, note="free bytes unknown")

    def _read_python(self) -> AllocatorState | None:
        state = pymalloc.read_pymalloc()
        if state is None:
            self._missing("slack_bytes (Python)", "this Python does not print its pools")
        return state

    def _read_heap(self) -> tuple[int, int] | None:
        heap = glibc.read_heap() if self._linux else None
        return portable.heap() if heap is None else (heap.used_bytes, heap.mapped_bytes)


def _allocated_blocks() -> int | None:
    counter = getattr(sys, "getallocatedblocks", None)
    return int(counter()) if counter else None
