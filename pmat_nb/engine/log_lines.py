"""Reading a log line by line, whatever state it is in.

Scope: lines to JSON objects, with their times, in constant memory; a line that
cannot be used is counted and named, a file without any is refused. What the objects
say is summed up in ``log_analysis.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pmat_nb.errors import StateFileError

__all__ = ["LogLine", "LogLines", "parse_timestamp", "whole_bytes"]

_MAX_LINE_BYTES = 4 * 1024**2
# After so many useless lines, and no useful one, a file is something else.
_GIVE_UP_AFTER = 200
_MAX_PROBLEMS = 20
_HINT = "%pmat_stats --watch --output FILE writes one"


class LogLine(NamedTuple):
    """A usable line: its number in the file, seconds since the epoch, its object."""

    number: int
    at: float
    figures: dict[str, Any]


class LogLines:
    """The usable lines of the log at ``path``, once, in the order of the file.

    ``skipped`` and ``problems`` grow while iterating; at most 20 problems are kept in
    words. Raises StateFileError where the file cannot be read or is no log.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.used = 0
        self.skipped = 0
        self.problems: list[str] = []

    def __iter__(self) -> Iterator[LogLine]:
        try:
            with self.path.open("rb") as file:
                for number, text, ended in _raw_lines(file):
                    line = self._read(number, text, ended)
                    if line is not None:
                        self.used += 1
                        yield line
        except OSError as error:
            raise StateFileError(
                f"log {self.path} cannot be read: {error.strerror or error}"
            ) from error
        if not self.used:
            self._refuse("it is empty" if not self.skipped else self.problems[0])

    def note(self, problem: str) -> None:
        """Keep a problem in words, if there are not many already."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(problem)

    def _read(self, number: int, text: bytes | None, ended: bool) -> LogLine | None:
        if text is not None and not text.strip():
            return None
        found = "is too long" if text is None else _parse(text)
        if isinstance(found, dict):
            at = parse_timestamp(found.get("timestamp"))
            if at is not None:
                return LogLine(number, at, found)
            found = "has no timestamp"
        elif not ended and text is not None:
            found = "is cut off, its writer was stopped in the middle"
        self.skipped += 1
        self.note(f"line {number} {found}; skipped")
        if not self.used and self.skipped >= _GIVE_UP_AFTER:
            self._refuse(self.problems[0])
        return None

    def _refuse(self, reason: str) -> None:
        raise StateFileError(f"{self.path} is not a pmat_nb log: {reason} ({_HINT})")


def parse_timestamp(value: object) -> float | None:
    """Seconds since the epoch, from ISO 8601 (UTC where it names no zone) or a number."""
    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(value)
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e11:
        return float(value)
    return None


def whole_bytes(value: object) -> int | None:
    """A byte count (or a difference of two) as an int; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if -(2**63) <= value < 2**63 else None


def _raw_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None, bool]]:
    """Number, content (None if too long) and whether a newline ends it."""
    number = 0
    while piece := file.readline(_MAX_LINE_BYTES):
        number += 1
        if number == 1:
            piece = piece.removeprefix(b"\xef\xbb\xbf")
        if piece.endswith(b"\n") or len(piece) < _MAX_LINE_BYTES - 3:
            yield number, piece, piece.endswith(b"\n")
            continue
        while not piece.endswith(b"\n") and piece:
            piece = file.readline(_MAX_LINE_BYTES)
        yield number, None, bool(piece)


def _parse(text: bytes) -> dict[str, Any] | str:
    """The line's object, or what is wrong with it."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        return f"is not JSON ({error.msg} at column {error.colno})"
    except (ValueError, RecursionError):  # not UTF-8, absurd numbers or nesting
        return "is not JSON"
    return found if isinstance(found, dict) else "is not a JSON object"
