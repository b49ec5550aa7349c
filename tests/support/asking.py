"""Questions asked from inside a kernel, by functions of a module of the tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .kernel import Kernel

__all__ = ["asker"]


def asker(kernel: Kernel, module: Path) -> Callable[..., Any]:
    """``ask(function, *args)`` calls a function of ``module`` inside the kernel."""
    name = module.stem
    kernel.run(
        f"import sys; sys.path.insert(0, {str(module.parent)!r}); import {name}; del sys.path[0]\n"
        f"del sys, {name}",
        silent=True,
    )

    def ask(function: str, *args: Any) -> Any:
        # As a cell, not as a user expression: the cell before stays the last one run.
        call = f"__import__({name!r}).{function}(*{args!r})"
        result = kernel.run(f"print(__import__('json').dumps({call}))", silent=True)
        assert result.ok, result.error
        return json.loads(result.stdout)

    return ask
