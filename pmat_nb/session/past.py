"""``%pmat_history``: this notebook's cells and sessions, and what they lead to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pmat_nb.engine.history.forecast import forecast_cells
from pmat_nb.engine.history.process import is_alive
from pmat_nb.engine.history.reader import read_history
from pmat_nb.engine.history.rows import History
from pmat_nb.engine.paths import history_dir

if TYPE_CHECKING:
    from pmat_nb.render.history import HistoryReport

    from .session import Session

__all__ = ["history_report"]


def history_report(
    session: Session, *, view: str, forecast: bool, limit_bytes: int | None
) -> HistoryReport:
    """The recorded cells of this notebook, or its sessions.

    With ``forecast``, also when this session's re-run cells will reach ``limit_bytes``.
    """
    from pmat_nb.render.history import HistoryReport

    found = _with_limit(_read(session), session.recording.session_id(), limit_bytes)
    forecasts = None
    if forecast:
        own = session.recording.session_id()
        runs = [row for row in found.cells if row.session_id == own]
        forecasts = forecast_cells(runs, limit_bytes)
    now = time.time()
    running = {
        row.session_id: now - row.started_at
        for row in found.sessions
        if row.ended_at is None and is_alive(row.process) is True
    }
    return HistoryReport(
        found, view=view, forecasts=forecasts, limit_bytes=limit_bytes, running=running
    )


def _with_limit(found: History, own: str | None, limit_bytes: int | None) -> History:
    """The session that runs has the limit that is in force in it, which none has recorded."""
    rows = (
        replace(row, limit_bytes=limit_bytes)
        if row.session_id == own and limit_bytes is not None
        else row
        for row in found.sessions
    )
    return replace(found, sessions=tuple(rows))


def _read(session: Session) -> History:
    writer = session.recording.writer()
    if writer is not None:
        writer.flush()
    folder = history_dir(create=False)
    if folder.path is None:
        return History(problems=(folder.reason,))
    found = read_history(folder.path, notebook=session.recording.notebook().key)
    if session.settings.get("history") is True:
        return found
    return replace(found, problems=(*found.problems, "the history setting is off"))
