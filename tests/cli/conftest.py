"""Kernels that have loaded the extension, and ``pmat-nb`` called as a process of the same user."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.kernel import Kernel


class Said(NamedTuple):
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


def call(kernel: Kernel, *words: str, timeout: float = 60) -> Said:
    """``pmat-nb`` with these words, at home where the kernel is."""
    run = subprocess.run(
        [sys.executable, "-m", "pmat_nb", *words],
        env=kernel._environment({}),
        cwd=kernel.folder / "work",
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )
    return Said(run.returncode, run.stdout, run.stderr)


def beacons(kernel: Kernel) -> list[Path]:
    return list(kernel.folder.rglob("*.beacon"))


def load(kernel: Kernel) -> Kernel:
    """Load the extension unless it is, and wait until the kernel can be found."""
    assert kernel.run("%load_ext pmat_nb").ok
    deadline = time.monotonic() + 20
    while not beacons(kernel) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert beacons(kernel), kernel.log
    return kernel


def wait_for(true: Callable[[], bool], timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    return load(kernel)


@pytest.fixture
def pmat(loaded: Kernel) -> Callable[..., Said]:
    """``pmat("stats", "--format", "json")``"""
    return lambda *words, **options: call(loaded, *words, **options)
