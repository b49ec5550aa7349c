"""Rows and writers for the history tests."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from pmat_nb.engine.history.notebook import Notebook
from pmat_nb.engine.history.rows import SessionRow, new_session
from pmat_nb.engine.history.store import HistoryWriter
from pmat_nb.engine.records import CellRecord

NOTEBOOK = Notebook("/books/tour.ipynb", "tour.ipynb", "jupyter")


def cell(number: int, **changes: object) -> CellRecord:
    record = CellRecord(
        execution_count=number,
        label=f"In[{number}]",
        code_hash=f"{number % 3:016x}",
        first_line=f"df = load({number})",
        started_at=1_000_000.0 + number,
        duration_s=0.25,
        rss_before_bytes=500_000_000,
        rss_after_bytes=500_000_000 + number,
        peak_bytes=700_000_000,
        peak_kind="exact",
    )
    return record._replace(**changes)  # type: ignore[arg-type]


def session(**changes: object) -> SessionRow:
    return replace(new_session(NOTEBOOK, clock=lambda: 1_000_000.0), **changes)  # type: ignore[arg-type]


def write_session(folder: Path, cells: int = 3, **changes: object) -> SessionRow:
    """A whole session, written and closed."""
    row = session(**changes)
    problems: list[str] = []
    writer = HistoryWriter(folder, row, on_error=problems.append)
    for number in range(1, cells + 1):
        writer.record_cell(cell(number))
    writer.close()
    assert problems == []
    return row


def writer_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pmat_nb-")]
