"""Processes of a test: what they hold, and whether they are gone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

_PROC = Path("/proc")
_WORTH_NOTING_S = 0.005
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def descendants(pid: int) -> list[int]:
    """Process ids below ``pid``, parents first; empty without /proc."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        below = _children(current)
        found += below
        waiting += below
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    # The process, or a thread of it, may end while it is looked at.
    with contextlib.suppress(OSError):
        for listing in _PROC.glob(f"{pid}/task/*/children"):
            with contextlib.suppress(OSError):
                found += [int(word) for word in listing.read_text().split()]
    return found


def at_work(pid: int) -> str:
    """What a process is at, in words for a message: its memory, its threads and their CPU time."""
    import psutil

    with contextlib.suppress(psutil.Error):
        found = psutil.Process(pid)
        threads = sorted(found.threads(), key=lambda thread: -thread.user_time)
        busy = ", ".join(f"{one.user_time:.1f}+{one.system_time:.1f} s" for one in threads[:3])
        return f"{found.status()}, {rss_bytes(pid) >> 20} MB, {len(threads)} threads: {busy}"
    return "gone"


def rss_bytes(pid: int) -> int:
    """Resident bytes of one process, 0 when it is gone."""
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def pss_bytes(pid: int) -> int:
    """Proportional bytes of one process, 0 when it is gone."""
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def command_line(pid: int) -> str:
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def marked_processes(name: str, value: str) -> list[int]:
    """Living processes whose environment at their start had ``name=value``."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in _PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_marked(name: str, value: str, patience_s: float = 3.0) -> list[str]:
    """Wait for marked processes to end, then end them; command lines of those ended."""
    deadline = time.monotonic() + patience_s
    while (left := marked_processes(name, value)) and time.monotonic() < deadline:
        time.sleep(0.02)
    lines = [command_line(pid) for pid in left]
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # Killed is not gone yet.
    deadline = time.monotonic() + patience_s
    while left and marked_processes(name, value) and time.monotonic() < deadline:
        time.sleep(0.02)
    return lines


class MemoryCap:
    """A thread that ends a process tree which holds more than ``cap_bytes``.

    The RSS sum counts shared pages many times, so it only decides when the
    proportional sizes must be read. How late it woke is a measure of the machine: a guard
    beside it was kept from looking as well.
    """

    def __init__(self, pid: int, cap_bytes: int, interval_s: float = 0.02) -> None:
        self.tripped = False
        self._late: list[tuple[float, float]] = []
        self._pid = pid
        self._cap_bytes = cap_bytes
        self._interval_s = interval_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory-cap", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def late_s(self, since: float) -> float:
        """Seconds by which its looks since ``since`` (``time.monotonic``) came too late."""
        return sum(late for at, late in self._late if at >= since)

    def _watch(self) -> None:
        while not self._waited():
            tree = [self._pid, *descendants(self._pid)]
            if sum(map(rss_bytes, tree)) < self._cap_bytes:
                continue
            if sum(map(pss_bytes, tree)) < self._cap_bytes:
                continue
            self.tripped = True
            for pid in tree:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return

    def _waited(self) -> bool:
        """Wait for the next look; whether it is over."""
        due = time.monotonic() + self._interval_s
        over = self._done.wait(self._interval_s)
        late = time.monotonic() - due
        if late > _WORTH_NOTING_S:
            self._late.append((due, late))
        return over
