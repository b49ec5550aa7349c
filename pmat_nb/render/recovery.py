"""``pmat-nb recover``: what was cleared, what was set aside, what was left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .blocks import Block, Column, Grid, Line, Part
from .format import brief
from .report import Report, frame_of
from .texts import clean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Recovery", "RecoveryStep"]

_COLUMNS = {"what": "object", "files": "Int64", "freed_bytes": "Int64", "note": "object"}


class RecoveryStep(NamedTuple):
    """One step; ``files`` and ``freed_bytes`` are what it removed, or would remove."""

    what: str
    files: int
    freed_bytes: int
    note: str = ""


class Recovery(Report):
    """The steps in their order; of a dry run what would be done."""

    title = "Recovery"
    pictured = False

    def __init__(self, steps: Sequence[RecoveryStep], *, dry_run: bool) -> None:
        self.steps = tuple(steps)
        self.dry_run = dry_run

    def blocks(self) -> list[Block]:
        """A line of what it comes to, then the steps."""
        columns = (
            Column(),
            Column("files", right=True),
            Column("on disk", right=True),
        )
        rows = tuple(
            (step.what, str(step.files), brief(step.freed_bytes))
            for step in self.steps
            if step.files or not step.note
        )
        # A path is long: lines are wrapped, a column would be cut.
        notes = [Line.of(f"{step.what}: {clean(step.note)}") for step in self.steps if step.note]
        return [Line.of(Part(self.compact(), "strong")), Grid(columns, rows), *notes]

    def compact(self) -> str:
        """One line."""
        files = sum(step.files for step in self.steps)
        freed = brief(sum(step.freed_bytes for step in self.steps))
        if self.dry_run:
            return f"would remove {files} files, {freed}; nothing was done (--dry-run)"
        return f"removed {files} files, {freed}; no process was touched"

    def to_dict(self) -> dict[str, Any]:
        """``steps`` and whether it was a dry run."""
        return {"dry_run": self.dry_run, "steps": [step._asdict() for step in self.steps]}

    def to_frame(self) -> pd.DataFrame:
        """A row per step."""
        return frame_of((step._asdict() for step in self.steps), _COLUMNS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """What each step removed from disk, or would remove."""
        from .comparison_figure import Row, compared

        freed = [None if self.dry_run else step.freed_bytes for step in self.steps]
        planned = [step.freed_bytes if self.dry_run else None for step in self.steps]
        return compared(
            map(Row, [step.what for step in self.steps], freed, planned),
            title="Recovery: what would be removed" if self.dry_run else "Recovery: removed",
            theme=theme,
            axis="on disk",
            expected="would be removed",
            nothing="there was nothing to remove: there is nothing to draw",
        )
