"""Telling whether the process that wrote a file is still alive.

Scope: a key (machine, process id, start time) that no other process ever shares,
and a check of it. A process id alone is used again after a reboot or wrap-around;
a host name alone is shared by containers, so the machine part also covers the boot
and the process-id namespace where Linux tells them.
"""

from __future__ import annotations

import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessKey", "host_name", "is_alive", "machine_id", "start_of", "this_process"]

# psutil derives start times from the wall clock, which may be stepped a little.
_TOLERANCE_CS = 200


@dataclass(frozen=True, slots=True)
class ProcessKey:
    """One process, for good. ``start_cs`` is in hundredths of a second, 0 if unknown."""

    machine: str
    pid: int
    start_cs: int


def host_name() -> str:
    """The machine's network name, without asking the network."""
    if sys.platform == "win32":
        return os.environ.get("COMPUTERNAME", "")
    return os.uname().nodename


def machine_id() -> str:
    """Eight hex digits for this host, boot and process-id namespace."""
    parts = [host_name()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        pass
    return f"{zlib.crc32('|'.join(parts).encode()):08x}"


def start_of(pid: int) -> int | None:
    """When ``pid`` started, in hundredths of a second; None if there is no such process.

    On Linux since boot, from ``/proc/PID/stat`` (proc(5), field 22), which no change
    of the wall clock moves; elsewhere since the epoch, from psutil. 0 where the
    process is there but does not tell.
    """
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            if fields[0] == b"Z":  # ended, its parent has not noticed yet
                return None
            return int(fields[19]) * 100 // os.sysconf("SC_CLK_TCK")
        except FileNotFoundError:
            if Path("/proc/self/stat").exists():
                return None
        except (OSError, ValueError, IndexError):
            pass
    import psutil

    try:
        return int(psutil.Process(pid).create_time() * 100)
    except psutil.NoSuchProcess:
        return None
    except Exception:
        return 0


def this_process() -> ProcessKey:
    """The key of the calling process."""
    pid = os.getpid()
    return ProcessKey(machine_id(), pid, start_of(pid) or 0)


def is_alive(key: ProcessKey) -> bool | None:
    """Whether that process runs now; None if it ran on another machine or boot."""
    if key.machine != machine_id():
        return None
    started = start_of(key.pid)
    if started is None:
        return False
    if not started or not key.start_cs:
        return True
    return abs(started - key.start_cs) <= _TOLERANCE_CS
