"""What is measured in a process of its own, and comes back as a line of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["ask", "call"]

ROOT = Path(__file__).resolve().parent.parent


def ask(
    code: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Any:
    """The last line that ``code`` prints, read as JSON; an error ends the benchmark."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
        timeout=timeout_s,
    )
    return json.loads(done.stdout.splitlines()[-1])


def call(function: Callable[..., None], *arguments: object) -> Any:
    """As :func:`ask`, of a function of a module here, called with what has a plain ``repr``."""
    name = function.__name__
    return ask(f"from {function.__module__} import {name}; {name}(*{arguments!r})")
