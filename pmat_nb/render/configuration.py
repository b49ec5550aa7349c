"""``%pmat_configure``: every setting, its value, and who set it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.configuration import Level, Responses, SettingRow
from pmat_nb.settings import GROUPS, Value, setting, spelled

from .blocks import Block, Column, Grid, Line
from .format import size
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Configuration", "value_text"]

_KINDS = dict.fromkeys(("setting", "value", "source", "group", "help"), "object")


class Configuration(Report):
    """The settings in force, in groups; the responses; what was done, in ``notes``."""

    title = "Settings"

    def __init__(
        self,
        rows: Sequence[SettingRow],
        responses: Mapping[Level, Responses],
        profile: str | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.rows = {row.key: row for row in rows}
        self.responses = dict(responses)
        self.profile = profile
        self.notes = tuple(notes)

    def blocks(self) -> list[Block]:
        """The profile and the notes, then a line per setting."""
        top = [Line.of(f"profile: {self.profile or 'none'}")]
        top += [Line.of(note) for note in self.notes]
        grid = Grid(
            (
                Column("setting", tone="strong", flex=True, least=28),
                Column("value", flex=True, least=12),
                Column("set by", flex=True, least=20, tone="muted"),
            ),
            tuple(self._lines()),
        )
        return [*top, grid]

    def _lines(self) -> Iterator[tuple[str, str, str]]:
        for group, options in GROUPS:
            yield (group, "", "")
            for option in options:
                row = self.rows[option.key]
                yield (f"  {row.key}", value_text(row.key, row.value), row.source)
        yield ("responses", "", "")
        for level, response in self.responses.items():
            yield (f"  {level}", response_text(response), response.source)

    def compact(self) -> str:
        """One line: what is not at its default."""
        changed = [row for row in self.rows.values() if row.source != "default"]
        texts = [f"{row.key} = {value_text(row.key, row.value)} ({row.source})" for row in changed]
        rest = len(self.rows) - len(changed)
        return ", ".join((*self.notes, *texts, f"{rest} settings at their defaults"))

    def to_dict(self) -> dict[str, Any]:
        """Each setting's value as typed, with source and group; responses, profile, notes."""
        return {
            "profile": self.profile,
            "notes": list(self.notes),
            "settings": {row["setting"]: _without_name(row) for row in self._records()},
            "responses": {level: response._asdict() for level, response in self.responses.items()},
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per setting: ``setting``, ``value`` as typed, ``source``, ``group``, ``help``."""
        return frame_of(self._records(), _KINDS)

    def _records(self) -> Iterator[dict[str, Any]]:
        for group, options in GROUPS:
            for option in options:
                row = self.rows[option.key]
                yield {
                    "setting": row.key,
                    "value": spelled(option, row.value),
                    "source": row.source,
                    "group": group,
                    "help": row.help,
                }


def _without_name(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in ("setting", "help")}


def value_text(key: str, value: Value) -> str:
    """A setting's value as people type it; a size without a round unit is rounded."""
    option = setting(key)
    text = spelled(option, value)
    if option.kind == "size" and isinstance(value, int) and len(text) > 7:
        return size(value)
    return text


def response_text(response: Responses) -> str:
    """What a level does, in its order."""
    steps = [*response.actions]
    if response.notify:
        steps.append("notify")
    if response.notification_cmd is not None:
        steps.append(f"run {response.notification_cmd[0]}")
    if response.save_state:
        steps.append("save the variables")
    return ", ".join(steps) or "nothing"
