"""The guard's life: start, look, listen, end with the kernel."""

from __future__ import annotations

import mmap
import os
import resource
import select
import sys
import time

from . import layout
from .ceiling import Ceiling
from .certificate import Recorder
from .tree import Tree
from .watcher import Watcher


def _leave_the_kernel() -> None:
    """Become nobody's child, so that the kernel's ``os.wait()`` never meets us."""
    if os.fork():
        os._exit(0)


def _ask_for_priority() -> None:
    """Run promptly on a busy machine; only root may ask, the others do without."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -15)
    except OSError:
        return


def _close_all_but(keep: tuple[int, ...]) -> None:
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _kernel_handle(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None  # an old kernel: the empty statm tells, one look later


class Loop:
    """Waits for messages, the kernel's death and the next look."""

    def __init__(self, argv: list[str]) -> None:
        self.pid, self.control, self.events, shared = map(int, argv[:4])
        self._memory = mmap.mmap(shared, layout.SHARED_BYTES)
        self.words: memoryview[int] = memoryview(self._memory).cast("q")
        ceiling = Ceiling(self.pid, self.words)
        # A guard that replaces another one started under the kernel's ceiling.
        resource.setrlimit(resource.RLIMIT_DATA, (self.words[layout.SOFT], self.words[layout.HARD]))
        self.watcher = Watcher(self.pid, self.words, ceiling, Tree(self.pid))
        self._told = 0
        self._poller = select.poll()
        self._poller.register(self.control, select.POLLIN)
        self._handle = _kernel_handle(self.pid)
        self._recorder = Recorder(argv[4], self.pid, self._handle, self.words)
        if self._handle is not None:
            self._poller.register(self._handle, select.POLLIN)

    def run(self) -> None:
        """Until the kernel ends or says so."""
        self.watcher.look()
        self.words[layout.GUARD_PID] = os.getpid()
        self.words[layout.STARTED_NS] = time.monotonic_ns()
        wait: float | None = 0.0
        while wait is not None:
            # select.poll rounds up to whole milliseconds.
            ready = [fd for fd, _ in self._poller.poll(int(wait * 1000))]
            if self.control in ready and not self._listen():
                break
            wait = None if self._handle in ready else self.watcher.look()
            self._after_look()
        self.watcher.end()
        if wait is None:
            self._recorder.write([(s.seq, s.threshold) for s in self.watcher.scopes.values()])

    def _listen(self) -> bool:
        data = os.read(self.control, 64 * layout.MESSAGE_BYTES)
        if not data:
            # The kernel closed its end or died; only the latter leaves a record.
            self._recorder_if_dead()
            return False
        words = memoryview(data).cast("q")
        for at in range(0, len(words), layout.MESSAGE_WORDS):
            if not self.watcher.message(words[at : at + layout.MESSAGE_WORDS]):
                return False
        return True

    def _recorder_if_dead(self) -> None:
        for _ in range(20):
            if self.watcher.look() is None:
                self._recorder.write([(s.seq, s.threshold) for s in self.watcher.scopes.values()])
                return
            time.sleep(0.005)

    def _after_look(self) -> None:
        words = self.words
        self._recorder.note(words[layout.TREE], words[layout.HEARTBEAT_NS])
        if words[layout.STOP_SEQ] and words[layout.STOP_SIGNALS] != self._told:
            self._told = words[layout.STOP_SIGNALS]
            self._tell()
        if words[layout.POLLS] % 16 == 0:
            words[layout.BUSY_NS] = time.process_time_ns()

    def _tell(self) -> None:
        """Wake the kernel's own watcher as well, for scopes outside its main thread."""
        try:
            os.write(self.events, b"s")
        except OSError:
            return


def main() -> None:
    """Run with ``kernel pid, control, events, shared memory, certificate``."""
    argv = sys.argv[1:]
    _leave_the_kernel()
    _ask_for_priority()
    _close_all_but(tuple(int(fd) for fd in argv[1:4]))
    os.set_blocking(int(argv[2]), False)
    Loop(argv).run()
