"""The kernel's ``RLIMIT_DATA``, moved from outside.

Only the soft limit is touched, never above what it was before us. The kernel
names the scope that may have a ceiling in the word ``CEILING_SEQ`` and clears it
before it restores the limit itself, so the word is read again after every move: a
move that came too late is undone here.
"""

from __future__ import annotations

import resource
from collections.abc import Callable

from . import layout, procfs

MIB = 1024**2
# Room for an exception to be made and handled in, and for the kernel's other threads.
LEAST_GAP = 16 * MIB
# Enough to make and handle an exception; small, because pymalloc falls back to what
# malloc has left, and a call that does so stands still for a while without failing.
_STEP = 4 * MIB
_REIMPOSED_GAP = 32 * MIB
_NEAR = MIB  # one arena of pymalloc: what small objects fail to get
# Without mapping anything: so long, and busy for so much of it. A call that only waits for
# a processor has not failed; one that waits for something else has, after a while.
_STUCK_FOR_NS, _STUCK_BUSY_NS, _STUCK_ANYWAY_NS = 100_000_000, 50_000_000, 1_000_000_000
_STEPS = 8
_WORTH_A_MOVE = 2 * MIB
_REIMPOSE_AFTER_NS = 20_000_000


class Ceiling:
    """Keeps the ceiling current while a scope runs, and out of the way of its stop."""

    def __init__(
        self,
        kernel_pid: int,
        words: memoryview[int],
        cpu_ns: Callable[[int], int] = procfs.cpu_ns,
    ) -> None:
        self._pid = kernel_pid
        self._words = words
        self._cpu_ns = cpu_ns
        self.now = self.soft
        self._recent: list[int] = []
        self._steps = 0
        self._last_wanted = 0
        self._last_data = 0
        self._stuck_data = 0
        self._stuck_ns = 0
        self._stuck_cpu_ns = 0
        self._ack = -1
        self._ack_ns = 0
        self._ack_data = 0

    @property
    def soft(self) -> int:
        """The kernel's own soft limit, in bytes or ``RLIM_INFINITY``."""
        return self._words[layout.SOFT]

    def adopt(self, value: int) -> None:
        """Take over the first ceiling of a scope, which the kernel set itself."""
        self.now = value
        self._remember(value)
        self._steps = 0
        self._ack = -1
        self._last_wanted, self._last_data = value, 0

    def gap(self, data: int) -> int | None:
        """Bytes that may still be mapped, None without a ceiling."""
        if not self._words[layout.CEILING_SEQ] or self.now == self.soft:
            return None
        return max(0, self.now - data)

    def follow(self, seq: int, data: int, headroom: int, reserve: int) -> None:
        """Let ``headroom + reserve`` be mapped from here, ``data`` being mapped.

        New mappings raise the ceiling at once. A fall of RSS alone does so only when
        the next look finds it too: in the middle of an ``munmap`` the pages are gone
        and the mapping still counts, and twice its size would be let through.
        """
        now = data + max(headroom + reserve, LEAST_GAP)
        wanted = min(now, self._last_wanted + max(0, data - self._last_data))
        self._last_wanted, self._last_data = now, data
        if abs(wanted - self.now) > _WORTH_A_MOVE or self.now == self.soft:
            self._move(seq, wanted)

    def give_room(self, seq: int, data: int, ack: int, now_ns: int) -> None:
        """During a stop: room in steps for a call that ran into the ceiling.

        The ceiling stays until the kernel has taken the signal, since a C call that
        holds the GIL is stopped by nothing else; the handler raises it by what handling
        takes. If the scope goes on growing after that, it follows here again.
        """
        if ack != self._ack:
            if self._ack >= 0:
                self.now = self.soft
            self._ack, self._ack_ns, self._ack_data = ack, now_ns, data
            self._steps = 0
        elif self.now == self.soft:
            if now_ns - self._ack_ns > _REIMPOSE_AFTER_NS and data - self._ack_data > LEAST_GAP:
                self._move(seq, data + _REIMPOSED_GAP)
        elif data != self._stuck_data:
            self._stuck_data, self._stuck_ns = data, now_ns
            self._stuck_cpu_ns = self._cpu_ns(self._pid)
        elif data > self.now - _NEAR and self._steps < _STEPS and self._has_failed(now_ns):
            # What follows the failed call needs room.
            self._steps += 1
            self._move(seq, max(self.now, data) + _STEP)

    def _has_failed(self, now_ns: int) -> bool:
        """Whether the call that maps nothing any more has failed, not only waited."""
        stood = now_ns - self._stuck_ns
        if stood <= _STUCK_FOR_NS:
            return False
        busy = self._cpu_ns(self._pid) - self._stuck_cpu_ns
        return busy >= _STUCK_BUSY_NS or stood > _STUCK_ANYWAY_NS

    def lift(self) -> None:
        """The kernel's own soft limit again."""
        self._set(self._pid, self.soft)
        self.now = self.soft

    def free_child(self, pid: int) -> None:
        """Give a child that inherited a ceiling of ours the kernel's own limit."""
        try:
            soft, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            # The kernel raises its ceiling itself too: for a stop, and for threads' stacks.
            if soft in (*self._recent, resource.prlimit(self._pid, resource.RLIMIT_DATA)[0]):
                resource.prlimit(pid, resource.RLIMIT_DATA, (self.soft, hard))
        except (OSError, ValueError):
            return

    def _move(self, seq: int, wanted: int) -> None:
        if self.soft != resource.RLIM_INFINITY:
            wanted = min(wanted, self.soft)
        if self._words[layout.CEILING_SEQ] != seq:
            return
        wanted -= wanted % 4096
        self._remember(wanted)
        if not self._set(self._pid, wanted):
            return
        self.now = wanted
        self._words[layout.CEILING_NOW] = wanted
        if self._words[layout.CEILING_SEQ] != seq:
            self.lift()

    def _remember(self, value: int) -> None:
        self._recent = [*self._recent[-255:], value]

    def _set(self, pid: int, soft: int) -> bool:
        try:
            resource.prlimit(pid, resource.RLIMIT_DATA, (soft, self._words[layout.HARD]))
        except (OSError, ValueError):
            return False
        return True
