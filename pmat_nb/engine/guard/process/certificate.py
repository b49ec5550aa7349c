"""What is known of a kernel that died, written by its guard, which outlives it.

The exit status is read from the zombie, or, where its parent was faster to collect it,
from the pidfd (Linux 6.15 and later); where neither tells it is null. OOM counters are
those of the kernel's own memory cgroup and of the host, at the guard's start and after
the death: they tell that the OOM killer acted there meanwhile, not on whom.
"""

from __future__ import annotations

import os
import select
import sys
import time

from . import layout, procfs

SAMPLES = 64
_ENDING_S = 2.0
# linux/pidfd.h: PIDFD_GET_INFO, PIDFD_INFO_EXIT, and struct pidfd_info.
_GET_INFO = 3 << 30 | 64 << 16 | 0xFF << 8 | 11
_INFO_EXIT = 1 << 3
_INFO_BYTES, _EXIT_CODE_AT = 64, 60


def oom_kills(pid: int) -> dict[str, int | None]:
    """OOM kills counted so far, by the process's cgroup and by the host."""
    return {"cgroup": _cgroup_oom_kills(pid), "host": _counter("/proc/vmstat", b"oom_kill")}


def _counter(path: str, name: bytes) -> int | None:
    for line in procfs.read_text(path, 65536).splitlines():
        fields = line.split()
        if len(fields) == 2 and fields[0] == name and fields[1].isdigit():
            return int(fields[1])
    return None


def _cgroup_oom_kills(pid: int) -> int | None:
    v1 = v2 = ""
    for line in procfs.read_text(f"/proc/{pid}/cgroup").decode("utf-8", "replace").splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            v1 = path
        elif number == "0":
            v2 = path
    for path in (v1, "") if v1 else ():
        value = _counter(f"/sys/fs/cgroup/memory{path}/memory.oom_control", b"oom_kill")
        if value is not None:
            return value
    for path in (v2, ""):
        value = _counter(f"/sys/fs/cgroup{path}/memory.events", b"oom_kill")
        if value is not None:
            return value
    return None


def exit_status(pid: int, handle: int | None) -> dict[str, int | None]:
    """``code`` and ``signal`` of a process that ended, nulls where none can be read.

    Its memory is gone a moment before it has a status: that moment is waited for.
    """
    if handle is not None:
        select.select([handle], [], [], _ENDING_S)
    status = _zombie_status(pid)
    if status is None and handle is not None:
        status = _collected_status(handle)
    if status is None:
        return {"code": None, "signal": None}
    return {"code": status >> 8 & 0xFF, "signal": status & 0x7F}


def _zombie_status(pid: int) -> int | None:
    """The wait status while the parent has not collected it."""
    fields = procfs.stat_fields(pid)
    if not fields or fields[0] != b"Z" or len(fields) < 50:
        return None
    return int(fields[49])


def _collected_status(handle: int) -> int | None:
    """The wait status that the system keeps for a pidfd's holder after that."""
    import fcntl

    record = bytearray(_INFO_BYTES)
    record[:8] = _INFO_EXIT.to_bytes(8, sys.byteorder)
    try:
        fcntl.ioctl(handle, _GET_INFO, record)
    except OSError:
        return None  # an older system
    if not int.from_bytes(record[:8], sys.byteorder) & _INFO_EXIT:
        return None
    return int.from_bytes(record[_EXIT_CODE_AT:], sys.byteorder, signed=True)


class Recorder:
    """The last readings, and the file they go to when the kernel dies."""

    def __init__(
        self, path: str, kernel_pid: int, handle: int | None, words: memoryview[int]
    ) -> None:
        self._path = path
        self._pid = kernel_pid
        self._handle = handle
        self._words = words
        self._before = oom_kills(kernel_pid) if path else {}
        self._samples: list[tuple[float, int]] = []
        self._next_ns = 0
        self._peak = 0

    def note(self, tree: int, now_ns: int) -> None:
        """Keep a reading, at most ten a second."""
        self._peak = max(self._peak, tree)
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + 100_000_000
            self._samples = [*self._samples[1 - SAMPLES :], (time.time(), tree)]

    def write(self, scopes: list[tuple[int, int]]) -> None:
        """Write the certificate; ``scopes`` are the armed ``(seq, threshold)``."""
        if not self._path or self._words[layout.CLEAN_EXIT]:
            return
        status = exit_status(self._pid, self._handle)
        import json

        record = {
            "kernel_pid": self._pid,
            "died_at": time.time(),
            "exit": status,
            "last_tree_bytes": self._samples[-1][1] if self._samples else None,
            "last_rss_bytes": self._words[layout.KERNEL_RSS] or None,
            "peak_tree_bytes": self._peak or None,
            "scopes": [{"seq": seq, "threshold_bytes": limit} for seq, limit in scopes],
            "stop_in_progress": bool(self._words[layout.STOP_SEQ]),
            "oom_kills_before": self._before,
            "oom_kills_after": oom_kills(self._pid),
            "samples": self._samples,
        }
        temporary = f"{self._path}.{os.getpid()}"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, json.dumps(record).encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, self._path)  # noqa: PTH105 - no pathlib here
