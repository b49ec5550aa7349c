"""How far a repeated cell is: one line that changes in place, then makes room for the report.

Nothing in the first second, nor where nobody watches: a kernel whose front end answers no
questions (nbclient, papermill), a terminal whose output goes elsewhere.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Progress"]

_FIRST_S = 1.0
_EVERY_S = 0.5


class Progress:
    """Called as ``Tracker(progress=...)``; ``end`` shows what comes in its place."""

    def __init__(self, shell: Any) -> None:
        self._kernel = getattr(shell, "kernel", None)
        self._watched = _is_watched(self._kernel)
        self._due_s = _FIRST_S
        self._handle: Any = None
        self._width = 0

    def __call__(self, done: int, of: int | None, seconds: float) -> None:
        """A run is over, the ``done``-th ``of`` so many at most, after so many seconds."""
        if not self._watched or seconds < self._due_s:
            return
        from pmat_nb.render.format import duration

        self._due_s = seconds + _EVERY_S
        total = "" if of is None else f" of up to {of}"
        self._say(
            f"pmat_nb: run {done}{total}, {duration(seconds)}; interrupt for a report of these"
        )

    def end(self, value: Any) -> None:
        """Show ``value`` where the line was; None: only take the line away."""
        from IPython.display import display

        handle, self._handle = self._handle, None
        self._watched = False
        if self._width:
            sys.stdout.write("\r" + " " * self._width + "\r")
        show: Any = display
        if handle is not None and value is not None:
            handle.update(value)
        elif handle is not None:
            handle.update({"text/plain": ""}, raw=True)
        elif value is not None:
            show(value)

    def _say(self, text: str) -> None:
        if self._kernel is None:
            self._width = max(self._width, len(text))
            sys.stdout.write("\r" + text.ljust(self._width))
            sys.stdout.flush()
            return
        from IPython.display import display

        show: Any = display
        bundle = {"text/plain": text}
        if self._handle is None:
            self._handle = show(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


def _is_watched(kernel: Any) -> bool:
    if kernel is not None:
        return bool(getattr(kernel, "_allow_stdin", False))
    return bool(getattr(sys.stdout, "isatty", bool)())
