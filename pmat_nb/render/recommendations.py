"""``%pmat_recommend``: the proven rows as a list, and what applying them freed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.recommendation_records import (
    Applied,
    ApplyRecord,
    Recommendation,
    RecommendRecord,
)

from .blocks import Block, Line, Part
from .format import brief, count, duration
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ApplyReport", "Recommendations", "way_beside"]

_KINDS = {
    "row": "Int64",
    "kind": "object",
    "what": "object",
    "why": "object",
    "action": "object",
    "estimated_bytes": "Int64",
    "basis": "object",
    "risk": "object",
    "where": "object",
    "applies": "boolean",
    "undo": "object",
    "undo_note": "object",
    "instead_of": "Int64",
}
_APPLIED_KINDS = {
    "row": "Int64",
    "what": "object",
    "state": "object",
    "estimated_bytes": "Int64",
    "measured_bytes": "Int64",
    "allocated_bytes": "Int64",
    "duration_s": "Float64",
    "why": "object",
}
_STATES = {
    "done": "applied",
    "undone": "undone",
    "failed": "failed",
    "changed": "not applied",
    "yours": "not applied",
    "left": "not undone",
}
# Under the text of a row, beside its number and saving.
_INSET = 15
# Resident memory moves by that much for reasons of its own.
_NOISE = 64 << 10


class Recommendations(Report):
    """The rows of one listing. ``top`` bounds the rows shown; frame and dict have all."""

    title = "Recommendations"
    pictured = False

    def __init__(self, record: RecommendRecord, *, top: int | None = None) -> None:
        self.record = record
        self.top = top

    @property
    def rows(self) -> tuple[Recommendation, ...]:
        """The largest saving first."""
        return self.record.rows

    def blocks(self) -> list[Block]:
        """A headline, then for each row what, why, the code and what undoing it means."""
        shown = self.rows[: self.top]
        blocks: list[Block] = [Line.of(Part(self.compact(), "strong"))]
        for row in shown:
            blocks += _row_blocks(row)
        if len(shown) < len(self.rows):
            rest = count(len(self.rows) - len(shown))
            blocks.append(Line.of(f"  and {rest} more: --top {len(self.rows)}", tone="muted"))
        blocks += [Line.of(f"  {note}", tone="muted") for note in self.record.notes]
        if shown:
            rows = " ".join(str(row.row) for row in shown if row.applies and row.risk == "none")
            ways = f"%pmat_recommend --apply {rows or shown[0].row}"
            blocks.append(Line.of(Part(f"next: {ways}", "command")))
        return blocks

    def compact(self) -> str:
        """One line: how much could be freed by how many rows, and how much at no risk."""
        if not self.rows:
            return "nothing to recommend" + (
                "" if self.record.complete else " in the time there was"
            )
        total, safe = _totals(self.rows)
        found = f"{count(len(self.rows))} recommendation{'s' if len(self.rows) > 1 else ''}"
        once = any(row.instead_of for row in self.rows)
        both = " (two ways for the same data count once)" if once else ""
        late = "" if self.record.complete else "; the time was up before all was looked at"
        return f"{found}, about {brief(total)}{both}, {brief(safe)} of it without risk{late}"

    def to_dict(self) -> dict[str, Any]:
        """The record's fields; rows as a list of dictionaries."""
        record = self.record
        return {
            **record._asdict(),
            "rows": [row._asdict() for row in record.rows],
            "notes": list(record.notes),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per recommendation, the largest saving first."""
        return frame_of((row._asdict() for row in self.rows), _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """What each row would free, with its risk; an estimate, measured only when applied."""
        from .comparison_figure import Row, compared

        return compared(
            [
                Row(f"{row.row} {_risk(row)}: {row.what}", None, row.estimated_bytes)
                for row in self.rows
            ],
            title="What the recommendations would free",
            theme=theme,
            nothing="there is no recommendation with a known saving to draw",
        )


class ApplyReport(Report):
    """What applying or undoing rows did: estimated and measured side by side."""

    title = "Applied recommendations"
    pictured = False

    def __init__(self, record: ApplyRecord) -> None:
        self.record = record

    @property
    def measured_bytes(self) -> int | None:
        """Resident bytes given back in all."""
        return self.record.measured_bytes

    def blocks(self) -> list[Block]:
        """The sum, then a line for each row."""
        blocks: list[Block] = [Line.of(Part(self.compact(), "strong"))]
        for one in self.record.applied:
            blocks += _applied_blocks(one)
        if back := _taken_back(self.record):
            blocks.append(
                Line.of(Part(f"next: %pmat_recommend --undo takes {back} back", "command"))
            )
        return blocks

    def compact(self) -> str:
        """One line: what came back, of how much."""
        acted = [one for one in self.record.applied if one.state in ("done", "undone")]
        word = "undone" if self.record.undoing else "applied"
        if not acted:
            return f"nothing was {word}"
        rows = f"{count(len(acted))} row{'s' if len(acted) > 1 else ''} {word}"
        return f"{rows}: {_change(self.record.measured_bytes, self.record.estimated_bytes)}"

    def to_dict(self) -> dict[str, Any]:
        """The sums, and a dictionary per row."""
        record = self.record
        return {
            "undoing": record.undoing,
            "measured_bytes": record.measured_bytes,
            "estimated_bytes": record.estimated_bytes,
            "rss_before_bytes": record.rss_before_bytes,
            "rss_after_bytes": record.rss_after_bytes,
            "applied": [_flat(one) for one in record.applied],
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per recommendation that was to be applied."""
        return frame_of((_flat(one) for one in self.record.applied), _APPLIED_KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """Each row that was done: what it was estimated to free, and what was measured."""
        from .comparison_figure import Row, compared

        done = [one for one in self.record.applied if one.state in ("done", "undone")]
        rows = [
            Row(f"{one.row.row} {one.row.what}", one.measured_bytes, one.row.estimated_bytes)
            for one in done
        ]
        word = "undone" if self.record.undoing else "applied"
        return compared(
            rows,
            title=f"Recommendations {word}",
            theme=theme,
            axis="given back",
            nothing=f"no recommendation was {word}: there is nothing to draw",
        )


def _totals(rows: Sequence[Recommendation]) -> tuple[int, int]:
    """(bytes that can be had together, the same by rows without risk alone)."""
    safe = {row.row: row for row in rows if row.risk == "none"}
    total = sum(row.estimated_bytes or 0 for row in rows if row.instead_of is None)
    # Beside a larger one with a risk a row still is the way without.
    apart = (row for row in safe.values() if row.instead_of not in safe)
    return total, sum(row.estimated_bytes or 0 for row in apart)


def way_beside(row: Recommendation) -> str:
    """Which row it is instead of; empty where both can be had."""
    return f"instead of row {row.instead_of}: the same data" if row.instead_of else ""


def _row_blocks(row: Recommendation) -> list[Block]:
    saving = "n/a" if row.estimated_bytes is None else f"−{brief(row.estimated_bytes)}"
    head = Part(f"{row.row:>3}  {saving:>8}  {row.what}", "strong")
    basis = "" if row.estimated_bytes is None else row.basis
    risk = f"{'' if row.risk == 'none' else 'risk: '}{_risk(row)}"
    return [
        Line.of(head, Part(row.where, "muted")),
        Line.of(row.why, basis, way_beside(row), indent=_INSET),
        Line.of(risk, _way_back(row), indent=_INSET, tone="muted"),
        *(Line.of(Part(line, "command"), indent=_INSET) for line in row.action.splitlines()),
    ]


def _risk(row: Recommendation) -> str:
    return "no risk" if row.risk == "none" else row.risk


def _way_back(row: Recommendation) -> str:
    if not row.applies:
        return "yours to write"
    return row.undo_note or ("can be undone" if row.undo else "cannot be undone")


def _applied_blocks(one: Applied) -> list[Block]:
    label = f"{one.row.row:>3}  {_STATES[one.state]}: {one.row.what}"
    if one.state in ("done", "undone"):
        return [Line.of(label, _change(one.measured_bytes, one.row.estimated_bytes), _kept(one))]
    return [Line.of(label, one.why, tone="high" if one.state == "failed" else "")]


def _taken_back(record: ApplyRecord) -> str:
    """What ``--undo`` would take back: by number where that is not all that was applied."""
    done = [one.row for one in record.applied if one.state == "done" and not record.undoing]
    numbers = [str(row.row) for row in done if row.undo]
    if not numbers:
        return ""
    if len(numbers) == len(done):
        return "it" if len(done) == 1 else "them"
    *first, last = numbers
    return f"rows {', '.join(first)} and {last}" if first else f"row {last}"


def _change(measured: int | None, estimated: int | None) -> str:
    if measured is None:
        return "what came back cannot be measured here"
    if abs(measured) < _NOISE:
        return f"nothing came back of an estimated {brief(estimated)}"
    if measured < 0:
        return f"took {brief(-measured)}"
    about = f" of an estimated {brief(estimated)}" if estimated is not None else ""
    return f"gave back {brief(measured)}{about}"


def _kept(one: Applied) -> str:
    """Where allocators have more free than they gave back, how much."""
    freed, back = one.allocated_bytes, one.measured_bytes
    if freed is None or back is None or freed - back < max(1 << 20, abs(freed) // 10):
        return duration(one.duration_s)
    return f"{brief(freed - back)} more are free in the allocators, for this kernel's next objects"


def _flat(one: Applied) -> dict[str, Any]:
    return {
        **one._asdict(),
        "row": one.row.row,
        "what": one.row.what,
        "estimated_bytes": one.row.estimated_bytes,
    }
