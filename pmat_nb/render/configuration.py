"""``%pmat_configure``: every setting, its value, and who set it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.configuration import SettingRow
from pmat_nb.units import LimitSpec

from .blocks import Block, Column, Grid
from .format import duration, limit, percent
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Configuration", "value_text"]


class Configuration(Report):
    """The settings in force, in the order of their declaration."""

    title = "Settings"

    def __init__(self, rows: Sequence[SettingRow]) -> None:
        self.rows = tuple(rows)

    def blocks(self) -> list[Block]:
        """One line per setting."""
        grid = Grid(
            (
                Column("setting", tone="strong"),
                Column("value"),
                Column("set by", flex=True, least=10),
                Column("what it does", flex=True, least=20, tone="muted"),
            ),
            tuple((row.key, value_text(row.value), row.source, row.help) for row in self.rows),
        )
        return [grid]

    def compact(self) -> str:
        """One line: every setting with its value."""
        return ", ".join(f"{row.key} = {value_text(row.value)}" for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Each setting's value, text and source, by key."""
        return {
            row.key: {"value": value_text(row.value), "source": row.source} for row in self.rows
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per setting."""
        kinds = {"setting": "object", "value": "object", "source": "object", "help": "object"}
        rows = (
            {
                "setting": row.key,
                "value": value_text(row.value),
                "source": row.source,
                "help": row.help,
            }
            for row in self.rows
        )
        return frame_of(rows, kinds)


def value_text(value: object) -> str:
    """A setting's value as people type it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, LimitSpec):
        return _limit_text(value)
    if isinstance(value, float):
        return duration(value)
    return str(value)


def _limit_text(spec: LimitSpec) -> str:
    if spec.kind in ("auto", "off"):
        return spec.kind
    if spec.kind == "fraction":
        return percent(spec.value)
    sign = "+" if spec.kind == "relative" else ""
    return sign + limit(int(spec.value))
