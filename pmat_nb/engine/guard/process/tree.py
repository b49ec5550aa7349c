"""The kernel and its descendants, as the guard reads them.

Cheap first: ``statm`` of each known process. Shared pages are divided (PSS) only
when the cheap sum reaches the limit, because a PSS reading costs 1 ms per 500 MB
and much more on a busy machine. From then on the tree is estimated: the last PSS,
plus what each process gained in RSS or by page faults since, whichever is more
(writing to a shared page faults without changing RSS). The estimate errs upwards,
so nothing is decided on it: past the limit PSS is read again, with the children
paused meanwhile. They could outrun the reading else; and one that ends in its middle
leaves its share of pages to the others, which would count twice.

Alone, a kernel counts by RSS. Library pages that it shares with strangers would make
the tree shrink when its first child appears, and a limit pass or fail by that; so they
are measured while it is alone (``outside``) and added to every sum of PSS.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from . import procfs

# Children are looked for this often near the limit, and at most this often far from it.
_DISCOVER_NS, _DISCOVER_FAR_NS = 40_000_000, 200_000_000
# A search that is costly, among thousands of threads, is made less often; but one that
# only took long, on a machine that made it wait, must not leave a child unseen.
_DISCOVER_COSTS, _DISCOVER_MOST_NS = 20, 400_000_000
_UNCHANGED = 1024**2
# How many times its own duration a PSS reading waits for the next: where the limit
# may have been passed, where new children are not measured yet, and else.
_NEAR_WAIT, _NEW_WAIT, _FAR_WAIT = 1, 20, 250
# So far past the limit, an estimate is checked without waiting.
_CLEARLY_OVER = 32 * 1024**2
# Once found past it, while the stop is on its way: so many times its own duration. Each reading
# holds up whatever maps memory in the kernel, the stop's own handling too.
_OVER_WAIT = 4
_OUTSIDE_NS = 10_000_000_000
# A reading that children outran would be this many bytes per nanosecond behind.
_GROWTH_PER_NS = 2
SIGSTOP, SIGCONT = 19, 18


class Tree:
    """Readings of one kernel's process tree; ``pss`` and ``rss`` are by process id."""

    def __init__(
        self,
        kernel_pid: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        kill: Callable[[int, int], None] = os.kill,
    ) -> None:
        self.kernel_pid = kernel_pid
        self._clock_ns = clock_ns
        self._kill = kill
        self._kernel_fd = procfs.open_statm(kernel_pid)
        self._fds: dict[int, int] = {}
        self._discovered_ns = 0
        self._next_discovery_ns = 0
        self._discover_costs_ns = [0]
        self._pss_ns = 0
        self._pss_cost_ns = 50_000_000  # a guess, until the first reading
        self._base: dict[int, tuple[int, int]] = {}
        # What was found past the limit last, and the sum of RSS then.
        self._over = (0, 0)
        self.outside = 0
        self._outside_ns = 0
        self._outside_wait_ns = 0
        self.pss: dict[int, int] = {}
        self.rss: dict[int, int] = {}
        self.kernel_rss = 0
        self.kernel_data = 0
        self.pss_reads = 0
        self.new_pids: list[int] = []
        self.held: set[int] = set()  # stopped for good: not to be continued

    @property
    def children(self) -> list[int]:
        """The descendants known at the last look."""
        return list(self._fds)

    def look(self, bound: int, *, idle: bool = True) -> int | None:
        """Bytes of the tree, exact where it is over ``bound``; None: kernel gone.

        Not ``idle``, it leaves out what would keep the guard from its next look.
        """
        reading = None if self._kernel_fd is None else procfs.read_statm(self._kernel_fd)
        if reading is None:
            return None
        self.kernel_rss, self.kernel_data = reading
        now = self._clock_ns()
        # Half the time that the fastest child would need to the limit.
        due = min(_DISCOVER_FAR_NS, max(_DISCOVER_NS, (bound - self.kernel_rss) // 8))
        costly = min(_DISCOVER_MOST_NS, _DISCOVER_COSTS * min(self._discover_costs_ns))
        self._next_discovery_ns = self._discovered_ns + max(due, costly)
        if now > self._next_discovery_ns:
            self._discover(now)
        self._read_all()
        if self._fds:
            return self._with_children(bound)
        if idle and (not self._outside_ns or now - self._outside_ns > self._outside_wait_ns):
            self._measure_outside()
        return self.kernel_rss

    def unchanged(self) -> bool:
        """A glance: whether a childless kernel holds what it held at the last look."""
        if self._fds or self._kernel_fd is None or self._clock_ns() > self._next_discovery_ns:
            return False
        reading = procfs.read_statm(self._kernel_fd)
        return (
            reading is not None
            and -_UNCHANGED < reading[0] - self.kernel_rss < _UNCHANGED
            and -_UNCHANGED < reading[1] - self.kernel_data < _UNCHANGED
        )

    def _measure_outside(self) -> None:
        began = self._clock_ns()
        pss = procfs.pss_bytes(self.kernel_pid)
        self.outside = 0 if pss is None else max(0, self.kernel_rss - pss)
        self._outside_ns = self._clock_ns()
        self._outside_wait_ns = max(_OUTSIDE_NS, 500 * (self._outside_ns - began))

    def _discover(self, now: int) -> None:
        found = procfs.descendants(self.kernel_pid, os.getpid())
        for pid in set(self._fds) - set(found):
            os.close(self._fds.pop(pid))
        for pid in found:
            if pid not in self._fds:
                fd = procfs.open_statm(pid)
                if fd is not None:
                    self._fds[pid] = fd
                    self.new_pids.append(pid)
        self._discovered_ns = self._clock_ns()
        self._discover_costs_ns = [*self._discover_costs_ns[-3:], self._discovered_ns - now]

    def _with_children(self, bound: int) -> int:
        total = sum(self.rss.values())
        estimate = total
        if self._base and (total > bound or self._pss_reading_is_due(_FAR_WAIT)):
            # A process that ended may have left its share of pages to the others, so
            # its part is kept until the next reading.
            gone = sum(self.pss.get(pid, 0) for pid in self._base if pid not in self.rss)
            estimate = min(total, gone + self._sum_of_estimates())
        if estimate > bound:
            if self._over[0] > bound and self.knows_all() and not self._is_over_for_long():
                return self._over[0] + total - self._over[1]
            close = estimate - bound < _CLEARLY_OVER
            if close and not self._pss_reading_is_due(_NEAR_WAIT):
                return bound
            found = self._confirmed(bound)
            self._over = (found, sum(self.rss.values()))
            return found
        self._over = (0, 0)
        if self._pss_reading_is_due(_FAR_WAIT if self.knows_all() else _NEW_WAIT):
            return self.measure_pss(pause=bound - estimate < _GROWTH_PER_NS * self._pss_cost_ns)
        return min(total, self._sum_of_estimates()) if self.knows_all() else estimate

    def _sum_of_estimates(self) -> int:
        return self.outside + sum(map(self.estimate, self.rss))

    def _confirmed(self, bound: int) -> int:
        """The tree by PSS; where a child began or ended meanwhile, read once more."""
        for _ in range(3):
            self._discover(self._clock_ns())
            self._read_all()
            total = self.measure_pss(pause=True)
            if total <= bound or all(procfs.read_statm(fd) for fd in self._fds.values()):
                return total
        return total

    def _read_all(self) -> None:
        self.rss = {self.kernel_pid: self.kernel_rss}
        for pid, fd in list(self._fds.items()):
            child = procfs.read_statm(fd)
            if child is None:
                os.close(self._fds.pop(pid))
            else:
                self.rss[pid] = child[0]

    def _pss_reading_is_due(self, factor: int) -> bool:
        wait = self._pss_cost_ns * factor
        if factor != _NEAR_WAIT:
            wait = max(wait, 200_000_000)
        return self._clock_ns() - self._pss_ns >= wait

    def _is_over_for_long(self) -> bool:
        return self._clock_ns() - self._pss_ns >= self._pss_cost_ns * _OVER_WAIT

    def estimate(self, pid: int) -> int:
        """At most what this process holds: its last PSS and what it gained since."""
        return self.pss.get(pid, 0) + self._gain(pid)

    def _gain(self, pid: int) -> int:
        base = self._base.get(pid)
        if base is None:
            return self.rss.get(pid, 0)
        gained = self.rss.get(pid, 0) - base[0]
        faulted = (_faults(pid) - base[1]) * procfs.PAGE_BYTES
        return max(gained, faulted)

    def knows_all(self) -> bool:
        """Whether every process was there at the last PSS reading."""
        return all(pid in self._base for pid in self.rss)

    def measure_pss(self, *, pause: bool = False) -> int:
        """The tree with shared pages divided, read now; children may be paused."""
        began = self._clock_ns()
        paused = [pid for pid in self._fds if pid not in self.held] if pause else []
        self._signal_all(paused, SIGSTOP)
        self.pss, self._base, total = {}, {}, self.outside
        for pid, rss in self.rss.items():
            faults = _faults(pid)
            value = procfs.pss_bytes(pid)
            self.pss[pid] = rss if value is None else value
            self._base[pid] = (rss, faults)
            total += self.pss[pid]
        self._signal_all(paused, SIGCONT)
        self._pss_ns = self._clock_ns()
        self._pss_cost_ns = self._pss_ns - began
        self.pss_reads += 1
        return total

    def _signal_all(self, pids: list[int], number: int) -> None:
        for pid in pids:
            try:
                self._kill(pid, number)
            except OSError:
                continue


def _faults(pid: int) -> int:
    fields = procfs.stat_fields(pid)
    return int(fields[7]) if fields and len(fields) > 8 else 0
