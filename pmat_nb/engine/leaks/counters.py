"""Cheap counters of what is allocated, read once per iteration.

Scope: figures of the whole process. They tell whether something grows, never where.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from .records import Reading

__all__ = ["Allowance", "CounterProbe", "Counters", "PoolReader"]

# What readings around a cell may cost on average, beside this share of the time that
# passes, and how much of that is saved up.
_PER_CELL_S = 10e-6
_SHARE = 0.001
_SAVED_S = 20e-3

# (name, bytes in use), None while the library is not loaded.
PoolReader = Callable[[], "tuple[str, int] | None"]


class HeapFigures(Protocol):
    """What the probe tells of the heaps."""

    @property
    def allocated_blocks(self) -> int | None:
        """Blocks of Python's small-object allocator."""

    @property
    def heap_used_bytes(self) -> int | None:
        """Bytes in use in the C heap."""

    @property
    def mmap_used_bytes(self) -> int | None:
        """Those with a mapping of their own."""


class CounterProbe(Protocol):
    """The part of ``engine.probe.Probe`` that counters need."""

    def rss_bytes(self) -> int | None:
        """Resident bytes now."""

    def anonymous_bytes(self) -> int | None:
        """Those of no file."""

    def heap_counters(self, budget_s: float | None = ...) -> HeapFigures:
        """The heaps' counters; None for what would cost more than the budget."""


class Counters:
    """Reads them: ``watch`` within its budget (50 µs), ``exact`` whatever it costs.

    ``pools`` read the pools of libraries; one that raises is left out from then on.
    ``small_bytes`` gives the bytes in use in Python's allocator, about 50 µs.
    """

    def __init__(
        self,
        probe: CounterProbe,
        pools: Sequence[PoolReader] = (),
        small_bytes: Callable[[], int | None] | None = None,
    ) -> None:
        self._probe = probe
        self._pools = list(pools)
        self._small_bytes = small_bytes or _small_bytes

    def watch(self, *, whatever_it_costs: bool = False) -> Reading:
        """For every cell: what has come to cost more than its budget is None."""
        probe = self._probe
        heap = probe.heap_counters(None) if whatever_it_costs else probe.heap_counters()
        return self._reading(heap, None)

    def exact(self) -> Reading:
        """For confirming: every counter there is, about 0.1 ms."""
        found = self._reading(self._probe.heap_counters(None), self._small_bytes())
        return found._replace(anonymous_bytes=self._probe.anonymous_bytes())

    def _reading(self, heap: HeapFigures, small_bytes: int | None) -> Reading:
        used, mapped = heap.heap_used_bytes, heap.mmap_used_bytes
        return Reading(
            rss_bytes=self._probe.rss_bytes(),
            heap_bytes=None if used is None else used + (mapped or 0),
            small_bytes=small_bytes,
            blocks=heap.allocated_blocks,
            gc_counts=gc.get_count(),
            pools=self._read_pools(),
        )

    def _read_pools(self) -> tuple[tuple[str, int], ...]:
        found = []
        for read in tuple(self._pools):
            try:
                pool = read()
            except Exception:  # a library's own failure is not ours
                self._pools.remove(read)
                continue
            if pool is not None:
                found.append(pool)
        return tuple(found)


class Allowance:
    """Time for readings around cells: 10 µs each on average, and 0.1% of the time that passes.

    A heap with many free chunks is slow to count. Both readings around a cell are needed
    or none, so what one costs is saved up for and then spent on both. ``clock`` gives
    seconds, ``work`` those that this thread worked.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self._clock = clock
        self._work = work
        self._saved_s = _SAVED_S
        self._at = clock()
        self._cost_s = 0.0

    def covers_a_cell(self) -> bool:
        """Whether a pair of readings can be paid for now; asked once for each cell."""
        now = self._clock()
        earned = _PER_CELL_S + _SHARE * (now - self._at)
        self._saved_s = min(max(_SAVED_S, self._cost_s), self._saved_s + earned)
        self._at = now
        return self._saved_s >= self._cost_s

    def spend(self, read: Callable[[], Reading]) -> Reading:
        """Take one of the pair's readings, and note what it cost."""
        started = self._work()
        try:
            return read()
        finally:
            cost_s = self._work() - started
            self._saved_s -= cost_s
            self._cost_s = 2 * cost_s


def _small_bytes() -> int | None:
    from pmat_nb.engine.probe.pymalloc import read_pymalloc

    state = read_pymalloc()
    return None if state is None else state.used_bytes
