"""Memory of the whole machine and limits of the process, from Linux text files.

Pure parsers, so that they can be tested on recorded text. Containers are in
``cgroup``.
"""

from __future__ import annotations

import importlib
import re

from pmat_nb.engine.records import HostMemory

__all__ = ["parse_meminfo", "parse_psi_some_avg10", "read_rlimits"]

_MEMINFO = re.compile(rb"^(\w+):\s+(\d+) kB$", re.MULTILINE)
_AVG10 = re.compile(rb"^some avg10=(\d+(?:\.\d+)?)", re.MULTILINE)


def parse_meminfo(text: bytes) -> HostMemory | None:
    """``/proc/meminfo`` as a record; None without a total.

    Kernels before 3.14 have no ``MemAvailable``; there, free memory plus the file
    cache stands in for it.
    """
    figures = {key: int(value) * 1024 for key, value in _MEMINFO.findall(text)}
    total = figures.get(b"MemTotal")
    if not total:
        return None
    available = figures.get(b"MemAvailable")
    if available is None:
        available = figures.get(b"MemFree", 0) + figures.get(b"Cached", 0)
    swap = figures.get(b"SwapTotal")
    swap_free = figures.get(b"SwapFree")
    return HostMemory(
        total_bytes=total,
        available_bytes=available,
        swap_total_bytes=swap,
        swap_used_bytes=None if swap is None or swap_free is None else swap - swap_free,
    )


def parse_psi_some_avg10(text: bytes) -> float | None:
    """The ``some avg10`` of a PSI file: percent of time some task waited for memory."""
    match = _AVG10.search(text)
    return float(match[1]) if match else None


def read_rlimits(pid: int | None = None) -> dict[str, int] | None:
    """The soft limits among ``as``, ``data`` and ``rss`` that are set, in bytes.

    None where the platform has no rlimits (Windows) or refuses to tell.
    """
    try:
        resource = importlib.import_module("resource")
    except ImportError:
        return None
    found = {}
    for name in ("as", "data", "rss"):
        kind = getattr(resource, f"RLIMIT_{name.upper()}", None)
        if kind is None:
            continue
        try:
            soft, _ = resource.getrlimit(kind) if pid is None else resource.prlimit(pid, kind)
        except (OSError, ValueError, AttributeError):
            return None
        if soft not in (resource.RLIM_INFINITY, -1):
            found[name] = int(soft)
    return found
