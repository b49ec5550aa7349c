"""Cheap readings from ``/proc``, for the guard and for arming a scope.

All sizes in bytes. A process that is gone, or may not be read, gives None (or is
left out), never an exception. Nothing here decides anything.
"""

from __future__ import annotations

import os

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 10_000_000


def read_statm(fd: int) -> tuple[int, int] | None:
    """``(resident, private writable mapped)`` bytes from an open ``/proc/PID/statm``."""
    try:
        fields = os.pread(fd, 256, 0).split()
    except OSError:
        return None
    if len(fields) < 6 or fields[1] == b"0":
        return None  # a zombie's statm is all zeros
    return int(fields[1]) * PAGE_BYTES, int(fields[5]) * PAGE_BYTES


def open_statm(pid: int) -> int | None:
    """A descriptor for ``/proc/PID/statm``; it never speaks of a later process."""
    try:
        return os.open(f"/proc/{pid}/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def pss_bytes(pid: int) -> int | None:
    """Proportional set size (about 1 ms per 500 MB of the process)."""
    try:
        fd = os.open(f"/proc/{pid}/smaps_rollup", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(fd, 4096)
    except OSError:
        return None
    finally:
        os.close(fd)
    at = text.find(b"\nPss:")
    return int(text[at + 5 : text.find(b"kB", at)]) * 1024 if at >= 0 else None


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - the guard has no pathlib
    except OSError:
        return found
    for thread in threads:
        try:
            fd = os.open(f"/proc/{pid}/task/{thread}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            while True:
                part = os.read(fd, 65536)
                if not part:
                    break
                found += [int(word) for word in part.split()]
        except OSError:
            pass
        finally:
            os.close(fd)
    return found


def descendants(pid: int, leave_out: int = 0) -> list[int]:
    """Process ids below ``pid``, without ``leave_out``; a kernel without
    ``CONFIG_PROC_CHILDREN`` answers from a scan of all parents instead.
    """
    if not os.path.exists(f"/proc/{pid}/task/{pid}/children"):  # noqa: PTH110 - no pathlib here
        return _descendants_by_scan(pid, leave_out)
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in _children(waiting.pop()):
            if child != leave_out:
                found.append(child)
                waiting.append(child)
    return found


def _descendants_by_scan(pid: int, leave_out: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - the guard has no pathlib
        if not name.isdigit():
            continue
        fields = stat_fields(int(name))
        if fields:
            parents.setdefault(int(fields[1]), []).append(int(name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), ()):
            if child != leave_out:
                found.append(child)
                waiting.append(child)
    return found


def stat_fields(pid: int) -> list[bytes] | None:
    """The fields of ``/proc/PID/stat`` after the command name: state, ppid, ..."""
    text = read_text(f"/proc/{pid}/stat")
    return text.rpartition(b")")[2].split() if text else None


def cpu_ns(pid: int) -> int:
    """Processor time that a process and its threads have had, in steps of 10 ms; 0 if gone."""
    fields = stat_fields(pid)
    if not fields or len(fields) < 13:
        return 0
    return (int(fields[11]) + int(fields[12])) * _TICK_NS


def read_text(path: str, limit: int = 16384) -> bytes:
    """The beginning of a small file; empty where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, limit)
    except OSError:
        return b""
    finally:
        os.close(fd)


def tree_bytes(pid: int, leave_out: int = 0) -> int | None:
    """Resident bytes of ``pid``; with children, the PSS of all of them."""
    fd = open_statm(pid)
    if fd is None:
        return None
    try:
        reading = read_statm(fd)
    finally:
        os.close(fd)
    if reading is None:
        return None
    children = descendants(pid, leave_out)
    if not children:
        return reading[0]
    own = pss_bytes(pid)
    return (reading[0] if own is None else own) + sum(pss_bytes(child) or 0 for child in children)
