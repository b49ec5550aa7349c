from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.kernel import Kernel

HERE = Path(__file__).parent


@pytest.fixture
def ask(kernel: Kernel) -> Callable[..., Any]:
    """Call a function of in_kernel.py inside the kernel: ``ask("held", "re cache")``."""
    kernel.run(
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import in_kernel; del sys.path[0]\n"
        "del sys, in_kernel",
        silent=True,
    )

    def asked(function: str, *args: Any) -> Any:
        # As a cell, not as a user expression: the cell before stays the last one run.
        call = f"__import__('in_kernel').{function}(*{args!r})"
        result = kernel.run(f"print(__import__('json').dumps({call}))", silent=True)
        assert result.ok, result.error
        return json.loads(result.stdout)

    return asked
