"""``%pmat_history``: what cells and sessions cost, and where it leads."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.history.rows import CellRow, EventRow, History, SessionRow
from pmat_nb.errors import UsageError

from .blocks import Block, Column, Grid, Line, Part
from .forecasts import forecast_blocks, forecast_row, forecast_text
from .format import column, count, duration, limit, moment, signed, size
from .history_rows import (
    CELLS,
    EVENTS,
    SESSIONS,
    cell_row,
    event_row,
    event_text,
    event_time,
    session_row,
)
from .report import Report, frame_of
from .texts import clean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from pmat_nb.engine.history.forecast import Forecast

__all__ = ["VIEWS", "HistoryReport"]

VIEWS = ("cells", "sessions", "deaths")
_SHOWN = 20


class HistoryReport(Report):
    """The history as a report: a row per cell run, per session, or per death.

    ``forecasts`` (None: not asked for) are shown instead of cell rows, one line each.
    ``running`` gives the seconds since the start of each session whose kernel is alive.
    ``limit_bytes`` is what the forecasts were measured against, and the line across the
    plot; by default the last session's. ``nothing`` is what an empty one says.
    """

    title = "History"

    def __init__(
        self,
        history: History,
        *,
        view: str = "cells",
        forecasts: Sequence[Forecast] | None = None,
        limit_bytes: int | None = None,
        running: Mapping[str, float] | None = None,
        top: int = _SHOWN,
        nothing: str = "",
    ) -> None:
        if view not in VIEWS:
            raise UsageError(
                f"view: {view!r} is not one of {', '.join(VIEWS)}; for example view='cells'"
            )
        self.history = history
        self.view = view
        self.forecasts = None if forecasts is None else tuple(forecasts)
        self.limit_bytes = limit_bytes if limit_bytes is not None else _last_limit(history)
        self.running = dict(running or {})
        self.top = top
        self.nothing = nothing

    def blocks(self) -> list[Block]:
        """The rows of the view, newest last, then forecasts and unreadable files."""
        makers = {"cells": self._cells, "sessions": self._sessions, "deaths": self._deaths}
        return [
            *makers[self.view](),
            *forecast_blocks(self.forecasts),
            *(Line.of(Part(f"left out: {text}", "muted")) for text in self.history.problems),
        ]

    def compact(self) -> str:
        """One line: how much there is, and the nearest forecast."""
        text = self._summary()
        return f"{text} · {forecast_text(self.forecasts[0])}" if self.forecasts else text

    def to_dict(self) -> dict[str, Any]:
        """The rows of the view under its name, and the forecasts."""
        return {
            self.view: list(self._rows()),
            "forecasts": [forecast_row(forecast) for forecast in self.forecasts or ()],
            "limit_bytes": self.limit_bytes,
            "problems": list(self.history.problems),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per cell run, session or death, oldest first; times are UTC timestamps."""
        import pandas as pd

        kinds = {"cells": CELLS, "sessions": SESSIONS, "deaths": EVENTS}[self.view]
        frame = frame_of(self._rows(), kinds)
        for name in ("started_at", "ended_at", "at"):
            if name in frame:
                frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        return frame

    def plot(self, *, theme: str | None = None) -> Figure:
        """RSS after each run with its peaks, a line per session, and the limit."""
        from . import figures

        by_session = [
            list(rows) for _, rows in groupby(self.history.cells, key=lambda row: row.session_id)
        ]
        return figures.run_timeline(by_session, self.limit_bytes, theme)

    def _rows(self) -> Iterable[dict[str, Any]]:
        if self.view == "cells":
            return map(cell_row, self.history.cells)
        if self.view == "sessions":
            cells = _by_session(self.history)
            rows = self.history.sessions
            return [session_row(row, cells.get(row.session_id, ())) for row in rows]
        return map(event_row, self._fatal())

    def _fatal(self) -> list[EventRow]:
        return [event for event in self.history.events if event.kind == "death"]

    def _summary(self) -> str:
        cells, sessions = len(self.history.cells), len(self.history.sessions)
        names = {row.notebook_name for row in self.history.sessions if row.notebook_name}
        of = f"{names.pop()}: " if len(names) == 1 else ""
        return (
            f"{of}{count(cells)} cell run{'' if cells == 1 else 's'} "
            f"in {count(sessions)} session{'' if sessions == 1 else 's'}"
        )

    def _head(self, shown: int, total: int) -> list[Block]:
        rest = f"the last {shown}; all in .to_frame()" if shown < total else ""
        return [Line.of(Part(self._summary(), "strong"), rest)]

    def _cells(self) -> list[Block]:
        rows = self.history.cells[-self.top :]
        if not rows:
            return [Line.of(clean(self.nothing) or "no cell runs recorded yet")]
        if self.forecasts is not None:
            return [Line.of(Part(self._summary(), "strong"))]
        return [*self._head(len(rows), len(self.history.cells)), _cell_grid(rows)]

    def _sessions(self) -> list[Block]:
        rows = self.history.sessions[-self.top :]
        if not rows:
            return [Line.of(clean(self.nothing) or "no sessions recorded yet")]
        grid = _session_grid(rows, _by_session(self.history), self.running)
        return [*self._head(len(rows), len(self.history.sessions)), grid]

    def _deaths(self) -> list[Block]:
        events = self._fatal()
        if not events:
            return [Line.of(clean(self.nothing) or "no death of a kernel is recorded")]
        # Lines, not a grid: how it ended stands at the end of a long sentence.
        return [
            Line.of(
                Part(moment(event_time(event)), "strong"),
                " ".join(event_text(event).splitlines()),
                joint="  ",
            )
            for event in events[-self.top :]
        ]


def _last_limit(history: History) -> int | None:
    known = [row.limit_bytes for row in history.sessions if row.limit_bytes is not None]
    return known[-1] if known else None


def _by_session(history: History) -> dict[str, list[CellRow]]:
    cells: dict[str, list[CellRow]] = {}
    for row in history.cells:
        cells.setdefault(row.session_id, []).append(row)
    return cells


def _cell_grid(rows: Sequence[CellRow]) -> Grid:
    after = column((row.rss_after_bytes for row in rows), uniform=False)
    bounds = ["≥" if row.peak_kind == "sampled" else "" for row in rows]
    peak = column((row.peak_bytes for row in rows), bounds=bounds, uniform=False)
    return Grid(
        (
            Column("when", optional=1),
            Column("cell"),
            Column("growth", right=True),
            Column("after", right=True),
            Column("peak", right=True),
            Column("took", right=True),
            Column("", gap=1),
            Column("first line", flex=True),
        ),
        tuple(
            (
                moment(row.started_at),
                row.label,
                signed(row.growth_bytes),
                after[at],
                peak[at],
                duration(row.duration_s),
                "failed" if row.failed else "",
                row.first_line or "",
            )
            for at, row in enumerate(rows)
        ),
    )


def _lasted_s(row: SessionRow, running: Mapping[str, float]) -> float | None:
    if row.ended_at is not None:
        return row.ended_at - row.started_at
    return running.get(row.session_id)


def _ended(row: SessionRow, running: Collection[str]) -> str:
    if row.ended_at is not None:
        return ""
    return "running" if row.session_id in running else "no end recorded"


def _session_grid(
    rows: Sequence[SessionRow], cells: dict[str, list[CellRow]], running: Mapping[str, float]
) -> Grid:
    made = [session_row(row, cells.get(row.session_id, ())) for row in rows]
    return Grid(
        (
            Column("started"),
            Column("lasted", right=True),
            Column("notebook", flex=True, least=12),
            Column("cells", right=True),
            Column("peak", right=True),
            Column("limit", right=True),
            Column("ended"),
        ),
        tuple(
            (
                moment(row.started_at),
                duration(_lasted_s(row, running)),
                row.notebook_name or row.notebook,
                count(figures["cells"]),
                size(figures["peak_bytes"]),
                limit(row.limit_bytes),
                _ended(row, running),
            )
            for row, figures in zip(rows, made, strict=True)
        ),
    )
