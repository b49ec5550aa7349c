"""Leaks and their look-alikes, from patterns of real code, and what finds them.

Each case is a function that prepares and returns ``step``, one iteration, or ``(step,
names)`` where a cell's own variables keep something. Its docstring names the pattern.
Lines that allocate what leaks are marked ``# LEAK``; a case whose ``native`` is set leaks
C's memory alone, without such a line. There are three batches:

- ``first``: written together with the rules. These are tuned on one half of it alone: sorted
  by a hash of their names, every second case is held out.
- ``second``: written by someone who had not seen the rules, after these were done, and run
  once to see what they are worth. Then the rules were mended for it.
- ``third``: written together with the second, of other patterns, and run once after that.

What a later batch gave when it was run first is in first_look.json. A batch that is not in it
is run only by ``python -m benchmarks.bench_leaks --batch NAME``, which puts it in.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import (
    clean,
    leaking_libraries,
    leaking_python,
    second_clean,
    second_leaking,
    third_clean,
    third_leaking,
)

__all__ = ["BATCHES", "CASES", "FIRST_LOOK", "Case", "first_looks", "of_batch", "seen"]

BATCHES = ("first", "second", "third")
FIRST_LOOK = Path(__file__).with_name("first_look.json")

_MODULES = {
    ("first", True): (leaking_python, leaking_libraries),
    ("first", False): (clean,),
    ("second", True): (second_leaking,),
    ("second", False): (second_clean,),
    ("third", True): (third_leaking,),
    ("third", False): (third_clean,),
}


@dataclass(frozen=True)
class Case:
    """One of them. ``held_out``: its half of the first batch is not tuned on; nor are others."""

    name: str
    leaking: bool
    batch: str
    held_out: bool
    prepare: Callable[[], Any]

    @property
    def pattern(self) -> str:
        """One line on what it is."""
        return " ".join((self.prepare.__doc__ or "").split())

    @property
    def native(self) -> bool:
        """Whether only C's memory grows, so that no line in Python can be told."""
        return getattr(self.prepare, "native", False)

    def lines(self) -> frozenset[int]:
        """Where what leaks is allocated."""
        source, start = inspect.getsourcelines(self.prepare)
        return frozenset(start + at for at, line in enumerate(source) if "# LEAK" in line)


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def _cases() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for (batch, leaking), modules in _MODULES.items():
        functions = [
            function
            for module in modules
            for name, function in vars(module).items()
            if inspect.isfunction(function) and function.__module__ == module.__name__
        ]
        for at, function in enumerate(sorted(functions, key=lambda f: _hash(f.__name__))):
            name = function.__name__
            assert name not in found, name
            held_out = bool(at % 2) or batch != "first"
            found[name] = Case(name, leaking, batch, held_out, function)
    return found


CASES = _cases()


def of_batch(batch: str) -> list[Case]:
    """The cases of one batch."""
    return [case for case in CASES.values() if case.batch == batch]


def first_looks() -> dict[str, dict[str, Any]]:
    """By batch, the figures of its first run."""
    return json.loads(FIRST_LOOK.read_text()) if FIRST_LOOK.exists() else {}


def seen() -> list[str]:
    """The batches that were run at least once: others are run only when they are named."""
    return [batch for batch in BATCHES if batch == "first" or batch in first_looks()]
