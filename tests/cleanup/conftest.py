"""Kernels with the extension loaded, and questions asked from inside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.kernel import Kernel

HERE = Path(__file__).parent


@pytest.fixture
def loaded(kernel: Kernel) -> Kernel:
    """The module's kernel with the extension."""
    result = kernel.run("%load_ext pmat_nb")
    assert result.ok, result.error
    return kernel


@pytest.fixture
def ask(loaded: Kernel) -> Callable[..., Any]:
    """Call a function of asked.py inside the kernel: ``ask("plan", "re cache", True)``."""
    loaded.run(
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import asked; del sys.path[0]\n"
        "del sys, asked",
        silent=True,
    )

    def asked(function: str, *args: Any) -> Any:
        call = f"__import__('asked').{function}(*{args!r})"
        result = loaded.run(f"print(__import__('json').dumps({call}))", silent=True)
        assert result.ok, result.error
        return json.loads(result.stdout)

    return asked
