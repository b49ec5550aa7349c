"""``--format`` and ``-o``: a report as a string or in a file.

Files are written beside their target and moved into place, so that a reader never
sees half of one; devices and pipes are written to directly.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pmat_nb.errors import StateFileError, UnavailableError, UsageError

from . import plain
from .page import report_page
from .report import FORMATS, Report

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_text", "content", "write_by_ending", "write_bytes", "write_output", "write_text"]

_FRAME_FILES = (".csv", ".json", ".parquet", ".html")
_DATA_FILES = (".json", ".csv", ".parquet")


def as_text(report: Report, format: str = "table", width: int | None = None) -> str:
    """The report in one of the four formats, as it would be printed.

    Raises:
        UsageError: for a format that does not exist.
    """
    _check(format)
    if format == "json":
        return report.to_json()
    if format == "frame":
        return report.to_frame().to_string(max_colwidth=60, line_width=width)
    return report.text(format, width)


def write_output(report: Report, format: str, target: str | os.PathLike[str]) -> Path | None:
    """Write the report to ``target``; ``-`` is standard output. Returns the file, if any.

    The file's ending decides where the format leaves it open: a ``table`` in
    ``.html`` is a page; a ``frame`` is CSV, or JSON, Parquet or HTML by its ending.

    Raises:
        UsageError: an unknown format, or a target that is a folder.
        StateFileError: the file cannot be written.
        UnavailableError: Parquet without a library that writes it.
    """
    _check(format)
    if os.fspath(target) == "-":
        sys.stdout.write(as_text(report, format) + "\n")
        return None
    path = Path(target).expanduser()
    _write(path, content(report, format, path.suffix.lower()))
    return path


def write_by_ending(report: Report, target: str, *, called: str) -> Path:
    """Write the report's figures as JSON, or its frame as CSV or Parquet; returns the file.

    Raises:
        UsageError: another ending, a folder, or Parquet without pyarrow; ``called`` is the
            option that it names.
        StateFileError: the file cannot be written.
    """
    path = Path(target).expanduser()
    ending = path.suffix.lower()
    if ending not in _DATA_FILES:
        raise UsageError(
            f"{called}: {target!r} does not end in {', '.join(_DATA_FILES[:-1])} or "
            f"{_DATA_FILES[-1]}; for example {called} leaks.csv"
        )
    if ending == ".json":
        content = (report.to_json(compact=False) + "\n").encode("utf-8")
    else:
        content = _frame_bytes(report.to_frame(), ending, called)
    _write(path, content, called)
    return path


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, atomically.

    Raises:
        UsageError: ``path`` is a folder.
        StateFileError: it cannot be written.
    """
    _write(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path``, atomically; raises as :func:`write_text` does."""
    _write(path, data)


def _check(format: str) -> None:
    if format not in FORMATS:
        raise UsageError(
            f"--format: {format!r} is not one of {', '.join(FORMATS)}; for example --format json"
        )


def content(report: Report, format: str, ending: str) -> bytes:
    """What :func:`write_output` would write to a file with this ending (``.csv``).

    Raises:
        UnavailableError: Parquet without a library that writes it.
    """
    if format == "frame":
        return _frame_bytes(report.to_frame(), ending)
    if format == "table" and ending in (".html", ".htm"):
        return report_page([report], report.title).encode("utf-8")
    # A file is read elsewhere: its width does not follow this terminal.
    return (as_text(report, format, plain.MAX_WIDTH) + "\n").encode("utf-8")


def _frame_bytes(frame: pd.DataFrame, ending: str, called: str = "-o") -> bytes:
    if ending == ".parquet":
        return _parquet(frame, called)
    if ending == ".json":
        return (frame.to_json(orient="records", date_format="iso") + "\n").encode("utf-8")
    if ending in (".html", ".htm"):
        return frame.to_html(index=False).encode("utf-8")
    return frame.to_csv(index=False).encode("utf-8")


def _parquet(frame: pd.DataFrame, called: str) -> bytes:
    try:
        written = frame.to_parquet(None, index=False)
    except ImportError as error:
        raise UnavailableError(
            f"{called}: Parquet needs pyarrow, which is not installed here; "
            "pip install pyarrow, or use a name ending in .csv"
        ) from error
    return bytes(written)


def _write(path: Path, content: bytes, called: str = "-o") -> None:
    try:
        _place(path, content)
    except IsADirectoryError:
        raise UsageError(
            f"{called}: {str(path)!r} is a folder; for example {called} {path / 'stats.json'}"
        ) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise StateFileError(
            f"{called}: cannot write {str(path)!r}: {reason}; choose a file in a folder you can "
            "write to, or - for standard output"
        ) from error


def _place(path: Path, content: bytes) -> None:
    # A link stays a link: what it points to is replaced.
    path = path.resolve()
    if path.is_dir():
        raise IsADirectoryError(path)
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        # /dev/null or a pipe must not be replaced by a file.
        with path.open("wb") as device:
            device.write(content)
        return
    beside = path.with_name(f".{path.name[:64]}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
