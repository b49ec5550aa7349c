"""``%pmat_cleanup``: what each step was estimated and measured to give back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb.engine.cleanup_records import CleanupRecord, CleanupStep

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import brief, count, duration, size
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["CleanupReport"]

_KINDS = {
    "target": "object",
    "what": "object",
    "state": "object",
    "estimated_bytes": "Int64",
    "measured_bytes": "Int64",
    "duration_s": "Float64",
    "why": "object",
}
# Pages that any call may touch or leave.
_NOISE = 64 << 10
# What is left alone and smaller than this is counted, not listed.
_WORTH_A_LINE = 1 << 20


class CleanupReport(Report):
    """A cleanup or, for a dry run, the plan of one. Estimated and measured are apart.

    Every field and property of the record is also an attribute: ``report.measured_bytes``,
    ``report.estimated_bytes``, ``report.steps``.
    """

    title = "Cleanup"

    def __init__(self, record: CleanupRecord) -> None:
        self.record = record

    def __getattr__(self, name: str) -> Any:
        # Only reached for what is not set; "record" itself is missing while unpickling.
        if name.startswith("_") or name == "record":
            raise AttributeError(name)
        return getattr(self.record, name)

    def blocks(self) -> list[Block]:
        """The result in a line, the steps, what was left alone and why, the notes."""
        steps = self.record.steps
        acted = [step for step in steps if step.state != "left"]
        left = [step for step in steps if step.state == "left"]
        return [
            Line.of(Part(self._headline(), "strong"), self._from_to(), joint=" · "),
            self._grid(acted),
            *(Line.of(f"  {_failed(step)}", tone="high") for step in acted if _failed(step)),
            *_left_blocks(left),
            *(Line.of(f"  {note}", tone="muted") for note in self.record.notes),
        ]

    def _headline(self) -> str:
        record = self.record
        estimated = brief(record.estimated_bytes)
        if record.dry_run:
            known = record.estimated_bytes is not None
            return f"would give back about {estimated}" if known else "nothing known to give back"
        took = duration(record.duration_s)
        freed = record.measured_bytes
        if freed is None:
            return f"done in {took}; what came back cannot be measured here"
        if freed < -_NOISE:
            return f"nothing came back (the kernel grew by {brief(-freed)}) in {took}"
        if freed < _NOISE:
            return f"nothing came back in {took}"
        about = f" of an estimated {estimated}" if record.estimated_bytes else ""
        return f"gave back {brief(freed)}{about} in {took}"

    def _from_to(self) -> str:
        before, after = self.record.rss_before_bytes, self.record.rss_after_bytes
        if self.record.dry_run:
            return "nothing was done"
        return f"kernel {size(before)} → {size(after)}" if before and after else ""

    def _grid(self, steps: list[CleanupStep]) -> Grid:
        columns = [
            Column("step", flex=True, least=16),
            Column("target", tone="muted", optional=2),
            Column("estimated", right=True),
        ]
        if not self.record.dry_run:
            columns += [Column("measured", right=True), Column("time", right=True, optional=1)]
        return Grid(tuple(columns), tuple(self._cells(step) for step in steps))

    def _cells(self, step: CleanupStep) -> tuple[str, ...]:
        known = (step.what, step.target, brief(step.estimated_bytes))
        if self.record.dry_run:
            return known
        measured = "failed" if step.state == "failed" else brief(step.measured_bytes)
        return (*known, measured, duration(step.duration_s))

    def compact(self) -> str:
        """One line: what came back, of how much, in what time."""
        failed = sum(step.state == "failed" for step in self.record.steps)
        after = f" · {count(failed)} failed" if failed else ""
        return f"{self._headline()}{after}"

    def to_dict(self) -> dict[str, Any]:
        """The record's fields, steps as a list; sums under ``estimated`` and ``measured``."""
        record = self.record
        return {
            **record._asdict(),
            "targets": list(record.targets),
            "estimated_bytes": record.estimated_bytes,
            "measured_bytes": record.measured_bytes,
            "steps": [step._asdict() for step in record.steps],
            "notes": list(record.notes),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per step, those left alone included."""
        return frame_of((step._asdict() for step in self.record.steps), _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """Each step: what it was estimated to give back, and what was measured."""
        from .comparison_figure import Row, compared

        steps = [step for step in self.record.steps if step.state != "left"]
        return compared(
            [Row(step.what, step.measured_bytes, step.estimated_bytes) for step in steps],
            title=f"Cleanup: {self._headline()}",
            theme=theme,
            axis="given back",
            nothing="no step of this cleanup has a known figure to draw",
        )


def _failed(step: CleanupStep) -> str:
    """A step that failed or gave back less, in words; empty where there is nothing to say."""
    if not step.why:
        return ""
    return f"{step.what}: {'failed: ' if step.state == 'failed' else ''}{step.why}"


def _left_blocks(left: list[CleanupStep]) -> list[Block]:
    if not left:
        return []
    large = [step for step in left if (step.estimated_bytes or 0) >= _WORTH_A_LINE]
    large.sort(key=lambda step: -(step.estimated_bytes or 0))
    small = [step for step in left if step not in large]
    lines = [Line.of(f"  left alone: {_left_text(step)}") for step in large]
    if len(small) <= 2:
        lines += [Line.of(f"  left alone: {_left_text(step)}", tone="muted") for step in small]
        return [*lines]
    details = tuple(Line.of(f"  {_left_text(step)}", tone="muted") for step in small)
    return [*lines, Fold(f"{count(len(small))} small things left alone", details)]


def _left_text(step: CleanupStep) -> str:
    known = f" {brief(step.estimated_bytes)}" if step.estimated_bytes else ""
    return f"{step.what}{known}: {step.why}"
