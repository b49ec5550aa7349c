"""The guard process as the kernel holds it: start, messages, signs of life.

Started with ``posix_spawn`` (no page of a large kernel is copied or forked) and
never waited for. The guard leaves the kernel's children at once, so that a user's
``os.wait()`` does not meet it; the launcher that remains for some 20 ms is
collected by the keeper.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import struct
import sys
import time

from .process import layout

__all__ = ["Link", "available"]

_MESSAGE = struct.Struct("8q")
# Our package without its kernel side: the guard imports `process` and no more.
_BOOT = (
    "import sys;root=sys.argv.pop(1)\n"
    "for part in ('','.engine','.engine.guard'):\n"
    "  m=type(sys)('pmat_nb'+part);m.__path__=[root+part.replace('.','/')]\n"
    "  sys.modules[m.__name__]=m\n"
    "from pmat_nb.engine.guard.process.main import main;main()"
)
_START_GRACE_NS = 5_000_000_000
_STUCK_NS = 2_500_000_000


def available() -> tuple[bool, str]:
    """Whether a guard can run here, and if not, why."""
    if not sys.platform.startswith("linux"):
        return False, f"the guard reads /proc and uses prlimit, which {sys.platform} has not"
    import resource

    for have, what in (
        (hasattr(resource, "prlimit"), "prlimit"),
        (hasattr(os, "memfd_create"), "memfd_create"),
        (hasattr(os, "posix_spawn"), "posix_spawn"),
        (os.access("/proc/self/statm", os.R_OK), "/proc"),
        (bool(sys.executable), "a Python executable to start the guard with"),
    ):
        if not have:
            return False, f"the guard needs {what}, which is not available here"
    return True, ""


class Link:
    """One kernel's guard process; ``words`` is the memory they share."""

    def __init__(self, certificate_path: str = "") -> None:
        self._certificate = certificate_path
        self._shared_fd = os.memfd_create("pmat-guard")
        os.ftruncate(self._shared_fd, layout.SHARED_BYTES)
        self._memory = mmap.mmap(self._shared_fd, layout.SHARED_BYTES)
        self.words: memoryview[int] = memoryview(self._memory).cast("q")
        self._control = -1
        self.events = -1
        self.launcher = 0
        self._spawned_ns = 0

    def spawn(self) -> None:
        """Start a guard; returns in about a millisecond, before it runs."""
        self.close_pipes()
        self.words[layout.GUARD_PID] = 0
        self.words[layout.STOP_SEQ] = 0
        control_read, self._control = os.pipe()
        self.events, events_write = os.pipe()
        wanted = (control_read, events_write, self._shared_fd)
        first = max(wanted) + 1
        theirs = [first + i for i in range(3)]
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            *((os.POSIX_SPAWN_DUP2, ours, new) for ours, new in zip(wanted, theirs, strict=True)),
        ]
        try:
            self.launcher = os.posix_spawn(
                sys.executable,
                [
                    *(sys.executable, "-I", "-S", "-E", "-c", _BOOT, _package_root()),
                    *(str(os.getpid()), *map(str, theirs), self._certificate),
                ],
                os.environ,
                file_actions=actions,
                setpgroup=0,
                setsigmask=(),
            )
        finally:
            os.close(control_read)
            os.close(events_write)
        os.set_blocking(self.events, False)
        os.set_blocking(self._control, False)
        self._spawned_ns = time.monotonic_ns()

    def wait_ready(self, most_s: float) -> bool:
        """Wait until the guard looks; false where it does not within ``most_s``."""
        end = time.monotonic() + most_s
        while not self.words[layout.GUARD_PID]:
            if time.monotonic() > end:
                return False
            time.sleep(0.001)
        return True

    def send(self, kind: int, *values: int) -> bool:
        """Send a message; false where no guard listens any more."""
        message = _MESSAGE.pack(kind, *values, *(0,) * (7 - len(values)))
        try:
            return os.write(self._control, message) == layout.MESSAGE_BYTES
        except OSError:
            return False

    def trouble(self, now_ns: int) -> str:
        """Why the guard cannot be relied upon, empty where it can."""
        if self._control < 0:
            return "not started"
        seen = self.words[layout.HEARTBEAT_NS]
        if now_ns - self._spawned_ns < _START_GRACE_NS and seen < self._spawned_ns:
            return ""
        if now_ns - max(seen, self._spawned_ns) > _STUCK_NS:
            return "the guard process gave no sign of life for 2.5 s"
        return ""

    def fresh_children_bytes(self, now_ns: int) -> int | None:
        """What the descendants add to the kernel's RSS as last measured, None if old."""
        if now_ns - self.words[layout.HEARTBEAT_NS] > 1_500_000_000:
            return None
        return self.words[layout.TREE] - self.words[layout.KERNEL_RSS]

    def collect_launcher(self) -> None:
        """Wait for the launcher, which ends by itself."""
        launcher = self.launcher
        if launcher:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(launcher, 0)
            self.launcher = 0

    def kill(self) -> None:
        """End a guard that is stuck; a stopped process dies of SIGKILL too."""
        pid = self.words[layout.GUARD_PID]
        if pid > 0:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def close_pipes(self) -> None:
        """Close this side; the guard ends when it reads the end of its messages."""
        for fd in (self._control, self.events):
            if fd >= 0:
                os.close(fd)
        self._control = self.events = -1

    def close(self) -> None:
        """Let the guard end and give the shared memory back."""
        self.close_pipes()
        self.words.release()
        self._memory.close()
        os.close(self._shared_fd)


def _package_root() -> str:
    guard = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - no pathlib here
    return guard.removesuffix("/engine/guard")
