"""The log: one JSON object a line (NDJSON), written so that it survives its writer.

Scope: writing lines, and (in ``log_analysis.py``, offered here too) summing up a
log. What a line says is the caller's: ``Stats.to_dict()`` and its keys. A line is
written at once and whole, so ``tail -f`` and ``grep`` work while it grows; only a
kill or a full disk can cut off a last line, and the next writer ends that line first.
"""

from __future__ import annotations

import json
import math
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from pmat_nb.errors import StateFileError

from .log_analysis import CellCost, LogAnalysis, LogTrend, Peak, analyze_log

__all__ = ["CellCost", "LogAnalysis", "LogTrend", "LogWriter", "Peak", "analyze_log"]


class LogWriter:
    """Appends lines to a file or stream; also a context manager.

    Args:
        target: a path (``~`` is expanded), ``-`` for standard output, or an open
            text stream, which :meth:`close` leaves open.

    Raises StateFileError, with the reason, where the file cannot be opened, and from
    :meth:`write` where it cannot be written.
    """

    def __init__(self, target: str | Path | TextIO) -> None:
        self._stream: TextIO | None = None
        self._file: BinaryIO | None = None
        if isinstance(target, (str, Path)) and str(target) != "-":
            self.name = str(target)
            self._file = _open(Path(target).expanduser())
        else:
            self.name = "standard output"
            self._stream = sys.stdout if isinstance(target, (str, Path)) else target

    def write(self, figures: Mapping[str, object]) -> None:
        """Append ``figures`` as one line. What JSON cannot hold becomes text or null."""
        line = _line(figures)
        try:
            if self._file is not None:
                _write_all(self._file, line.encode())
            elif self._stream is not None:
                self._stream.write(line)
                self._stream.flush()
            else:
                raise StateFileError(f"{self.name}: the log is closed")
        except (OSError, ValueError) as error:
            raise _refused(self.name, "written", error) from error

    def close(self) -> None:
        """Close the file; harmless when called again."""
        file, self._file, self._stream = self._file, None, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path) -> BinaryIO:
    try:
        # Unbuffered and appending: what is written is in the file at once, and two
        # writers do not overwrite each other.
        file = path.open("ab", buffering=0)
        if not _ends_with_newline(path):
            _write_all(file, b"\n")
    except OSError as error:
        raise _refused(str(path), "opened for writing", error) from error
    return file


def _ends_with_newline(path: Path) -> bool:
    """Whether a line can begin; true of new files, and of pipes and devices."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _write_all(file: BinaryIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _refused(name: str, done: str, error: Exception) -> StateFileError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return StateFileError(f"{name} cannot be {done}: {reason}; try another path, or - to print")


def _line(figures: Mapping[str, object]) -> str:
    try:
        text = json.dumps(figures, separators=(",", ":"), default=_plain, allow_nan=False)
    except ValueError:
        # Only now and then is a figure not finite; JSON has no word for that.
        text = json.dumps(_finite(figures), separators=(",", ":"), default=_plain)
    return f"{text}\n"


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
