"""Memory on accelerators, as the libraries that use them count it.

Nothing is loaded or initialised: a library that has not touched a device holds
nothing there. Host memory is not counted here.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pmat_nb.engine.records import DeviceMemory

__all__ = ["device_bytes", "device_memory"]


def device_memory() -> tuple[DeviceMemory, ...]:
    """One record per library and device in use; a library that fails is left out."""
    found: list[DeviceMemory] = []
    for read in (_torch, _cupy, _nvml):
        try:
            found += read()
        except Exception:
            # A driver that went away or another version of the library: no figure,
            # which is what an absent record says.
            continue
    return tuple(found)


def device_bytes(records: Iterable[DeviceMemory]) -> int | None:
    """Bytes in use on all devices by this process; None without any device.

    NVML's figure of the process contains those of torch and cupy, so it counts only
    where neither of them has one.
    """
    records = tuple(records)
    libraries = [r.used_bytes for r in records if not r.name.startswith(_NVML)]
    whole = [r.used_bytes for r in records if r.name.startswith(_NVML)]
    return sum(libraries or whole) if records else None


_NVML = "gpu "


def _torch() -> Iterator[DeviceMemory]:
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    # Unlike is_available(), this neither loads a driver nor opens a device.
    if cuda is None or not cuda.is_initialized():
        return
    for index in range(cuda.device_count()):
        yield DeviceMemory(
            name=f"torch cuda:{index}",
            used_bytes=int(cuda.memory_allocated(index)),
            total_bytes=int(cuda.get_device_properties(index).total_memory),
            reserved_bytes=int(cuda.memory_reserved(index)),
            note="tensors in use; reserved by torch",
        )


def _cupy() -> Iterator[DeviceMemory]:
    cupy = sys.modules.get("cupy")
    if cupy is None:
        return
    pool = cupy.get_default_memory_pool()
    for index in range(cupy.cuda.runtime.getDeviceCount()):
        # The pool answers for the current device only.
        with cupy.cuda.Device(index):
            used, reserved = int(pool.used_bytes()), int(pool.total_bytes())
        if reserved:
            yield DeviceMemory(f"cupy cuda:{index}", used, None, reserved, "default memory pool")


def _nvml() -> Iterator[DeviceMemory]:
    nvml: Any = sys.modules.get("pynvml")
    if nvml is None:
        return
    for index in range(nvml.nvmlDeviceGetCount()):  # raises where NVML is not initialised
        device = nvml.nvmlDeviceGetHandleByIndex(index)
        read: Callable[[Any], list[Any]] = nvml.nvmlDeviceGetComputeRunningProcesses
        used = [p.usedGpuMemory for p in read(device) if p.pid == os.getpid()]
        if used and used[0] is not None:
            total = int(nvml.nvmlDeviceGetMemoryInfo(device).total)
            note = "this process as NVML sees it, torch and cupy included"
            yield DeviceMemory(f"{_NVML}{index}", int(used[0]), total, None, note)
