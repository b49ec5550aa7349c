"""There is no accelerator on a test machine: the libraries are stand-ins here."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from pmat_nb.consumers.devices import device_bytes, device_memory
from pmat_nb.engine.records import DeviceMemory


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "cupy", "pynvml"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def torch_like(initialized: bool = True) -> Any:
    cuda = SimpleNamespace(
        is_initialized=lambda: initialized,
        device_count=lambda: 2,
        memory_allocated=lambda i: 100 + i,
        memory_reserved=lambda i: 200 + i,
        get_device_properties=lambda i: SimpleNamespace(total_memory=1000),
    )
    return SimpleNamespace(cuda=cuda)


def nvml_like() -> Any:
    mine = SimpleNamespace(pid=os.getpid(), usedGpuMemory=500)
    other = SimpleNamespace(pid=1, usedGpuMemory=900)
    return SimpleNamespace(
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda i: i,
        nvmlDeviceGetComputeRunningProcesses=lambda d: [other, mine],
        nvmlDeviceGetMemoryInfo=lambda d: SimpleNamespace(total=8000),
    )


def test_nothing_loaded_is_nothing_known() -> None:
    assert device_memory() == ()
    assert device_bytes(()) is None


def test_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch_like())
    first, second = device_memory()
    assert first == DeviceMemory(
        "torch cuda:0", 100, 1000, 200, "tensors in use; reserved by torch"
    )
    assert second.used_bytes == 101
    assert device_bytes([first, second]) == 201


def test_torch_that_has_opened_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch_like(initialized=False))
    assert device_memory() == ()


def test_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = SimpleNamespace(used_bytes=lambda: 10, total_bytes=lambda: 30)
    cuda = SimpleNamespace(
        runtime=SimpleNamespace(getDeviceCount=lambda: 1), Device=lambda i: nullcontext()
    )
    library = SimpleNamespace(get_default_memory_pool=lambda: pool, cuda=cuda)
    monkeypatch.setitem(sys.modules, "cupy", library)
    (record,) = device_memory()
    assert (record.name, record.used_bytes, record.reserved_bytes) == ("cupy cuda:0", 10, 30)


def test_nvml_counts_this_process_and_contains_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml_like())
    (alone,) = device_memory()
    assert (alone.name, alone.used_bytes, alone.total_bytes) == ("gpu 0", 500, 8000)
    assert device_bytes([alone]) == 500
    monkeypatch.setitem(sys.modules, "torch", torch_like())
    assert device_bytes(device_memory()) == 201


def test_a_library_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = nvml_like()
    broken.nvmlDeviceGetCount = lambda: 1 / 0
    monkeypatch.setitem(sys.modules, "pynvml", broken)
    monkeypatch.setitem(sys.modules, "torch", torch_like())
    assert len(device_memory()) == 2


@pytest.mark.extra
def test_the_real_torch_without_a_device_opens_none() -> None:
    code = (
        "import torch\nfrom pmat_nb.consumers.devices import device_memory\n"
        "print(device_memory(), torch.cuda.is_initialized())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "() False"
