"""Reading every kernel's history file as one.

Scope: opening the files read-only and merging their rows; a file that cannot be
read is left out and named in :attr:`~.rows.History.problems`. Nothing is written to
the folder. A file whose kernel was killed in the middle of a write has a journal
that must be played back first; that happens on a copy in a temporary folder.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from .rows import CellRow, EventRow, History, SessionRow
from .schema import (
    CELL_COLUMNS,
    EVENT_COLUMNS,
    SCHEMA_VERSION,
    SESSION_COLUMNS,
    is_our_file,
    process_of,
)

__all__ = ["read_history"]

# The writer holds the file for one short commit.
_BUSY_S = 5.0


class _UnreadableError(Exception):
    """A file that is left out; the message says why."""


def read_history(
    folder: Path | str,
    *,
    notebook: str | None = None,
    session: str | None = None,
) -> History:
    """Merge the history files in ``folder``; rows of each kind oldest first.

    ``notebook`` (a :attr:`~.notebook.Notebook.key`) and ``session`` (a session id)
    narrow it down. A missing folder is an empty history. Rows recorded in this
    process within the last second may need ``HistoryWriter.flush()`` first.
    """
    cells: list[CellRow] = []
    sessions: list[SessionRow] = []
    events: list[EventRow] = []
    problems: list[str] = []
    for path in _files(Path(folder), problems):
        try:
            found = _read_file(path, notebook, session)
        except (_UnreadableError, sqlite3.Error, OSError, ValueError) as error:
            problems.append(f"{path.name} is left out: {error}")
            continue
        if found is not None:
            sessions.append(found[0])
            cells += found[1]
            events += found[2]
    return History(
        tuple(sorted(cells, key=lambda row: (row.started_at, row.session_id, row.sequence))),
        tuple(sorted(sessions, key=lambda row: (row.started_at, row.session_id))),
        tuple(sorted(events, key=lambda row: (row.at, row.session_id, row.sequence))),
        tuple(problems),
    )


def _files(folder: Path, problems: list[str]) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if process_of(path) is not None)
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(f"{folder} cannot be read: {error.strerror or error}")
        return []


_Found = tuple[SessionRow, Sequence[CellRow], Sequence[EventRow]]


def _read_file(path: Path, notebook: str | None, session: str | None) -> _Found | None:
    if not is_our_file(path):
        raise _UnreadableError("it is not a pmat_nb history file, or its first page is damaged")
    if not path.stat().st_size:
        return None  # its kernel is about to write, or was killed before it could
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            return _read_rows(opened, notebook, session)
    except sqlite3.OperationalError:
        if not _has_journal(path):
            raise
    with tempfile.TemporaryDirectory(prefix="pmat_nb-") as folder:
        copy = Path(shutil.copyfile(path, Path(folder, path.name)))
        shutil.copyfile(f"{path}-journal", f"{copy}-journal")
        with closing(sqlite3.connect(copy)) as opened:
            return _read_rows(opened, notebook, session)


def _has_journal(path: Path) -> bool:
    journal = Path(f"{path}-journal")
    return journal.is_file() and journal.stat().st_size > 0


def _read_rows(
    opened: sqlite3.Connection, notebook: str | None, session: str | None
) -> _Found | None:
    opened.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
    # One read transaction, so that the three tables belong together.
    opened.execute("BEGIN")
    if not opened.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return None
    values = next(_select(opened, "sessions", SESSION_COLUMNS), None)
    if values is None:
        raise _UnreadableError("it has no session row")
    row = SessionRow(*values)
    if notebook not in (None, row.notebook) or session not in (None, row.session_id):
        return None
    cells = [_cell(row, *found) for found in _select(opened, "cells", CELL_COLUMNS)]
    events = [_event(row, *found) for found in _select(opened, "events", EVENT_COLUMNS)]
    return row, cells, events


def _select(
    opened: sqlite3.Connection, table: str, columns: Mapping[str, Sequence[str]]
) -> Iterator[tuple[Any, ...]]:
    """The table's rows in the order of ``columns``; columns the file lacks are None."""
    present = {found[1] for found in opened.execute(f"PRAGMA table_info({table})")}
    missing = [
        name for name, kinds in columns.items() if name not in present and "null" not in kinds
    ]
    if missing:
        version = opened.execute("PRAGMA user_version").fetchone()[0]
        raise _UnreadableError(
            f"table {table} has no column {missing[0]}"
            f" (its format is {version}, this pmat_nb reads {SCHEMA_VERSION})"
        )
    wrong = " OR ".join(
        f"typeof({name}) NOT IN ({', '.join(map(repr, kinds))})"
        for name, kinds in columns.items()
        if name in present
    )
    if opened.execute(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {wrong})").fetchone()[0]:
        raise _UnreadableError(f"table {table} is damaged")
    wanted = ", ".join(name if name in present else "NULL" for name in columns)
    yield from opened.execute(f"SELECT {wanted} FROM {table} ORDER BY 1")


def _cell(session: SessionRow, *values: Any) -> CellRow:
    *figures, failed, nested, extra = values
    row = (*figures, bool(failed), nested, None if extra is None else _object(extra))
    return CellRow(session.session_id, session.notebook, *row)


def _event(session: SessionRow, sequence: int, at: float, kind: str, payload: str) -> EventRow:
    return EventRow(session.session_id, session.notebook, sequence, at, kind, _object(payload))


def _object(text: str) -> Mapping[str, object]:
    value = json.loads(text)
    return value if isinstance(value, dict) else {"value": value}
