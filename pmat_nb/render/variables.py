"""``%pmat_vars``: the user's variables, what each one alone keeps, and who else holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.ranking import largest_first
from pmat_nb.engine.stats_records import MoreVariables, SizingSummary, VariableSize

from .blocks import Block, Column, Grid, Line, Part
from .format import brief, column, count, duration, size
from .parts import worth_telling
from .phrases import sizing_text
from .report import Report, frame_of
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "Variables", "aside", "variables_grid"]

# The columns that programs rely on, in this order and no others.
COLUMNS = {
    "name": "object",
    "retained_bytes": "Int64",
    "shared_bytes": "Int64",
    "shallow_bytes": "Int64",
    "device_bytes": "Int64",
    "type": "object",
    "detail": "object",
    "also_held_by": "object",
    "bound_in": "object",
    "cells_since_use": "Int64",
    "complete": "boolean",
}
_SHOWN = 20
_PLOTTED = 12
# Parts of pages, and the tails of large arrays, are no news.
_WORTH_NOTING = 1 << 20


class Variables(Report):
    """Variables with their sizes; those first from which most can be got at.

    ``more`` are variables that were sized together, which have no rows; ``top`` is how
    many rows are shown and listed; without it frame and dictionary have all of them.
    """

    title = "Variables"

    def __init__(
        self,
        rows: Sequence[VariableSize],
        *,
        more: Sequence[MoreVariables] = (),
        rss_bytes: int | None = None,
        sizing: SizingSummary | None = None,
        top: int | None = None,
    ) -> None:
        self.rows = largest_first(rows)
        self.more = tuple(more)
        self.total = len(self.rows) + sum(group.number for group in self.more)
        self.rss_bytes = rss_bytes
        self.sizing = sizing
        self.top = _SHOWN if top is None else top
        self._listed = self.rows if top is None else self.rows[:top]

    @property
    def retained_bytes(self) -> int:
        """The sum of the variables' retained sizes; what is shared is in none of them."""
        rows = sum(row.retained_bytes for row in self.rows)
        return rows + sum(group.retained_bytes for group in self.more)

    @property
    def complete(self) -> bool:
        """Whether no size is a lower bound."""
        rows = all(row.complete for row in self.rows)
        return rows and all(group.complete for group in self.more)

    def blocks(self) -> list[Block]:
        """What the variables hold together, then a row each."""
        if not self.rows:
            return [Line.of("no variables yet")]
        rest = self.total - len(self.rows[: self.top])
        every = f"--top {self.total}" + (" --exact" if self.more else "")
        more = f"+{count(rest)} more: %pmat_vars {every}" if rest > 0 else ""
        return [
            Line.of(Part(self._summary(), "strong"), self._sized()),
            variables_grid(self.rows[: self.top]),
            *(Line.of(Part(f"  {_together(group)}", "muted")) for group in self.more),
            *([Line.of(Part(f"  {more}", "muted"))] if more else []),
        ]

    def compact(self) -> str:
        """One line: the total and the five largest."""
        named = [
            f"{cut(clean(row.name), 24)} {brief(row.reached_bytes, lower=not row.complete)}"
            for row in self.rows[:5]
        ]
        rest = self.total - len(named)
        return ": ".join(
            [self._summary(), ", ".join([*named, f"+{rest}"] if rest > 0 else named)]
            if named
            else ["no variables yet"]
        )

    def to_dict(self) -> dict[str, Any]:
        """``variables`` (a list of rows), the number of all, and how they were sized.

        ``more`` has a row for each type of which many variables were sized together.
        """
        return {
            "total": self.total,
            "retained_bytes": self.retained_bytes,
            "complete": self.complete,
            "variables": [_columns(row) for row in self._listed],
            "more": [group._asdict() for group in self.more],
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per variable, in the documented columns."""
        return frame_of(map(_columns, self._listed), COLUMNS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """A bar per variable: retained, and beside it what is shared."""
        from . import figures

        rows = self.rows[: min(self.top, _PLOTTED)]
        return figures.bars(
            [row.name for row in rows],
            {
                "retained": [row.retained_bytes for row in rows],
                "shared": [row.shared_bytes for row in rows],
            },
            title="Variables",
            theme=theme,
        )

    def _summary(self) -> str:
        noun = "variable" if self.total == 1 else "variables"
        held = size(self.retained_bytes, lower=not self.complete)
        text = f"{count(self.total)} {noun}, {held} retained"
        return text if self.rss_bytes is None else f"{text} of {size(self.rss_bytes)}"

    def _sized(self) -> str:
        return sizing_text(self.sizing) if self.sizing is not None else ""


def variables_grid(rows: Sequence[VariableSize]) -> Grid:
    """A row per variable with every documented column that says anything."""
    bounds = ["" if row.complete else "≥" for row in rows]
    retained = column((row.retained_bytes for row in rows), bounds=bounds, uniform=False)
    shared = column((row.shared_bytes for row in rows), uniform=False)
    shallow = column((row.shallow_bytes for row in rows), uniform=False)
    device = column((row.device_bytes for row in rows), uniform=False)
    on_device = any(row.device_bytes for row in rows)
    return Grid(
        columns=(
            Column("name", flex=True, least=12, tone="strong"),
            Column("retained", right=True),
            Column("shared", right=True),
            Column("shallow", right=True, optional=3),
            *([Column("device", right=True)] if on_device else []),
            Column("type", flex=True),
            Column("detail", flex=True, least=12),
            Column("also held by", flex=True, least=12),
            Column("from", flex=True, least=6, optional=1),
            Column("unused", right=True, optional=2),
        ),
        rows=tuple(
            (
                row.name,
                retained[at],
                shared[at],
                shallow[at],
                *([device[at]] if on_device else []),
                row.type,
                _detail(row),
                row.also_held_by,
                row.bound_in or "",
                _unused(row.cells_since_use),
            )
            for at, row in enumerate(rows)
        ),
    )


def aside(row: VariableSize) -> str:
    """What of a variable is not in its sizes: claimed only, or not sized to the end."""
    notes = []
    if row.not_resident_bytes >= _WORTH_NOTING:
        notes.append(f"{brief(row.not_resident_bytes)} not in memory")
    if row.estimated_bytes is not None and worth_telling(row.reached_bytes, row.estimated_bytes):
        how = "by a sample"
        if row.estimated_age_s is not None:
            how = f"sized {duration(row.estimated_age_s)} ago"
        notes.append(f"~ {brief(row.estimated_bytes)} ({how})")
    return ", ".join(notes)


def _detail(row: VariableSize) -> str:
    # The note first: the detail may be cut.
    return ", ".join(text for text in (aside(row), row.detail) if text)


def _columns(row: VariableSize) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS} | {"detail": _detail(row)}


def _together(group: MoreVariables) -> str:
    held = size(group.retained_bytes, lower=not group.complete)
    return f"{count(group.number)} × {group.type or 'others'}: {held} together"


def _unused(cells: int | None) -> str:
    if cells is None:
        return "n/a"
    return "" if cells == 0 else f"{cells} cell" if cells == 1 else f"{count(cells)} cells"
