"""Leaks and their look-alikes, from patterns of real code, and what finds them.

Each case is a function that prepares and returns ``step``, one iteration, or ``(step,
names)`` where a cell's own variables keep something. Its docstring names the pattern.
Lines that allocate what leaks are marked ``# LEAK``. Rules are tuned on one half of the
cases alone: sorted by a hash of their names, every second one is held out.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import clean, leaking_libraries, leaking_python

__all__ = ["CASES", "Case"]


@dataclass(frozen=True)
class Case:
    """One of them. ``held_out``: its half is not looked at while rules are tuned."""

    name: str
    leaking: bool
    held_out: bool
    prepare: Callable[[], Any]

    @property
    def pattern(self) -> str:
        """One line on what it is."""
        return (self.prepare.__doc__ or "").strip()

    def lines(self) -> frozenset[int]:
        """Where what leaks is allocated."""
        source, start = inspect.getsourcelines(self.prepare)
        return frozenset(start + at for at, line in enumerate(source) if "# LEAK" in line)


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _cases() -> dict[str, Case]:
    found = {}
    for leaking, modules in ((True, (leaking_python, leaking_libraries)), (False, (clean,))):
        functions = [
            function
            for module in modules
            for name, function in vars(module).items()
            if inspect.isfunction(function) and function.__module__ == module.__name__
        ]
        for at, function in enumerate(sorted(functions, key=lambda f: _hash(f.__name__))):
            name = function.__name__
            found[name] = Case(name, leaking, bool(at % 2), function)
    return found


CASES = _cases()
