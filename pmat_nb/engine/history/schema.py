"""How a history file is named and laid out.

Scope: names, columns and the SQL made from them. One file holds one kernel session:
a row in ``sessions``, a row per cell in ``cells``, anything else in ``events``. New
columns go to the end with a higher :data:`SCHEMA_VERSION`; readers take the columns
they know and treat missing ones as unknown, so old and new files merge.
"""

from __future__ import annotations

import re
from pathlib import Path

from .process import ProcessKey
from .rows import SessionRow

__all__ = [
    "APPLICATION_ID",
    "CELL_COLUMNS",
    "CREATE",
    "EVENT_COLUMNS",
    "MAX_SOURCE_CHARS",
    "SCHEMA_VERSION",
    "SESSION_COLUMNS",
    "file_name",
    "insert",
    "is_our_file",
    "process_of",
]

SCHEMA_VERSION = 1
# "PMAT"; SQLite keeps it at byte 68 of the file, so that a file tells whose it is.
APPLICATION_ID = 0x504D4154
# A longer source is stored cut off.
MAX_SOURCE_CHARS = 100_000

_TEXT = ("text",)
_INT = ("integer",)
_REAL = ("real", "integer")
_NULL = ("null",)

# Column name -> storage classes that SQLite may report for a sound value.
SESSION_COLUMNS: dict[str, tuple[str, ...]] = {
    "session_id": _TEXT,
    "notebook": _TEXT,
    "notebook_name": _TEXT,
    "pid": _INT,
    "hostname": _TEXT,
    "machine": _TEXT,
    "start_cs": _INT,
    "started_at": _REAL,
    "ended_at": _REAL + _NULL,
    "python_version": _TEXT,
    "pmat_version": _TEXT,
    "limit_bytes": _INT + _NULL,
    "limit_source": _TEXT + _NULL,
    "usable_bytes": _INT + _NULL,
}
CELL_COLUMNS: dict[str, tuple[str, ...]] = {
    "sequence": _INT,
    "execution_count": _INT + _NULL,
    "label": _TEXT,
    "code_hash": _TEXT,
    "first_line": _TEXT + _NULL,
    "source": _TEXT + _NULL,
    "started_at": _REAL,
    "duration_s": _REAL,
    "rss_before_bytes": _INT + _NULL,
    "rss_after_bytes": _INT + _NULL,
    "peak_bytes": _INT + _NULL,
    "peak_kind": _TEXT + _NULL,
    "failed": _INT,
    "nested": _INT,
    "extra": _TEXT + _NULL,
}
EVENT_COLUMNS: dict[str, tuple[str, ...]] = {
    "sequence": _INT,
    "at": _REAL,
    "kind": _TEXT,
    "payload": _TEXT,
}


def _create(table: str, columns: dict[str, tuple[str, ...]], key: str, more: str = "") -> str:
    body = ", ".join(
        f"{name} {kinds[0].upper()}{' PRIMARY KEY' if name == key else ''}"
        for name, kinds in columns.items()
    )
    return f"CREATE TABLE {table} ({body}{more})"


CREATE = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    _create("sessions", SESSION_COLUMNS, "session_id", ", schema_version INTEGER NOT NULL"),
    _create("cells", CELL_COLUMNS, "sequence"),
    _create("events", EVENT_COLUMNS, "sequence"),
)

_NAME = re.compile(r"kernel-([0-9a-f]{8})-(\d{1,10})-(\d{1,16})-([0-9a-f]{16})\.sqlite3")


def insert(table: str, columns: dict[str, tuple[str, ...]]) -> str:
    """The statement that inserts one row, columns in the declared order."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def file_name(session: SessionRow) -> str:
    """The session's file. It names the process, so pruning need not open it."""
    return f"kernel-{session.machine}-{session.pid}-{session.start_cs}-{session.session_id}.sqlite3"


def process_of(path: Path) -> ProcessKey | None:
    """The process that writes ``path``, from its name; None if the name is not ours."""
    match = _NAME.fullmatch(path.name)
    return ProcessKey(match[1], int(match[2]), int(match[3])) if match else None


def is_our_file(path: Path) -> bool:
    """Whether ``path`` is a plain file with our kind of name and our mark inside.

    A kernel killed before its first commit leaves an empty file; that is ours too.
    Raises OSError where the file cannot be looked at.
    """
    if process_of(path) is None or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(72)
    if not head:
        return True
    return head.startswith(b"SQLite format 3\0") and head[68:72] == APPLICATION_ID.to_bytes(4)
