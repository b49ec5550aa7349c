"""Pools that libraries keep for themselves, read only where the library is loaded.

Each reader returns None when its library is not in ``sys.modules``. What a library
does not tell stays None in the record. Hand ``READERS`` to ``engine.probe.Probe``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pmat_nb.engine.probe import AllocatorReader
from pmat_nb.engine.records import AllocatorState

__all__ = ["READERS", "arrow", "cupy_pinned", "polars", "release_unused", "releasers", "torch_host"]


def arrow() -> AllocatorState | None:
    """Arrow's default memory pool: bytes in use; what it holds is found by a block of it."""
    pyarrow: Any = sys.modules.get("pyarrow")
    if pyarrow is None or not hasattr(pyarrow, "default_memory_pool"):
        return None
    pool = pyarrow.default_memory_pool()
    used = int(pool.bytes_allocated())
    block = pyarrow.allocate_buffer(64)
    return AllocatorState(
        f"Arrow ({pool.backend_name})", None, used, None, address=int(block.address)
    )


def polars() -> AllocatorState | None:
    """Polars has an allocator of its own that tells nothing."""
    if "polars" not in sys.modules:
        return None
    return AllocatorState("polars", None, None, None, note="polars does not tell its figures")


def torch_host() -> AllocatorState | None:
    """Torch's cache of pinned host memory; only once CUDA is in use."""
    torch: Any = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    if cuda is None or not hasattr(cuda, "host_memory_stats") or not cuda.is_initialized():
        return None
    stats = cuda.host_memory_stats()
    held, used = stats.get("allocated_bytes.current"), stats.get("active_bytes.current")
    if held is None or used is None:
        return None
    # pinned pages cannot leave memory, so what is cached is resident
    return AllocatorState("torch (pinned host)", held, used, max(0, held - used))


def cupy_pinned() -> AllocatorState | None:
    """Cupy's pool of pinned host memory: it tells only how many blocks are free."""
    cupy: Any = sys.modules.get("cupy")
    if cupy is None or not hasattr(cupy, "get_default_pinned_memory_pool"):
        return None
    free = cupy.get_default_pinned_memory_pool().n_free_blocks()
    return AllocatorState("cupy (pinned host)", None, None, None, note=f"{free} free blocks")


READERS: tuple[AllocatorReader, ...] = (arrow, polars, torch_host, cupy_pinned)


def releasers() -> dict[str, Callable[[], object]]:
    """By library, for those loaded, what makes its pool hand back what it has free."""
    found: dict[str, Callable[[], object]] = {}
    pyarrow: Any = sys.modules.get("pyarrow")
    if pyarrow is not None and hasattr(pyarrow, "default_memory_pool"):
        found["Arrow"] = pyarrow.default_memory_pool().release_unused
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and hasattr(cuda, "is_initialized") and cuda.is_initialized():
        found["torch"] = cuda.empty_cache
    return found


def release_unused() -> None:
    """Ask the pools of loaded libraries to hand back what they have free."""
    for release in releasers().values():
        release()
