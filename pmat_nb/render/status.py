"""``%pmat``: where things stand in five lines, and the commands that make sense next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.stats_records import PoolItem, StatsRecord

from .blocks import Block, Column, Grid, Line, Part
from .format import brief, count, duration, limit
from .parts import shown, worth_telling
from .phrases import (
    cell_text,
    headline,
    pressure_part,
    pressure_parts_text,
    sizing_text,
    unit_for,
)
from .report import Report, frame_of
from .stats import Stats
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Status"]

_NAME_LENGTH = 24
_SOURCE_LENGTH = 40
_LARGEST = 4
# Of displayed objects, tracebacks, caches ...: what is smaller is no news.
_WORTH_NAMING = 1024**2


class Status(Report):
    """The short answer to "how is my kernel?".

    ``protection`` says what happens at the limit (``stops a cell at 12.9 GB (auto)``);
    without it the line names the limit in force. ``hints`` are the commands that make
    sense now, computed by the caller, each as it is typed, a comment after two blanks
    allowed.
    """

    title = "Status"
    pictured = False

    def __init__(
        self,
        record: StatsRecord,
        *,
        protection: str | None = None,
        hints: Sequence[str] = (),
    ) -> None:
        self.record = record
        self.protection = protection
        self.hints = tuple(hints)

    def blocks(self) -> list[Block]:
        """Memory, pressure, largest things, last cell, protection; then the commands."""
        rows = tuple((label, text) for label, text in self._lines() if label != "memory")
        grid = Grid((Column(tone="muted"), Column(flex=True, least=20)), rows)
        hints = [Part(hint, "command") for hint in self.hints]
        following = [Line.of(Part("next:", "muted"), *hints, joint="  ")] if hints else []
        return [headline(self.record), grid, *following]

    def compact(self) -> str:
        """One line: in use, level, the largest things."""
        head = headline(self.record).parts
        return " · ".join([head[0].text, head[-1].text, self._largest()])

    def to_dict(self) -> dict[str, Any]:
        """Each line under its label, the hints, and the figures behind them."""
        figures = Stats(self.record).to_dict()
        return {
            **dict(self._lines()),
            "hints": list(self.hints),
            "figures": figures,
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per line: ``what`` and ``state``."""
        rows = [{"what": label, "state": text} for label, text in self._lines()]
        return frame_of(rows, {"what": "object", "state": "object"})

    def plot(self, *, theme: str | None = None) -> Figure:
        """The same picture as ``%pmat_stats``."""
        return Stats(self.record).plot(theme=theme)

    def _lines(self) -> list[tuple[str, str]]:
        return [
            ("memory", " · ".join(part.text for part in headline(self.record).parts)),
            ("pressure", self._pressure()),
            ("largest", self._largest()),
            ("last cell", self._cell()),
            ("limit", self._limit()),
        ]

    def _pressure(self) -> str:
        text = pressure_part(self.record).text.removeprefix("pressure ")
        parts = pressure_parts_text(self.record.pressure.parts)
        return f"{text} ({parts})" if parts else text

    def _largest(self) -> str:
        # By what is charged: an object that two names hold is one thing, and counts.
        found = [
            (item, pool.name == "analysis")
            for pool in self.record.pools
            for item in pool.items
            if pool.name == "analysis" or item.used_bytes >= _WORTH_NAMING
        ]
        found = sorted(found, key=lambda one: -_probable(one[0]))[:_LARGEST]
        named = [f"{cut(clean(item.name), _NAME_LENGTH)} {_amount(item)}" for item, _ in found]
        if not named:
            # Before the first sizing, or in an empty namespace, the parts are the news.
            unit = unit_for(self.record)
            parts = sorted(shown(self.record, unit), key=lambda part: -(part.used_bytes or 0))
            named = [f"{part.label} {brief(part.used_bytes)}" for part in parts[:3]]
        more = sum(group.number for group in self.record.more_variables)
        groups = {
            f"{g.number:,} × {g.type or 'others'}": g.number for g in self.record.more_variables
        }
        listed = sum(groups.get(item.name, 1) for item, own in found if own)
        rest = len(self.record.variables) + more - listed
        return ", ".join([*named, f"+{count(rest)}"] if rest > 0 else named)

    def _cell(self) -> str:
        cell = self.record.cell
        if cell is None:
            return f"none yet · {sizing_text(self.record.sizing)}"
        text = f"{cell_text(cell, unit_for(self.record))}, {duration(cell.duration_s)}"
        source = cut(clean(cell.first_line or ""), _SOURCE_LENGTH)
        return f"{text} · {source}" if source else text

    def _limit(self) -> str:
        if self.protection is not None:
            return self.protection
        standing = self.record.limit
        if standing is None:
            return "none: a runaway cell can end this kernel"
        enforced = "" if standing.enforced else ", not enforced"
        return f"{limit(standing.limit_bytes)} ({standing.source}{enforced})"


def _probable(item: PoolItem) -> int:
    return max(item.used_bytes, item.estimated_bytes or 0)


def _amount(item: PoolItem) -> str:
    if item.estimated_bytes and worth_telling(item.used_bytes, item.estimated_bytes):
        return f"~ {brief(item.estimated_bytes)}"
    return brief(item.used_bytes, lower=not item.complete)
