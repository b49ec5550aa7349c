"""The history tab: what cells cost, where re-running them leads, sessions and deaths."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pmat_nb.render.texts import clean

from .last_read import LastRead

if TYPE_CHECKING:
    from pmat_nb.engine.history.rows import CellRow, SessionRow
    from pmat_nb.render.history import HistoryReport
    from pmat_nb.session.session import Session

__all__ = ["read"]

_CELLS = 300
_SESSIONS = 20
_FORECASTS = 8


def read(session: Session) -> dict[str, Any]:
    """The notebook's recorded cells, the last one first; read again once a cell has run."""
    kept = session.keep("the history tab", LastRead)
    return kept.get(partial(_read, session))


def _read(session: Session) -> dict[str, Any]:
    from pmat_nb.render.forecasts import forecast_text
    from pmat_nb.render.history_rows import event_text, event_time

    report = session.reporter().history(view="cells", forecast=True)
    history, own = report.history, session.recording.session_id()
    cells = history.cells[-_CELLS:]
    deaths = [event for event in history.events if event.kind == "death"]
    return {
        "limit": report.limit_bytes,
        "total": len(history.cells),
        "cells": [_cell(row, row.session_id == own) for row in reversed(cells)],
        "forecasts": [clean(forecast_text(one)) for one in (report.forecasts or ())[:_FORECASTS]],
        "sessions": [
            _session(row, report, row.session_id == own)
            for row in reversed(history.sessions[-_SESSIONS:])
        ],
        "deaths": [[event_time(one), clean(event_text(one))] for one in deaths[::-1][:_SESSIONS]],
        "problems": list(map(clean, history.problems)),
    }


def _cell(row: CellRow, own: bool) -> dict[str, Any]:
    return {
        "key": f"{row.session_id}:{row.sequence}",
        "own": own,
        "label": clean(row.label),
        "at": row.started_at,
        "took": row.duration_s,
        "growth": row.growth_bytes,
        "after": row.rss_after_bytes,
        "peak": row.peak_bytes,
        "sampled": row.peak_kind == "sampled",
        "failed": row.failed,
        "line": clean(row.first_line or ""),
    }


def _session(row: SessionRow, report: HistoryReport, own: bool) -> dict[str, Any]:
    cells = [cell for cell in report.history.cells if cell.session_id == row.session_id]
    peaks = [cell.peak_bytes for cell in cells if cell.peak_bytes is not None]
    ended = "" if row.ended_at is not None else "no end recorded"
    lasted = None if row.ended_at is None else row.ended_at - row.started_at
    if row.session_id in report.running:
        ended, lasted = "this kernel" if own else "running", report.running[row.session_id]
    return {
        "at": row.started_at,
        "lasted": lasted,
        "cells": len(cells),
        "peak": max(peaks, default=None),
        "limit": row.limit_bytes,
        "ended": ended,
    }
