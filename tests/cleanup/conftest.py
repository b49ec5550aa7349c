"""Kernels with the extension loaded, and questions asked from inside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.asking import asker
from support.kernel import Kernel


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    """The module's kernel with the extension."""
    result = kernel.run("%load_ext pmat_nb")
    assert result.ok, result.error
    return kernel


@pytest.fixture
def ask(loaded: Kernel) -> Callable[..., Any]:
    """Call a function of asked.py inside the kernel: ``ask("plan", "re cache", True)``."""
    return asker(loaded, Path(__file__).parent / "asked.py")
