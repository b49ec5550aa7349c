"""``%pmat_stats --analyze-log``: what a log says, in a few lines."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.log_analysis import CellCost, LogAnalysis, Peak

from .blocks import Bar, Block, Column, Grid, Line, Part, level
from .format import NA, brief, count, duration, iso_utc, limit, moment, percent, signed, size
from .report import Report, frame_of
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["LogReport"]

_SOURCE_LENGTH = 40
_PROBLEMS = 5
_KINDS = {
    "path": "object",
    "lines": "Int64",
    "skipped": "Int64",
    "started_at": "object",
    "ended_at": "object",
    "duration_s": "Float64",
    "gap_s": "Float64",
    "rss_peak_bytes": "Int64",
    "rss_peak_at": "object",
    "tree_peak_bytes": "Int64",
    "tree_peak_at": "object",
    "limit_bytes": "Int64",
    "limit_source": "object",
    "low_s": "Float64",
    "medium_s": "Float64",
    "high_s": "Float64",
    "critical_s": "Float64",
    "trend": "boolean",
    "bytes_per_hour": "Float64",
    "bytes_per_hour_low": "Float64",
    "bytes_per_hour_high": "Float64",
    "cells": "Int64",
    "limit_stops": "Int64",
    "worst_cell": "object",
    "worst_cell_growth_bytes": "Int64",
    "highest_cell": "object",
    "highest_cell_peak_bytes": "Int64",
}


class LogReport(Report):
    """The summary of one log; :meth:`to_frame` is one row, so that logs can be stacked."""

    title = "Log"

    def __init__(self, analysis: LogAnalysis) -> None:
        self.analysis = analysis

    def blocks(self) -> list[Block]:
        """Extent, peaks, time per level, trend, the costliest cells, what was skipped."""
        found = self.analysis
        return [
            Line.of(Part(self._extent(), "strong"), self._times()),
            Grid((Column(tone="muted"), Column(flex=True, least=30)), tuple(self._facts())),
            *self._levels(),
            *(Line.of(Part(text, "muted")) for text in found.problems[:_PROBLEMS]),
            *self._unsaid(),
        ]

    def compact(self) -> str:
        """One line: extent, peak, the highest level, trend."""
        found = self.analysis
        reached = [name for name, seconds in found.level_s.items() if seconds > 0]
        facts = [
            self._extent(),
            f"peak {_peak_size(found.rss_peak)}",
            f"up to {reached[-1]}" if reached else "",
            self._trend(),
        ]
        return " · ".join(fact for fact in facts if fact)

    def to_dict(self) -> dict[str, Any]:
        """The summary's figures, flat but for the two cells and the problems."""
        row = self._row()
        found = self.analysis
        return {
            **row,
            "trend_reason": found.trend.reason,
            "worst_cell": _cell_figures(found.worst_growth),
            "highest_cell": _cell_figures(found.worst_peak),
            "problems": list(found.problems),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row with every figure of the summary."""
        return frame_of([self._row()], _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """RSS over time with the limit, and a band of pressure levels. Reads the log again.

        Raises:
            StateFileError: the log can no longer be read.
        """
        from pmat_nb.engine.log_points import read_points

        from . import figures

        return figures.log_timeline(
            read_points(self.analysis.path), self.analysis.limit_bytes, theme
        )

    # --- the sentences ------------------------------------------------------------

    def _extent(self) -> str:
        found = self.analysis
        name = cut(clean(PurePath(found.path).name), _SOURCE_LENGTH)
        noun = "line" if found.lines == 1 else "lines"
        return f"{name}: {count(found.lines)} {noun} over {duration(found.duration_s)}"

    def _times(self) -> str:
        begin, end = moment(self.analysis.started_at), moment(self.analysis.ended_at)
        same_day = begin[:10] == end[:10]
        return f"{begin} to {end[11:] if same_day else end}"

    def _facts(self) -> list[tuple[str, str]]:
        found = self.analysis
        bound = limit(found.limit_bytes)
        facts = [
            ("peak", _peak_text(found.rss_peak)),
            ("with children", _peak_text(found.tree_peak)),
            ("limit", f"{bound} ({found.limit_source})" if found.limit_source else bound),
            ("trend", self._trend()),
            ("cells", self._cells()),
            ("grew most", _cell_text(found.worst_growth)),
            ("reached most", _cell_text(found.worst_peak)),
            ("pauses", duration(found.gap_s) if found.gap_s else ""),
        ]
        same = found.tree_peak is None or found.tree_peak == found.rss_peak
        return [
            (label, text)
            for label, text in facts
            if text and not (label == "with children" and same)
        ]

    def _trend(self) -> str:
        found = self.analysis.trend
        if not found.trend:
            return f"no trend: {found.reason}"
        text = f"{signed(found.slope_bytes_per_hour)} an hour"
        if found.low is None or found.high is None:
            return text
        return f"{text} ({signed(found.low)} to {signed(found.high)})"

    def _cells(self) -> str:
        found = self.analysis
        text = count(found.cells)
        return (
            text if found.limit_stops is None else f"{text}, {found.limit_stops} stopped at a limit"
        )

    def _levels(self) -> list[Block]:
        seconds = self.analysis.level_s
        total = sum(seconds.values())
        if not total:
            return []
        rows = tuple(
            (name, duration(spent), percent(spent / total), Bar(spent / total, name))
            for name, spent in seconds.items()
            if spent > 0
        )
        columns = (
            Column(),
            Column(right=True),
            Column(right=True, gap=1, tone="muted"),
            Column(gap=1),
        )
        top = rows[-1][0]
        return [Line.of("time at each level", level(top, f"up to {top}")), Grid(columns, rows)]

    def _unsaid(self) -> list[Block]:
        rest = self.analysis.skipped - min(len(self.analysis.problems), _PROBLEMS)
        if rest <= 0:
            return []
        noun = "line" if rest == 1 else "lines"
        return [Line.of(Part(f"+{count(rest)} more {noun} skipped", "muted"))]

    def _row(self) -> dict[str, Any]:
        found = self.analysis
        own = {name: getattr(found, name) for name in _KINDS if hasattr(found, name)}
        return {
            **own,
            "started_at": iso_utc(found.started_at),
            "ended_at": iso_utc(found.ended_at),
            "rss_peak_bytes": found.rss_peak.size_bytes if found.rss_peak else None,
            "rss_peak_at": iso_utc(found.rss_peak.at) if found.rss_peak else None,
            "tree_peak_bytes": found.tree_peak.size_bytes if found.tree_peak else None,
            "tree_peak_at": iso_utc(found.tree_peak.at) if found.tree_peak else None,
            **{f"{name.lower()}_s": spent for name, spent in found.level_s.items()},
            "trend": found.trend.trend,
            "bytes_per_hour": found.trend.slope_bytes_per_hour,
            "bytes_per_hour_low": found.trend.low,
            "bytes_per_hour_high": found.trend.high,
            "worst_cell": found.worst_growth.label if found.worst_growth else None,
            "worst_cell_growth_bytes": (
                found.worst_growth.growth_bytes if found.worst_growth else None
            ),
            "highest_cell": found.worst_peak.label if found.worst_peak else None,
            "highest_cell_peak_bytes": found.worst_peak.peak_bytes if found.worst_peak else None,
        }


def _peak_size(peak: Peak | None) -> str:
    return NA if peak is None else size(peak.size_bytes)


def _peak_text(peak: Peak | None) -> str:
    return NA if peak is None else f"{size(peak.size_bytes)} at {moment(peak.at)}"


def _cell_text(cell: CellCost | None) -> str:
    """``In[17]: +410 MB, peak 8.9 GB (exact), 4.1 s · m = a.merge(b)``."""
    if cell is None:
        return ""
    text = f"{cell.label}: {signed(cell.growth_bytes)}, peak {brief(cell.peak_bytes)}"
    text += f" ({cell.peak_kind})" if cell.peak_bytes is not None and cell.peak_kind else ""
    text += f", {duration(cell.duration_s)}" if cell.duration_s is not None else ""
    text += ", failed" if cell.failed else ""
    source = cut(clean(cell.first_line), _SOURCE_LENGTH)
    return f"{text} · {source}" if source else text


def _cell_figures(cell: CellCost | None) -> dict[str, Any] | None:
    return None if cell is None else {**cell._asdict(), "at": iso_utc(cell.at)}
