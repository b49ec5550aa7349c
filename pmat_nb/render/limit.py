"""``%pmat_limit``: what is in force, how far it is, and what happens there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb.engine.stats_records import StatsRecord

from .blocks import Block, Column, Grid
from .format import brief, limit
from .phrases import headline
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["LimitReport"]


class LimitReport(Report):
    """The limits on the kernel, tightest first, and what enforces the standing one."""

    title = "Limits"

    def __init__(self, record: StatsRecord, *, protection: str) -> None:
        self.record = record
        self.protection = protection

    def blocks(self) -> list[Block]:
        """Where memory stands, the protection, and a row per limit."""
        rows = [("protection", self.protection)]
        rows += [(one.source, _state(one.limit_bytes, one.enforced)) for one in self.record.limits]
        return [
            headline(self.record),
            Grid((Column(tone="muted"), Column(flex=True, least=20)), tuple(rows)),
        ]

    def compact(self) -> str:
        """One line: in use and the protection."""
        return f"{brief(self.record.tree_bytes)} in use · {self.protection}"

    def to_dict(self) -> dict[str, Any]:
        """What is in use, the protection, and every limit."""
        return {
            "tree_bytes": self.record.tree_bytes,
            "usable_bytes": self.record.usable_bytes,
            "protection": self.protection,
            "limits": [one._asdict() for one in self.record.limits],
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per limit."""
        kinds = {"source": "object", "limit_bytes": "Int64", "enforced": "boolean"}
        return frame_of((one._asdict() for one in self.record.limits), kinds)

    def plot(self, *, theme: str | None = None) -> Figure:
        """What is in use, and every limit on it."""
        from .comparison_figure import Row, compared

        limits = [
            Row(f"{one.source}{'' if one.enforced else ' (not enforced)'}", None, one.limit_bytes)
            for one in self.record.limits
        ]
        return compared(
            [Row("in use", self.record.tree_bytes), *limits],
            title="Memory in use, and its limits",
            theme=theme,
            measured="in use",
            expected="limit",
            nothing="neither memory in use nor a limit is known here",
        )


def _state(limit_bytes: int, enforced: bool) -> str:
    return f"{limit(limit_bytes)}{'' if enforced else ' (not enforced)'}"
