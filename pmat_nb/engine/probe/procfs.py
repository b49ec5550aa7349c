"""What ``/proc`` tells about one process and its descendants (Linux).

Covers resident size, peak, mapped data, children and PSS. Does not cover the
machine (``host``), containers (``cgroup``) or which pages of a range are resident
(``residency``). Every reading is None where the file is missing or refused.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

__all__ = ["PAGE_BYTES", "PRIVATE_ANONYMOUS", "ProcFs", "anonymous_areas", "read_bytes"]

PAGE_BYTES: int = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096

# Lines of /proc/PID/maps with memory that no file backs and no other process sees.
PRIVATE_ANONYMOUS = re.compile(
    rb"^([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ \S+ 0 *(\[heap\]|\[anon:[^\n]*)?$", re.MULTILINE
)
_STATM_FIELDS = 7
# set in /proc/PID/stat of a process that was forked and has not called exec
_PF_FORKNOEXEC = 0x40


def anonymous_areas(maps: bytes) -> list[tuple[int, int]]:
    """``(start, end)`` of private anonymous memory in address order, neighbours joined."""
    areas: list[tuple[int, int]] = []
    for found in PRIVATE_ANONYMOUS.finditer(maps):
        start, end = int(found[1], 16), int(found[2], 16)
        if areas and areas[-1][1] == start:
            areas[-1] = areas[-1][0], end
        else:
            areas.append((start, end))
    return areas


def read_bytes(path: str) -> bytes | None:
    """The content of a small file, or None; half the cost of ``open().read()``."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        data = os.read(fd, 65536)
        while more := os.read(fd, 65536):
            data += more
        return data
    except OSError:
        return None
    finally:
        os.close(fd)


def _kilobytes(text: bytes, key: bytes) -> int | None:
    """The bytes in a line ``Key:   123 kB``, or None without such a line."""
    start = text.find(key)
    if start < 0:
        return None
    start += len(key)
    try:
        return int(text[start : text.index(b"kB", start)]) * 1024
    except ValueError:
        return None


class ProcFs:
    """Reads ``/proc/PID`` (or ``/proc/self``) through files that stay open.

    A forked child that goes on using the parent's object opens its own files,
    because an open ``/proc/self`` file keeps telling about the parent.
    """

    def __init__(self, proc: Path, pid: int | None = None) -> None:
        self._proc = str(proc)
        self._dir = f"{self._proc}/{'self' if pid is None else pid}"
        self._fds: dict[str, int] = {}
        self._opened_by = os.getpid()
        self._peak_reset_refused = False

    def close(self) -> None:
        """Close the files that are kept open; reading again reopens them."""
        fds, self._fds = self._fds, {}
        # in a forked child the numbers may mean other files by now
        if self._opened_by == os.getpid():
            for fd in fds.values():
                with contextlib.suppress(OSError):
                    os.close(fd)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def _pread(self, name: str, size: int) -> bytes | None:
        if self._opened_by != os.getpid():
            self._fds = {}
            self._opened_by = os.getpid()
        try:
            fd = self._fds.get(name)
            if fd is None:
                flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
                fd = self._fds[name] = os.open(f"{self._dir}/{name}", flags)
            return os.pread(fd, size, 0)
        except (OSError, AttributeError):
            self._fds.pop(name, None)
            return None

    def statm(self) -> list[bytes] | None:
        """The fields of ``statm`` in pages: size, resident, file and shared, ..."""
        for _ in range(2):
            fields = (self._pread("statm", 128) or b"").split()
            if len(fields) == _STATM_FIELDS:
                return fields
            # Somebody closed our file, and its number may now be another file's:
            # forget it (without closing what is not ours) and open anew.
            self._fds.pop("statm", None)
        return None

    def rss_bytes(self) -> int | None:
        """Resident size."""
        fields = self.statm()
        return None if fields is None else int(fields[1]) * PAGE_BYTES

    def status_bytes(self, key: bytes) -> int | None:
        """A figure of ``status`` such as ``VmHWM`` or ``VmData``."""
        for _ in range(2):
            text = self._pread("status", 8192) or b""
            if text.startswith(b"Name:"):
                return _kilobytes(text, b"\n" + key + b":")
            self._fds.pop("status", None)
        return None

    def reset_peak(self) -> bool:
        """Set VmHWM back to the present size; False, from then on, where refused."""
        if self._peak_reset_refused:
            return False
        try:
            fd = os.open(f"{self._dir}/clear_refs", os.O_WRONLY)
        except OSError:
            self._peak_reset_refused = True
            return False
        try:
            os.write(fd, b"5")
        except OSError:
            self._peak_reset_refused = True
        finally:
            os.close(fd)
        return not self._peak_reset_refused

    def pss_bytes(self, pid: int | None = None) -> int | None:
        """Proportional set size from ``smaps_rollup``, of ``pid`` or of this process."""
        text = read_bytes(f"{self._directory(pid)}/smaps_rollup")
        return _kilobytes(text, b"\nPss:") if text else None

    def rss_of(self, pid: int) -> int | None:
        """Resident size of another process; None when it has gone."""
        fields = (read_bytes(f"{self._directory(pid)}/statm") or b"").split()
        return int(fields[1]) * PAGE_BYTES if len(fields) == _STATM_FIELDS else None

    def name_of(self, pid: int) -> str:
        """The process's short name, empty when it has gone."""
        text = read_bytes(f"{self._directory(pid)}/comm") or b""
        return text.decode("utf-8", "replace").strip()

    def children(self, exclude: Collection[int] = ()) -> tuple[int, ...] | None:
        """Pids of all descendants, without ``exclude`` and what those started.

        None where the kernel does not keep the ``children`` files.
        """
        found: list[int] = []
        waiting: list[int | None] = [None]
        while waiting:
            parent = waiting.pop()
            direct = self._children_of(parent)
            if direct is None and parent is None:
                return None
            new = [pid for pid in direct or () if pid not in exclude]
            found += new
            waiting += new
        return tuple(found)

    def forked_without_exec(self, pid: int | None = None) -> bool:
        """Whether this process (or ``pid``) shares its pages with the one that forked it."""
        stat = (read_bytes(f"{self._directory(pid)}/stat") or b"").rpartition(b")")[2].split()
        return len(stat) > 6 and bool(int(stat[6]) & _PF_FORKNOEXEC)

    def maps(self) -> bytes | None:
        """The memory map as text."""
        return read_bytes(f"{self._dir}/maps")

    def path(self, name: str) -> str:
        """Where a file of this process is."""
        return f"{self._dir}/{name}"

    def _directory(self, pid: int | None) -> str:
        return self._dir if pid is None else f"{self._proc}/{pid}"

    def _children_of(self, pid: int | None) -> list[int] | None:
        lists = [*self._child_lists(f"{self._directory(pid)}/task")]
        if not lists or all(text is None for text in lists):
            return None
        return [int(child) for text in lists if text for child in text.split()]

    @staticmethod
    def _child_lists(tasks: str) -> Iterator[bytes | None]:
        with contextlib.suppress(OSError):
            for task in os.listdir(tasks):  # noqa: PTH208 - a third of the time
                yield read_bytes(f"{tasks}/{task}/children")
