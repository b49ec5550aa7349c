"""The SQLite side of the writer: one open history file.

Scope: creating the file, adding batches, closing it. Used by one thread only. The
file has a rollback journal, not a write-ahead log, which needs shared memory and
so fails on network homes. A batch is one short transaction: after a kill, each
batch is there in full or not at all.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from .rows import SessionRow
from .schema import (
    CELL_COLUMNS,
    CREATE,
    EVENT_COLUMNS,
    MAX_SOURCE_CHARS,
    SCHEMA_VERSION,
    SESSION_COLUMNS,
    file_name,
    insert,
)
from .store import CellItem, EventItem

__all__ = ["HistoryFile"]

# A reader holds the file for milliseconds; a network home may take longer.
_BUSY_S = 10.0
_INSERT_CELL = insert("cells", CELL_COLUMNS)
_INSERT_EVENT = insert("events", EVENT_COLUMNS)


class HistoryFile:
    """A session's file, open for writing. Methods raise OSError or sqlite3.Error."""

    def __init__(self, folder: Path, session: SessionRow, *, max_cells: int) -> None:
        self.path = folder / file_name(session)
        self._session = session
        self._max_cells = max_cells
        self._cells = 0
        self._events = 0
        self._new = True
        # Made by us first, so that it never exists with a looser mode; SQLite gives
        # its journal the same one.
        os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=True
        )
        # Emptying the journal is cheaper than deleting it, above all on network homes.
        self._connection.execute("PRAGMA journal_mode = TRUNCATE")
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def write(self, cells: Iterable[CellItem], events: Iterable[EventItem]) -> None:
        """Append rows in one transaction; the first also makes tables and session row."""
        with _Transaction(self._connection) as connection:
            if self._new:
                self._make_tables(connection)
            cell_rows = [_cell_row(n, item) for n, item in enumerate(cells, self._cells + 1)]
            event_rows = [_event_row(n, item) for n, item in enumerate(events, self._events + 1)]
            connection.executemany(_INSERT_CELL, cell_rows)
            connection.executemany(_INSERT_EVENT, event_rows)
            last = self._cells + len(cell_rows)
            if last > self._max_cells:
                connection.execute(
                    "DELETE FROM cells WHERE sequence <= ?", (last - self._max_cells,)
                )
        self._new = False
        self._cells = last
        self._events += len(event_rows)

    def end(self, ended_at: float) -> None:
        """Note the session's end."""
        self._connection.execute("UPDATE sessions SET ended_at = ?", (ended_at,))

    def close(self) -> None:
        """Close the file; one that never got a row is removed."""
        self._connection.close()
        journal = Path(f"{self.path}-journal")
        # One that is not empty is still needed to undo what a failed write left.
        if journal.exists() and not journal.stat().st_size:
            journal.unlink()
        if self._new:
            self.path.unlink(missing_ok=True)

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        for statement in CREATE:
            connection.execute(statement)
        values = [_clean(getattr(self._session, name)) for name in SESSION_COLUMNS]
        columns = SESSION_COLUMNS | {"schema_version": ("integer",)}
        connection.execute(insert("sessions", columns), [*values, SCHEMA_VERSION])


class _Transaction:
    """``BEGIN IMMEDIATE`` ... ``COMMIT``, rolled back on any error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _cell_row(sequence: int, item: CellItem) -> tuple[object, ...]:
    cell, source = item.cell, item.source
    return (
        sequence,
        cell.execution_count,
        _clean(cell.label),
        _clean(cell.code_hash),
        None if item.mode == "hash" else _clean(cell.first_line),
        None if source is None else _clean(source[:MAX_SOURCE_CHARS]),
        cell.started_at,
        cell.duration_s,
        cell.rss_before_bytes,
        cell.rss_after_bytes,
        cell.peak_bytes,
        cell.peak_kind,
        int(cell.failed),
        cell.nested,
        None if item.extra is None else _json(item.extra),
    )


def _event_row(sequence: int, item: EventItem) -> tuple[object, ...]:
    return sequence, item.at, _clean(item.kind), _json(item.payload)


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def _clean(value: object) -> object:
    """Text without lone surrogates, which UTF-8 and so SQLite cannot hold."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
