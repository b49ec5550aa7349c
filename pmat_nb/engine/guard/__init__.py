"""Stops code that goes over a memory limit, before the system kills the process.

Three parts, each usable alone: a guard process that watches from outside
(:class:`Guard`), a ceiling that makes one huge allocation fail (``ceiling=True``),
and the raising of the stop inside the kernel (:mod:`.stop`). :class:`limit_block`
puts them together for plain Python. Linux only; elsewhere ``Guard().available`` is
false and ``reason`` says why.
"""

from __future__ import annotations

from .block import default_guard, limit_block
from .client import Guard
from .report import ChildReport, GuardReport
from .stop import clean_traceback, runs_under
from .token import Token

__all__ = [
    "ChildReport",
    "Guard",
    "GuardReport",
    "Token",
    "clean_traceback",
    "default_guard",
    "limit_block",
    "runs_under",
]
