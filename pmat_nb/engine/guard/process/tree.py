"""The kernel and its descendants, as the guard reads them.

Cheap first: ``statm`` of each known process. Shared pages are divided (PSS) only
when the cheap sum reaches the limit, because a PSS reading costs about 1 ms per
500 MB. What PSS once took off the cheap sum is kept as an estimate until the set
of processes changes; copy-on-write makes it wrong in one direction only (the tree
is larger than estimated), so it is renewed the more often the nearer the limit is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from . import procfs

_DISCOVER_NS = 40_000_000
# The share of a core that PSS readings may take: near the limit, and far from it.
_NEAR_DUTY = 12
_FAR_DUTY = 250


class Tree:
    """Readings of one kernel's process tree."""

    def __init__(self, kernel_pid: int, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.kernel_pid = kernel_pid
        self._clock_ns = clock_ns
        self._kernel_fd = procfs.open_statm(kernel_pid)
        self._fds: dict[int, int] = {}
        self._discovered_ns = 0
        self._discover_cost_ns = 0
        self._shared_excess = 0
        self._pss_ns = 0
        self._pss_cost_ns = 0
        self._pss_pids: frozenset[int] = frozenset()
        self.pss: dict[int, int] = {}
        self.rss: dict[int, int] = {}
        self.kernel_rss = 0
        self.kernel_data = 0
        self.pss_reads = 0
        self.new_pids: list[int] = []

    @property
    def children(self) -> list[int]:
        """The descendants known at the last look."""
        return list(self._fds)

    def look(self, bound: int) -> int | None:
        """Bytes of the tree, exact where it may be over ``bound``; None: kernel gone."""
        reading = None if self._kernel_fd is None else procfs.read_statm(self._kernel_fd)
        if reading is None:
            return None
        self.kernel_rss, self.kernel_data = reading
        now = self._clock_ns()
        if now - self._discovered_ns > max(_DISCOVER_NS, 20 * self._discover_cost_ns):
            self._discover(now)
        if not self._fds:
            return self.kernel_rss
        return self._with_children(bound)

    def _discover(self, now: int) -> None:
        found = procfs.descendants(self.kernel_pid, os.getpid())
        for pid in set(self._fds) - set(found):
            self._drop(pid)
        for pid in found:
            if pid not in self._fds:
                fd = procfs.open_statm(pid)
                if fd is not None:
                    self._fds[pid] = fd
                    self.new_pids.append(pid)
        self._discovered_ns = self._clock_ns()
        self._discover_cost_ns = self._discovered_ns - now

    def _drop(self, pid: int) -> None:
        os.close(self._fds.pop(pid))
        self.rss.pop(pid, None)
        self.pss.pop(pid, None)

    def _with_children(self, bound: int) -> int:
        total = self.kernel_rss
        for pid, fd in list(self._fds.items()):
            reading = procfs.read_statm(fd)
            if reading is None:
                self._drop(pid)
            else:
                self.rss[pid] = reading[0]
                total += reading[0]
        if not self._fds:
            return total
        if self._pss_pids != frozenset(self._fds):
            return total if total <= bound else self.measure_pss()
        if self._estimate_holds(total - self._shared_excess, bound):
            return total - self._shared_excess
        return self.measure_pss()

    def _estimate_holds(self, estimate: int, bound: int) -> bool:
        if estimate > bound:
            return False
        age_ns = self._clock_ns() - self._pss_ns
        if estimate + self._shared_excess <= bound:
            return age_ns < max(_FAR_DUTY * self._pss_cost_ns, 1_000_000_000)
        room_ns = (bound - estimate) // 4  # copying pages grows by at most 4 bytes per ns
        return age_ns < max(_NEAR_DUTY * self._pss_cost_ns, min(room_ns, 1_000_000_000))

    def knows_all(self) -> bool:
        """Whether every child was there at the last PSS reading."""
        return self._pss_pids == frozenset(self._fds)

    def measure_pss(self) -> int:
        """The tree with shared pages divided, read now."""
        began = self._clock_ns()
        own = procfs.pss_bytes(self.kernel_pid)
        total = self.kernel_rss if own is None else own
        for pid in self._fds:
            value = procfs.pss_bytes(pid)
            if value is not None:
                self.pss[pid] = value
                total += value
        self._shared_excess = max(0, self.kernel_rss + sum(self.rss.values()) - total)
        self._pss_pids = frozenset(self._fds)
        self._pss_ns = self._clock_ns()
        self._pss_cost_ns = self._pss_ns - began
        self.pss_reads += 1
        return total
