"""Recording the history without making a cell wait.

Scope: the queue between the cell's thread and the thread that owns the file
(``worker.py``). :meth:`HistoryWriter.record_cell` only puts an object into a queue;
the session row, folder, file and SQLite come into play in the writer's thread, at
the first row. Rows reach the file within a few tenths of a second. Whatever fails is reported
once, then recording is off and the cells go on. A forked child records nothing.

This module is loaded with the extension, so it imports and defines little.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord

    from .rows import SessionRow, SourceMode

__all__ = ["CellItem", "EventItem", "Flush", "HistoryWriter", "Item"]

# So many waiting rows are written without further delay; so many more mean that the
# disk hangs, and memory is not to fill up behind it.
_HURRY_AT = 1_000
_MAX_WAITING = 50_000


class CellItem:
    """A cell on its way to the file: its figures and what of its source to store."""

    __slots__ = ("cell", "extra", "mode", "source")

    def __init__(
        self,
        cell: CellRecord,
        source: str | None,
        extra: Mapping[str, object] | None,
        mode: SourceMode,
    ) -> None:
        self.cell = cell
        self.source = source
        self.extra = extra
        self.mode = mode


class EventItem:
    """An event on its way to the file."""

    __slots__ = ("at", "kind", "payload")

    def __init__(self, at: float, kind: str, payload: Mapping[str, object]) -> None:
        self.at = at
        self.kind = kind
        self.payload = payload


class Flush:
    """A wish to have everything in the file, and the answer to it."""

    __slots__ = ("answered", "written")

    def __init__(self) -> None:
        self.answered = threading.Event()
        self.written = False


# None ends the writer's thread.
Item = CellItem | EventItem | Flush | None


class HistoryWriter:
    """Writes one session's file; create one per kernel.

    Args:
        folder: where the files lie; None for the user's state folder.
        session: the session's row, or a function that makes it (see
            :func:`~.rows.new_session`), called in the writer's thread.
        source_mode: how much of a cell's source is stored; may be set again later.
        on_error: called once with the reason when recording fails and is switched
            off; mostly from the writer's thread.
        clock: seconds since the epoch, for events and the session's end.
        delay_s: how long rows may wait to be written together.
        max_sessions, max_age_s, max_bytes: what ended sessions are pruned to when
            the file is made (see :func:`~.prune.prune`); None for no bound.
        max_cells: rows kept of this session, the newest.
    """

    def __init__(
        self,
        folder: Path | str | None,
        session: SessionRow | Callable[[], SessionRow],
        *,
        source_mode: SourceMode = "first-line",
        on_error: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.time,
        delay_s: float = 0.1,
        max_sessions: int | None = 500,
        max_age_s: float | None = 180 * 86400.0,
        max_bytes: int | None = 64 * 1024**2,
        max_cells: int = 50_000,
    ) -> None:
        self.source_mode: SourceMode = source_mode
        self.folder = None if folder is None else Path(folder)
        self.clock = clock
        self.delay_s = delay_s
        self.max_sessions = max_sessions
        self.max_age_s = max_age_s
        self.max_bytes = max_bytes
        self.max_cells = max_cells
        self.queue: SimpleQueue[Item] = SimpleQueue()
        self.hurry = threading.Event()
        self._session = session
        self._on_error = on_error
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failed = False
        self._closed = False

    @property
    def session(self) -> SessionRow:
        """The session's row; made on first use."""
        with self._lock:
            if callable(self._session):
                self._session = self._session()
            return self._session

    @property
    def failed(self) -> bool:
        """Whether an error switched recording off."""
        return self._failed

    @property
    def active(self) -> bool:
        """Whether rows are still taken: not closed, not failed, not in a forked child."""
        return not (self._failed or self._closed) and os.getpid() == self._pid

    def record_cell(
        self,
        cell: CellRecord,
        source: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Store one cell's figures soon; returns at once and never raises.

        ``source`` is the cell's text, stored under ``full`` alone. ``extra`` must be
        fit for JSON and not change any more.
        """
        mode = self.source_mode
        self._put(CellItem(cell, source if mode == "full" else None, extra, mode))

    def record_event(self, kind: str, payload: Mapping[str, object]) -> None:
        """Store that something happened now; same promises as :meth:`record_cell`."""
        self._put(EventItem(self.clock(), kind, payload))

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all that was recorded is in the file; False if it is not."""
        if not self.active:
            return False
        if self._thread is None:
            return True
        request = Flush()
        self.queue.put(request)
        self.hurry.set()
        return request.answered.wait(timeout_s) and request.written

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what is left and the session's end, then stop the thread.

        Harmless when called again, or in a forked child. A session without any row
        leaves no file.
        """
        thread = self._thread
        if os.getpid() != self._pid or self._closed:
            return
        self._closed = True
        if thread is not None:
            atexit.unregister(self.close)
            self.queue.put(None)
            self.hurry.set()
            thread.join(timeout_s)

    def _put(self, item: CellItem | EventItem) -> None:
        if self.active and (self._thread is not None or self._start()):
            self.queue.put(item)
            waiting = self.queue.qsize()
            if waiting > _MAX_WAITING:
                self.fail(f"{waiting} rows wait for a disk that does not take them")
            elif waiting >= _HURRY_AT:
                self.hurry.set()

    def _start(self) -> bool:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="pmat_nb-history", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:  # no more threads, or the interpreter is ending
                    self.fail(f"no thread to write it: {error}")
                    return False
                self._thread = thread
                atexit.register(self.close)
        return True

    def _run(self) -> None:
        try:
            from .worker import run

            run(self)
        except Exception as error:
            self.fail(str(error) or type(error).__name__)

    def fail(self, reason: str) -> None:
        """Switch recording off and report why, the first time."""
        if not self._failed:
            self._failed = True
            if self._on_error is not None:
                with suppress(Exception):
                    self._on_error(f"history is off for this session: {reason}")
