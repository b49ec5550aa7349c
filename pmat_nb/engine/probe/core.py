"""The probe itself: one object, every figure, each by the best way there is."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pmat_nb.engine.records import (
    AllocatorState,
    CgroupMemory,
    GcState,
    HostMemory,
    TreeMemory,
)

from . import cgroup, host, portable
from .procfs import PAGE_BYTES, ProcFs, read_bytes
from .types import AllocatorReader, HeapCounters

if TYPE_CHECKING:
    from .allocators import Allocators
    from .residency import PageMap
    from .steady import Steady, Surroundings

__all__ = ["Probe"]

T = TypeVar("T")

# What a reading between two cells may cost before it is put off.
COUNTER_BUDGET_S = 50e-6


class Probe:
    """Reads the system; the one part of pmat_nb that opens ``/proc`` or asks psutil.

    Bytes are ``int``; None means that the figure cannot be had here, and
    ``unavailable`` then says why. No method raises because of the system.

    Args:
        proc: where ``/proc`` is; tests hand in a folder of recorded files.
        cgroup_root: where the control groups are mounted.
        platform: as ``sys.platform``; all but Linux goes through psutil.
        pid: the process to read, None for the current one. Allocators, residency and
            garbage collector are always the current process's.
        clock: seconds since the epoch; only ages are computed from it.
        allocator_readers: functions that read the pools of loaded libraries.

    Attributes:
        unavailable: figure -> "not available here because ...", filled as things
            turn out to be missing.
    """

    def __init__(
        self,
        proc: Path = Path("/proc"),
        cgroup_root: Path = Path("/sys/fs/cgroup"),
        platform: str = sys.platform,
        pid: int | None = None,
        clock: Callable[[], float] = time.time,
        allocator_readers: Sequence[AllocatorReader] = (),
    ) -> None:
        self.unavailable: dict[str, str] = {}
        self._proc = proc
        self._cgroup_root = cgroup_root
        self._linux = platform.startswith("linux")
        self._pid = pid
        self._clock = clock
        self._files = ProcFs(proc, pid)
        self._readers = tuple(allocator_readers)

    def close(self) -> None:
        """Close the files kept open; a later reading opens them again."""
        self._files.close()
        if (steady := self.__dict__.get("_steady")) is not None:
            steady.close()

    # --- the process -------------------------------------------------------------

    def rss_bytes(self) -> int | None:
        """Resident size, from ``statm``; about 2 µs on Linux."""
        if self._linux:
            return self._or_lack(self._files.rss_bytes(), "rss_bytes", "no /proc/PID/statm")
        return self._or_lack(portable.rss_bytes(self._pid), "rss_bytes", "psutil cannot tell")

    def anonymous_bytes(self) -> int | None:
        """Resident pages of no file: private and shared memory, from ``status`` (Linux)."""
        private = self._status("RssAnon", "anonymous_bytes")
        shared = self._status("RssShmem", "anonymous_bytes")
        return None if private is None or shared is None else private + shared

    def mapped_file_bytes(self) -> int | None:
        """Resident pages of files and shared memory, a part of ``rss_bytes`` (Linux)."""
        return self._statm(2, "mapped_file_bytes")

    def data_bytes(self) -> int | None:
        """Private writable memory, touched or not: what RLIMIT_DATA counts (Linux)."""
        return self._status("VmData", "data_bytes")

    def virtual_bytes(self) -> int | None:
        """Address space: what RLIMIT_AS counts (Linux)."""
        return self._statm(0, "virtual_bytes")

    def reset_peak(self) -> bool:
        """Start the peak anew; also resets the process's ``ru_maxrss``.

        False where the kernel refuses, which is remembered: it is not tried again.
        """
        if self._linux and self._files.reset_peak():
            return True
        self._lack("reset_peak", "writing to /proc/self/clear_refs is refused or missing")
        return False

    def peak_rss_bytes(self) -> int | None:
        """Largest resident size since ``reset_peak``, or since the process began."""
        if self._linux:
            return self._status("VmHWM", "peak_rss_bytes")
        found = portable.peak_rss_bytes(self._pid)
        return self._or_lack(found, "peak_rss_bytes", "the system keeps none")

    # --- its children ------------------------------------------------------------

    def children(self, exclude: Collection[int] = ()) -> tuple[int, ...]:
        """Pids of all descendants, without ``exclude`` and what those started."""
        found = self._files.children(exclude) if self._linux else None
        if found is None:
            asked = self._or_lack(portable.children(self._pid), "children", "psutil cannot tell")
            found = tuple(pid for pid in asked or () if pid not in exclude)
        return found

    def tree(self, exclude: Collection[int] = ()) -> TreeMemory | None:
        """The process and its descendants by PSS; None where not even RSS is known.

        Without children ``tree_bytes`` is ``rss_bytes`` and nothing else is read.
        Otherwise about 1 ms per 500 MB of each process.
        """
        rss = self.rss_bytes()
        if rss is None:
            return None
        pids = self.children(exclude)
        if not pids:
            return TreeMemory(rss, 0, rss, "pss")
        from .tree import tree_of

        found = tree_of(rss, pids, self._files, linux=self._linux)
        if found.kind == "rss":
            self._lack("tree_bytes (PSS)", "no smaps_rollup; resident sizes are summed")
        return found

    def tree_upper_bytes(self, exclude: Collection[int] = ()) -> int | None:
        """Sum of resident sizes: a cheap bound that ``tree_bytes`` does not exceed."""
        rss = self.rss_bytes()
        if rss is None:
            return None
        pids = self.children(exclude)
        if not pids:
            return rss
        from .tree import rss_of

        return rss + sum(rss_of(pid, self._files, linux=self._linux) or 0 for pid in pids)

    # --- the machine and the container ---------------------------------------------

    def host(self) -> HostMemory | None:
        """Physical memory and swap of the machine."""
        if self._linux:
            found = host.parse_meminfo(read_bytes(f"{self._proc}/meminfo") or b"")
        else:
            found = portable.host()
        return self._or_lack(found, "host", "the machine's memory cannot be read")

    def cgroup(self) -> CgroupMemory | None:
        """The group with the tightest limit; without limits the process's own."""
        return cgroup.tightest(self.cgroup_levels())

    def cgroup_levels(self) -> tuple[CgroupMemory, ...]:
        """The process's own control group, then each one around it."""
        text = read_bytes(self._files.path("cgroup")) if self._linux else None
        levels = cgroup.read_levels(text or b"", self._cgroup_root)
        if not levels:
            self._lack("cgroup", "no memory control group")
        return levels

    def psi_some_avg10(self) -> float | None:
        """Percent of the last 10 s in which a task of the own group waited for memory.

        Outside of any container limit the machine's figure stands in.
        """
        text = read_bytes(self._files.path("cgroup")) if self._linux else None
        found = cgroup.own_pressure(text or b"", self._cgroup_root)
        if found is None and self._linux and not cgroup.limited(text or b"", self._cgroup_root):
            machine = read_bytes(f"{self._proc}/pressure/memory")
            found = host.parse_psi_some_avg10(machine or b"")
        return self._or_lack(found, "psi", "no pressure stall information")

    def surroundings(self) -> Surroundings:
        """Machine, limited control groups and PSI, cheaply: for a look every second."""
        if self._linux:
            return self._steady.read()
        from .steady import Surroundings

        return Surroundings(self.host(), (), None)

    def rlimits(self) -> dict[str, int]:
        """The soft limits among ``as``, ``data`` and ``rss`` that are set."""
        return self._or_lack(host.read_rlimits(self._pid), "rlimits", "no resource limits") or {}

    # --- inside the process --------------------------------------------------------

    def allocators(self) -> tuple[AllocatorState, ...]:
        """The C heap, Python's allocator and the pools of loaded libraries."""
        return self._allocators.states()

    def slack_bytes(self, budget_s: float | None = None) -> int | None:
        """Resident bytes that C's, Python's and loaded libraries' allocators have free.

        With a budget, an allocator whose last reading took longer answers with that
        reading until reading anew costs at most 1% of the time.
        """
        found = self._allocators.slack_bytes(budget_s)
        return self._or_lack(found, "slack_bytes", "neither the C library nor Python tells")

    def heap_counters(self, budget_s: float | None = COUNTER_BUDGET_S) -> HeapCounters:
        """What is allocated now; None for what came to cost more than the budget."""
        return self._allocators.counters(budget_s)

    def trim_heap(self) -> bool:
        """Give the C heap's free pages back to the system; False where it cannot."""
        from .glibc import trim_heap

        return self._linux and trim_heap()

    def resident_bytes(self, ranges: Iterable[tuple[int, int]]) -> int | None:
        """How much of these ``(address, size)`` ranges is in this process's memory.

        Pages only read and never written do not count, as in RSS. Ranges above 4 GiB
        are sampled (see ``residency.PageMap``).
        """
        found = None
        if self._linux:
            found = self._pages.resident_bytes(ranges, self._shares_pages, self._files.maps)
        return self._or_lack(found, "resident_bytes", "no /proc/self/pagemap")

    def gc(self, last_run_at: float | None = None, next_run_at: float | None = None) -> GcState:
        """The garbage collector; the two moments, where the caller knows them."""
        from .collector import gc_state

        return gc_state(self._clock(), last_run_at, next_run_at)

    # --- helpers -------------------------------------------------------------------

    # Both are imported when first asked for: loading the extension needs neither.
    @functools.cached_property
    def _allocators(self) -> Allocators:
        from .allocators import Allocators

        return Allocators(
            self._files,
            linux=self._linux,
            readers=self._readers,
            resident=self.resident_bytes,
            missing=self._note,
        )

    @functools.cached_property
    def _pages(self) -> PageMap:
        from .residency import PageMap

        return PageMap(f"{self._proc}/self/pagemap")

    @functools.cached_property
    def _steady(self) -> Steady:
        from .steady import Steady

        return Steady(self._proc, self._files.path("cgroup"), self._cgroup_root)

    def _note(self, figure: str, reason: str) -> None:
        self.unavailable[figure] = f"not available here because {reason}"

    def _lack(self, figure: str, reason: str) -> None:
        self.unavailable.setdefault(figure, f"not available here because {reason}")

    def _or_lack(self, found: T | None, figure: str, reason: str) -> T | None:
        if found is None:
            self._lack(figure, reason)
        return found

    def _statm(self, index: int, figure: str) -> int | None:
        fields = self._files.statm() if self._linux else None
        found = None if fields is None else int(fields[index]) * PAGE_BYTES
        return self._or_lack(found, figure, "no /proc/PID/statm")

    def _status(self, key: str, figure: str) -> int | None:
        found = self._files.status_bytes(key.encode()) if self._linux else None
        return self._or_lack(found, figure, f"no {key} in /proc/PID/status")

    def _shares_pages(self) -> bool:
        if self._files.forked_without_exec():
            return True
        # A child that runs a program of its own (our guard is one) shares nothing.
        own = ProcFs(self._proc)
        return any(own.forked_without_exec(pid) for pid in own.children() or ())
