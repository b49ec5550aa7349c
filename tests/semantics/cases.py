"""Cells whose meaning no cell magic may change, as data.

A case says what to run, never what must come out: the truth is what the same cell
does in a kernel without the project.
"""

from __future__ import annotations

from .case import Case
from .cases_errors import ERRORS
from .cases_language import LANGUAGE
from .cases_shell import SHELL

__all__ = ["CASES", "Case"]

CASES: tuple[Case, ...] = LANGUAGE + SHELL + ERRORS
