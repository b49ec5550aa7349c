"""How far a run is, on standard error: one bar on a terminal, else a line per cell."""

from __future__ import annotations

import sys
from typing import TextIO

from pmat_nb.engine.runs.records import CellRun
from pmat_nb.render.runs import cell_line
from pmat_nb.render.texts import clean, cut

__all__ = ["Progress"]

_BAR = 20


class Progress:
    """Told of each cell; ``quiet`` says nothing. ``title`` names what runs."""

    def __init__(self, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._bar = not quiet and self._stream.isatty()
        self._drawn = False

    def cell(
        self, title: str, done: int, number: int, first_line: str, ended: CellRun | None
    ) -> None:
        """The cell after ``done`` of ``number`` begins, or (``ended``) has run."""
        if self._quiet:
            return
        name = clean(title)
        if not self._bar:
            if ended is not None:
                self._say(f"{name} {done}/{number} {cell_line(ended)}")
            return
        import shutil

        full = _BAR * done // max(1, number)
        bar = "█" * full + "░" * (_BAR - full)
        last = cell_line(ended) if ended is not None else clean(first_line)
        width = shutil.get_terminal_size().columns - 1
        self._stream.write(f"\r\x1b[2K{cut(f'{name} {bar} {done}/{number} {last}', width)}")
        self._stream.flush()
        self._drawn = True

    def close(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._drawn = False

    def _say(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        safe = text.encode(encoding, "backslashreplace").decode(encoding)
        print(safe, file=self._stream, flush=True)
