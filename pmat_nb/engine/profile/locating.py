"""Which line is running, seen from another thread.

A frame that another thread holds keeps its locals alive after its function has returned;
so a stack is read at once, without a pause in which the interpreter could change threads,
and nothing of it is kept but file names and numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import NamedTuple

from pmat_nb.engine.leaks.sites import Sites

from .records import Place

__all__ = ["Body", "Locator", "Seen"]

# A function's file, first line and last line.
Body = tuple[str, int, int]

# Frames of libraries above the user's innermost one that are remembered.
_MOST_LIBRARY_FRAMES = 40


class Seen(NamedTuple):
    """``line`` of the profiled code, ``place`` of the user's innermost frame, and the
    library functions called from there; all None or empty where nothing of the user's ran.
    """

    line: Place | None
    place: Place | None
    library: tuple[Body, ...] = ()


_NOTHING = Seen(None, None)


class Locator:
    """Reads the stack of the thread ``thread_ident``.

    ``is_root`` tells the files that the profiled code may be in (cells); the outermost frame
    of one gives the line. Without any, the outermost frame of the user's does.
    """

    def __init__(
        self,
        sites: Sites,
        thread_ident: int,
        is_root: Callable[[str], bool] = lambda filename: False,
    ) -> None:
        self._sites = sites
        self._thread = thread_ident
        self._is_root = is_root
        self._roots: dict[str, bool] = {}
        self._bodies: dict[tuple[str, int], Body] = {}

    def look(self) -> Seen:
        """What runs now."""
        frame = sys._current_frames().get(self._thread)
        if frame is None:
            return _NOTHING
        inner: list[Body] = []
        line = place = None
        is_root = False
        while frame is not None:
            code = frame.f_code
            if self._sites.is_user(code.co_filename):
                here = code.co_filename, frame.f_lineno or 0
                place = place or here
                if (root := self._root(code.co_filename)) or not is_root:
                    line, is_root = here, root
            elif place is None and len(inner) < _MOST_LIBRARY_FRAMES:
                inner.append(self._body(code))
            frame = frame.f_back
        return _NOTHING if place is None else Seen(line, place, tuple(inner))

    def _body(self, code: CodeType) -> Body:
        key = code.co_filename, code.co_firstlineno
        known = self._bodies.get(key)
        if known is None:
            last = max((line or 0 for _, _, line in code.co_lines()), default=0)
            known = self._bodies[key] = (*key, last)
        return known

    def _root(self, filename: str) -> bool:
        known = self._roots.get(filename)
        if known is None:
            known = self._roots[filename] = self._is_root(filename)
        return known
