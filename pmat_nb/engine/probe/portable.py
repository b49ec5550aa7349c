"""The same figures from psutil, for systems without a Linux ``/proc``.

Coarser than ``procfs``: no PSS, no peak that can be reset. Each function returns
None where psutil, the platform or the process cannot tell; none of them raises.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from pmat_nb.engine.records import HostMemory

__all__ = ["children", "heap", "host", "name_of", "peak_rss_bytes", "rss_bytes"]

T = TypeVar("T")


def _ask(question: Callable[[Any], T]) -> T | None:
    """The answer of psutil, imported on first use; None whatever goes wrong."""
    try:
        return question(importlib.import_module("psutil"))
    except Exception:  # psutil's errors differ by platform and version
        return None


def rss_bytes(pid: int | None) -> int | None:
    """Resident size (working set on Windows)."""
    return _ask(lambda ps: int(ps.Process(pid).memory_info().rss))


def peak_rss_bytes(pid: int | None) -> int | None:
    """The largest working set so far; Windows only."""
    return _ask(lambda ps: int(ps.Process(pid).memory_info().peak_wset))


def children(pid: int | None) -> tuple[int, ...] | None:
    """Pids of all descendants."""
    return _ask(lambda ps: tuple(p.pid for p in ps.Process(pid).children(recursive=True)))


def name_of(pid: int) -> str:
    """The process's short name, empty when it has gone."""
    return _ask(lambda ps: str(ps.Process(pid).name())) or ""


def host() -> HostMemory | None:
    """Memory and swap of the machine."""
    memory = _ask(lambda ps: ps.virtual_memory())
    if memory is None:
        return None
    swap = _ask(lambda ps: ps.swap_memory())
    return HostMemory(
        total_bytes=int(memory.total),
        available_bytes=int(memory.available),
        swap_total_bytes=None if swap is None else int(swap.total),
        swap_used_bytes=None if swap is None else int(swap.used),
    )


def heap() -> tuple[int, int] | None:
    """Bytes in use in the C heap and in its own mappings (psutil 7.2 or newer)."""

    def ask(ps: Any) -> tuple[int, int]:
        info = ps.heap_info()
        return int(info.heap_used), int(info.mmap_used)

    return _ask(ask)
