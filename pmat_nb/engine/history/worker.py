"""The writer's thread: takes what waits in the queue and puts it into the file.

Scope: batching, making the file at the first row, and what forking means for a
process with an open SQLite file. Runs in one daemon thread per ``HistoryWriter``.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from queue import Empty

from pmat_nb.engine.paths import Folder, history_dir, make_private

from .database import HistoryFile
from .prune import prune
from .store import CellItem, EventItem, Flush, HistoryWriter, Item

__all__ = ["run"]

# Held while SQLite works. Forking waits for it, because SQLite's own locks, taken by
# the writer's thread at that moment, would stay locked in the child for ever.
_sqlite_lock = threading.Lock()
_fork_state = threading.local()
_FORK_WAIT_S = 1.0


class _Batch:
    """What is written in one transaction, and who waits for it."""

    def __init__(self) -> None:
        self.cells: list[CellItem] = []
        self.events: list[EventItem] = []
        self.flushes: list[Flush] = []
        self.stop = False

    def add(self, item: Item) -> None:
        if isinstance(item, CellItem):
            self.cells.append(item)
        elif isinstance(item, EventItem):
            self.events.append(item)
        elif isinstance(item, Flush):
            self.flushes.append(item)
        else:
            self.stop = True

    def answer(self, *, written: bool) -> None:
        for request in self.flushes:
            request.written = written
            request.answered.set()


def run(writer: HistoryWriter) -> None:
    """Write what ``writer`` queues until it is closed. Errors end up in its ``fail``."""
    # The open file stays in this frame alone: a forked child has no such thread, so
    # nothing in the child can ever close, roll back or write the parent's file.
    file: HistoryFile | None = None
    stop = False
    while not stop:
        batch = _next_batch(writer)
        stop = batch.stop
        try:
            # After a failure rows that still wait are taken and dropped.
            if not writer.failed:
                with _sqlite_lock:
                    file = _ready(writer, file, batch)
                    if file is not None:
                        file.write(batch.cells, batch.events)
                        if stop:
                            file.end(writer.clock())
        except Exception as error:
            writer.fail(str(error) or type(error).__name__)
        batch.answer(written=not writer.failed)
    if file is not None:
        with _sqlite_lock, suppress(Exception):
            file.close()


def _next_batch(writer: HistoryWriter) -> _Batch:
    """Wait for a row, then a little longer for more of them."""
    batch = _Batch()
    batch.add(writer.queue.get())
    if batch.cells or batch.events:
        writer.hurry.wait(writer.delay_s)
    writer.hurry.clear()
    with suppress(Empty):
        while not batch.stop:
            batch.add(writer.queue.get_nowait())
    return batch


def _ready(writer: HistoryWriter, file: HistoryFile | None, batch: _Batch) -> HistoryFile | None:
    """The file to write to: made at the first row, and again if someone deleted it."""
    if file is not None and not file.path.exists():
        file.close()
        file = None
    if file is not None or not (batch.cells or batch.events):
        return file
    folder = _usable_folder(writer.folder)
    prune(
        folder,
        max_sessions=writer.max_sessions,
        max_age_s=writer.max_age_s,
        max_bytes=writer.max_bytes,
    )
    return HistoryFile(folder, writer.session, max_cells=writer.max_cells)


def _usable_folder(folder: Path | None) -> Path:
    usable = history_dir() if folder is None else Folder(folder, make_private(folder))
    if usable.reason or usable.path is None:
        raise OSError(usable.reason)
    return usable.path


def _before_fork() -> None:
    _fork_state.held = _sqlite_lock.acquire(timeout=_FORK_WAIT_S)


def _after_fork_in_parent() -> None:
    if _fork_state.held:
        _sqlite_lock.release()


def _after_fork_in_child() -> None:
    # Also where the wait was given up: the thread that held it is not in the child.
    if _sqlite_lock.locked():
        _sqlite_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
