"""Allocation sites as the user knows them: the nearest line of their own code.

Scope: file names and line numbers in, a named site out. The source is read by
``linecache``, which knows the code of cells; the function by compiling nothing: from the
code objects that the caller has, else from the text above the line.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .traces import Frames

__all__ = [
    "DEEPEST",
    "Label",
    "Place",
    "Site",
    "Sites",
    "is_library",
    "is_machinery",
    "is_own",
    "machinery_of",
]

# `In[12]` for the file name of a cell, None for any other.
Label = Callable[[str], "str | None"]
Place = tuple[str, int]

_OWN = str(Path(__file__).resolve().parents[2])
_OWN_PREFIX = _OWN + os.sep
# Tracebacks deeper than this are not asked for: where they show no user's frame, none is there.
DEEPEST = 64
# What runs the user's code and talks to front ends, by its package.
_MACHINERY = frozenset(
    {
        "IPython",
        "comm",
        "debugpy",
        "ipykernel",
        "ipykernel_launcher",
        "jupyter_client",
        "jupyter_core",
        "matplotlib_inline",
        "nest_asyncio",
        "prompt_toolkit",
        "tornado",
        "traitlets",
        "zmq",
    }
)
_PYTHONS_OWN = "python"


class Site(NamedTuple):
    """A line of code; ``name`` is ``In[12]:3`` or ``file.py:3``, ``source`` its text."""

    name: str
    filename: str
    lineno: int
    function: str
    source: str


@cache
def _library_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {sysconfig.get_path(name) for name in names}
    found |= {str(Path(name).resolve()) for name in tuple(found) if name}
    # What `pip install --user` and Debian use besides.
    return tuple(sorted({name for name in found if name}))


@cache
def is_library(filename: str) -> bool:
    """Whether a file belongs to Python, to an installed package, or to us."""
    if filename.startswith("<frozen") or filename in ("<string>", "<unknown>", ""):
        return True
    if "site-packages" in filename or "dist-packages" in filename:
        return True
    return any(filename.startswith(folder + os.sep) for folder in (_OWN, *_library_folders()))


def is_own(filename: str) -> bool:
    """Whether a file is of this package."""
    return filename.startswith(_OWN_PREFIX)


def is_machinery(frames: Frames) -> bool:
    """Whether a whole traceback without a line of the user's is the kernel at its own work.

    History, compiling a cell, messages, the event loop: they allocate below no line of the
    user's. Python's own library works for whoever called it, so the nearest caller outside
    of it counts. What a library keeps that was called back by the loop is its own.
    """
    package = next((p for p in map(_package, _files(frames)) if p != _PYTHONS_OWN), None)
    if package is None:
        return any(f"{os.sep}asyncio{os.sep}" in filename for filename in _files(frames))
    return package in _MACHINERY


def machinery_of(frames: Frames) -> Place | None:
    """The kernel's line that Python's own library worked for; None where it was another's."""
    outside = (place for place in frames if _package(place[0]) != _PYTHONS_OWN)
    nearest = next(outside, None)
    return nearest if nearest is not None and _package(nearest[0]) in _MACHINERY else None


def _is_unreadable(filename: str) -> bool:
    """Whether it is code without a file or a text: whoever ran it has the line to look at."""
    made = filename.startswith("<") and filename.endswith(">")
    return made and filename != "<stdin>" and not linecache.getlines(filename)


def _files(frames: Frames) -> list[str]:
    return [filename for filename, _ in frames]


@cache
def _package(filename: str) -> str:
    """The installed package that a file is of, ``python`` for what comes with Python."""
    path = filename.replace("\\", "/")
    for folder in ("/site-packages/", "/dist-packages/"):
        if folder in path:
            return path.rpartition(folder)[2].partition("/")[0].removesuffix(".py")
    return _PYTHONS_OWN if is_library(filename) else ""


class Sites:
    """Turns tracebacks into sites.

    ``label`` names the cells; ``is_user`` tells the user's files, by default all that
    are neither installed nor the interpreter's.
    """

    def __init__(
        self,
        label: Label = lambda filename: None,
        is_user: Callable[[str], bool] | None = None,
    ) -> None:
        self._label = label
        self._is_user = is_user or (lambda filename: not is_library(filename))
        self._users: dict[str, bool] = {}

    def is_user(self, filename: str) -> bool:
        """Whether a file is the user's: a cell, or what ``is_user`` says."""
        known = self._users.get(filename)
        if known is None:
            known = self._label(filename) is not None or (
                self._is_user(filename) and not _is_unreadable(filename)
            )
            self._users[filename] = known
        return known

    def place(self, frames: Frames, limit: int = 0) -> Place | None:
        """The nearest frame of the user's; else the innermost; None where it is for us.

        Tracebacks were cut off at ``limit`` frames; below the deepest limit one that was cut
        off may have the user's frame further out, so that its innermost stands for it.
        None also where nothing but the kernel's machinery allocated.
        """
        for filename, lineno in frames:
            if filename.startswith(_OWN_PREFIX):
                return None
            if self.is_user(filename):
                return filename, lineno
        whole = len(frames) < limit or limit >= DEEPEST
        if whole and is_machinery(frames):
            return None
        return frames[0] if frames else None

    def site(self, place: Place) -> Site:
        """The place with its name, function and source."""
        filename, lineno = place
        label = self._label(filename)
        name = f"{label or Path(filename).name or filename}:{lineno}"
        source = linecache.getline(filename, lineno).strip()
        return Site(name, filename, lineno, function_at(filename, lineno), source)


def function_at(filename: str, lineno: int) -> str:
    """The function whose body has the line, by its text; empty on the top level."""
    lines = linecache.getlines(filename)
    if not 0 < lineno <= len(lines):
        return ""
    depth = _indent(lines[lineno - 1])
    for text in reversed(lines[: lineno - 1]):
        words = text.strip()
        if not words or words[0] in "#)]}" or _indent(text) >= depth:
            continue
        depth = _indent(text)
        for start in ("def ", "async def "):
            if words.startswith(start):
                return words.removeprefix(start).partition("(")[0].strip()
        if depth == 0:
            return ""
    return ""


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip()) if text.strip() else sys.maxsize
