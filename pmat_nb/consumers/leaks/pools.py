"""Counters of memory that libraries take from allocators of their own.

tracemalloc and the C heap's counters see none of it. Each reader is None while its
library is not loaded, and costs a microsecond. polars tells no figure of its pool: what
its frames take shows in the resident size alone, and so do mappings.
"""

from __future__ import annotations

import sys
from typing import Any

from pmat_nb.engine.leaks.counters import PoolReader
from pmat_nb.engine.leaks.native import UNCOUNTED
from pmat_nb.engine.leaks.watching import RESIDENT

__all__ = ["POOLS", "has_uncounted", "library_of", "within_heap"]

# Libraries whose objects hold memory that tracemalloc does not see, and what counts it.
_LIBRARIES = {
    "pyarrow": "Arrow",
    "torch": "C heap",
    "PIL": "C heap",
    **dict.fromkeys(UNCOUNTED, RESIDENT),
}
# Types of compiled libraries that say they are Python's own, by the module that has them.
_UNNAMED = {"polars": ("polars._plr", "polars.polars")}


def arrow() -> tuple[str, int] | None:
    """Bytes in use in all of Arrow's pools."""
    pyarrow: Any = sys.modules.get("pyarrow")
    count = getattr(pyarrow, "total_allocated_bytes", None)
    return None if count is None else ("Arrow", int(count()))


def torch_cuda() -> tuple[str, int] | None:
    """Bytes in tensors on all CUDA devices, once one is in use."""
    cuda: Any = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is None or not getattr(cuda, "is_initialized", bool)():
        return None
    used = sum(int(cuda.memory_allocated(at)) for at in range(cuda.device_count()))
    return "torch cuda", used


def cupy() -> tuple[str, int] | None:
    """Bytes in use in cupy's default pool, on the current device."""
    module: Any = sys.modules.get("cupy")
    if module is None or not hasattr(module, "get_default_memory_pool"):
        return None
    return "cupy", int(module.get_default_memory_pool().used_bytes())


POOLS: tuple[PoolReader, ...] = (arrow, torch_cuda, cupy)


def within_heap() -> frozenset[str]:
    """The pools whose bytes the C heap's counter has as well."""
    default: Any = getattr(sys.modules.get("pyarrow"), "default_memory_pool", None)
    is_malloc = default is not None and default().backend_name == "system"
    return frozenset({"Arrow"} if is_malloc else ())


def has_uncounted() -> bool:
    """Whether a library is loaded whose memory shows in the resident size alone."""
    return "polars" in sys.modules


def library_of(kind: type) -> str:
    """The counter that shows what objects of a type hold; empty for types without one."""
    module = kind.__module__ if type(kind.__module__) is str else ""
    top = module.partition(".")[0]
    if top == "builtins":
        top = next((name for name, where in _UNNAMED.items() if _is_of(where, kind)), "")
    if top == "pandas" and "arrow" in module:
        top = "pyarrow"
    if top == "torch" and kind.__name__ not in ("Tensor", "Parameter", "UntypedStorage"):
        return ""
    return _LIBRARIES.get(top, "")


def _is_of(modules: tuple[str, ...], kind: type) -> bool:
    found = (sys.modules.get(name) for name in modules)
    return any(module and vars(module).get(kind.__name__) is kind for module in found)
