"""The history's rows as a DataFrame or JSON has them: columns, and a dict per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.history.rows import CellRow, EventRow, SessionRow

from .format import iso_utc, size

__all__ = [
    "CELLS",
    "EVENTS",
    "SESSIONS",
    "cell_row",
    "event_row",
    "event_text",
    "event_time",
    "session_row",
]

CELLS = {
    "notebook": "object",
    "session_id": "object",
    "sequence": "Int64",
    "execution_count": "Int64",
    "label": "object",
    "first_line": "object",
    "started_at": "object",
    "duration_s": "Float64",
    "rss_before_bytes": "Int64",
    "rss_after_bytes": "Int64",
    "growth_bytes": "Int64",
    "peak_bytes": "Int64",
    "peak_kind": "object",
    "failed": "boolean",
    "nested": "Int64",
    "code_hash": "object",
}
SESSIONS = {
    "session_id": "object",
    "notebook": "object",
    "notebook_name": "object",
    "hostname": "object",
    "pid": "Int64",
    "started_at": "object",
    "ended_at": "object",
    "cells": "Int64",
    "failed": "Int64",
    "peak_bytes": "Int64",
    "growth_bytes": "Int64",
    "limit_bytes": "Int64",
    "limit_source": "object",
    "python_version": "object",
    "pmat_version": "object",
}
EVENTS = {
    "session_id": "object",
    "notebook": "object",
    "at": "object",
    "kind": "object",
    "text": "object",
}


def cell_row(row: CellRow) -> dict[str, Any]:
    """A cell run under the names of :data:`CELLS`."""
    figures = {name: getattr(row, name) for name in CELLS}
    return {**figures, "started_at": iso_utc(row.started_at)}


def session_row(row: SessionRow, cells: Sequence[CellRow]) -> dict[str, Any]:
    """A session, with what its cells add up to."""
    own = {name: getattr(row, name) for name in SESSIONS if hasattr(row, name)}
    peaks = [cell.peak_bytes for cell in cells if cell.peak_bytes is not None]
    grown = [cell.growth_bytes for cell in cells if cell.growth_bytes is not None]
    return {
        **own,
        "started_at": iso_utc(row.started_at),
        "ended_at": iso_utc(row.ended_at),
        "cells": len(cells),
        "failed": sum(cell.failed for cell in cells),
        "peak_bytes": max(peaks, default=None),
        "growth_bytes": sum(grown) if grown else None,
    }


def event_row(event: EventRow) -> dict[str, Any]:
    """An event as one sentence."""
    return {
        "session_id": event.session_id,
        "notebook": event.notebook,
        "at": iso_utc(event_time(event)),
        "kind": event.kind,
        "text": event_text(event),
    }


def event_time(event: EventRow) -> float:
    """When it happened; a death is found, and recorded, only later."""
    for name in ("died_at", "at"):
        told = event.payload.get(name)
        if isinstance(told, (int, float)) and not isinstance(told, bool):
            return float(told)
    return event.at


def event_text(event: EventRow) -> str:
    """The event's own sentence, or its figures as ``name value`` pairs."""
    text = event.payload.get("text")
    if isinstance(text, str):
        return text
    return ", ".join(
        f"{name.removesuffix('_bytes')} {size(value)}"
        if name.endswith("_bytes") and isinstance(value, int)
        else f"{name} {value}"
        for name, value in event.payload.items()
        if value is not None
    )
