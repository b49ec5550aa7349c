"""The rows of the history, as they are written and read back.

Scope: plain frozen records. Bytes are ``int``, times are seconds since the epoch;
None means "unknown". ``schema.py`` says how they lie in the file.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .notebook import Notebook
from .process import ProcessKey, host_name, this_process

__all__ = [
    "CellRow",
    "EventRow",
    "History",
    "SessionRow",
    "SourceMode",
    "new_session",
]

SourceMode = Literal["hash", "first-line", "full"]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One kernel session: from loading the extension to the kernel's end.

    ``ended_at`` stays None when the kernel was killed. ``machine`` and ``start_cs``
    tell the process apart for good (see :class:`~.process.ProcessKey`).
    """

    session_id: str
    notebook: str
    notebook_name: str
    pid: int
    hostname: str
    machine: str
    start_cs: int
    started_at: float
    ended_at: float | None = None
    python_version: str = ""
    pmat_version: str = ""
    limit_bytes: int | None = None
    limit_source: str | None = None
    usable_bytes: int | None = None

    @property
    def process(self) -> ProcessKey:
        """The process that this session ran in."""
        return ProcessKey(self.machine, self.pid, self.start_cs)


@dataclass(frozen=True, slots=True)
class CellRow:
    """One run of one cell; ``sequence`` counts from 1 within the session.

    ``first_line`` is None under ``record_source = hash``, ``source`` unless it was
    ``full``; a source longer than 100,000 characters is stored cut off.
    """

    session_id: str
    notebook: str
    sequence: int
    execution_count: int | None
    label: str
    code_hash: str
    first_line: str | None
    source: str | None
    started_at: float
    duration_s: float
    rss_before_bytes: int | None
    rss_after_bytes: int | None
    peak_bytes: int | None
    peak_kind: str | None
    failed: bool
    nested: int
    extra: Mapping[str, object] | None = None

    @property
    def growth_bytes(self) -> int | None:
        """RSS after the cell less RSS before it."""
        if self.rss_before_bytes is None or self.rss_after_bytes is None:
            return None
        return self.rss_after_bytes - self.rss_before_bytes


@dataclass(frozen=True, slots=True)
class EventRow:
    """Something that happened in a session: its kind, and what there is to say."""

    session_id: str
    notebook: str
    sequence: int
    at: float
    kind: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class History:
    """Every readable file as one, each part oldest first.

    ``problems`` names each file that was left out, and why.
    """

    cells: tuple[CellRow, ...] = ()
    sessions: tuple[SessionRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    problems: tuple[str, ...] = ()


def new_session(
    notebook: Notebook,
    *,
    pmat_version: str = "",
    limit_bytes: int | None = None,
    limit_source: str | None = None,
    usable_bytes: int | None = None,
    clock: Callable[[], float] = time.time,
) -> SessionRow:
    """A row for the session that begins now in this process."""
    process = this_process()
    return SessionRow(
        session_id=os.urandom(8).hex(),
        notebook=notebook.key,
        notebook_name=notebook.name,
        pid=process.pid,
        hostname=host_name(),
        machine=process.machine,
        start_cs=process.start_cs,
        started_at=clock(),
        python_version=".".join(map(str, sys.version_info[:3])),
        pmat_version=pmat_version,
        limit_bytes=limit_bytes,
        limit_source=limit_source,
        usable_bytes=usable_bytes,
    )
