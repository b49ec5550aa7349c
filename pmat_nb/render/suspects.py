"""What the watch stage suspects, the last report, and what to type next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.leaks.records import LeakRow
from pmat_nb.engine.leaks.watching import WARMUP_RUNS, Suspect

from .blocks import Block, Column, Grid, Line, Part
from .format import brief, count, iso_utc, moment
from .leaks import LeakReport
from .report import Report, frame_of
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["COLUMNS", "SuspectReport", "notice"]

COLUMNS = {
    "cell": "object",
    "first_line": "object",
    "code_hash": "object",
    "runs": "Int64",
    "counted": "Int64",
    "bytes_per_run": "Int64",
    "low_bytes_per_run": "Int64",
    "high_bytes_per_run": "Int64",
    "device_bytes_per_run": "Int64",
    "kind": "object",
    "counter": "object",
    "confidence": "Float64",
    "since": "object",
    "since_at": "object",
    "state": "object",
    "kept_by": "object",
}
_SOURCE_LENGTH = 48
_MOST_LEAKS = 5
# The first point of a course is where counting starts, and seven of them can be judged.
_FIRST_JUDGED = WARMUP_RUNS + 6


class SuspectReport(Report):
    """``%pmat_leaks`` alone. ``last`` is the last report of a tracked run, if there is one.

    ``watched`` is the number of cells that ran more than once; ``top`` bounds the suspects
    shown, frame and dictionary have them all.
    """

    title = "Leaks"
    pictured = False

    def __init__(
        self,
        rows: Sequence[Suspect],
        last: LeakReport | None = None,
        *,
        watched: int = 0,
        top: int | None = None,
    ) -> None:
        self.rows = tuple(rows)
        self.last = last
        self.watched = watched
        self.top = top

    @property
    def suspects(self) -> tuple[Suspect, ...]:
        """Those that nothing has explained."""
        return tuple(row for row in self.rows if row.state in ("suspect", "unchecked"))

    def blocks(self) -> list[Block]:
        """Suspects, what grows for a known reason, what is next, then the last report."""
        made = self.short()
        if self.suspects:
            made.append(_next())
        if self.last is not None:
            self.last.top = self.top
            made.append(Line.of(Part("last report", "strong")))
            made += self.last.blocks()
        return made

    def short(self) -> list[Block]:
        """The suspects and what grows for a known reason."""
        shown = self.suspects[: self.top]
        blocks: list[Block] = [Line.of(Part(self._headline(), "strong"))]
        if shown:
            blocks.append(_grid(shown))
        blocks += [Line.of(Part(_explained(row), "muted")) for row in self.rows if _known(row)]
        if not shown:
            blocks.append(Line.of(Part(self._watching(), "muted")))
        return blocks

    def in_short(self) -> list[Block]:
        """For ``%pmat_stats --check-leaks``: the suspects, and a line per leak found last."""
        made = self.short()
        if self.last is not None:
            leaks = [row for row in self.last.rows if row.verdict == "leak"]
            made += [Line.of(_leak_line(row)) for row in leaks[:_MOST_LEAKS]]
            if not leaks:
                made.append(Line.of(Part(f"last report: {self.last.compact()}", "muted")))
            elif len(leaks) > _MOST_LEAKS:
                made.append(Line.of(Part(f"and {count(len(leaks) - _MOST_LEAKS)} more", "muted")))
        return made

    def compact(self) -> str:
        """One line: the suspects, the largest first, and the last report."""
        told = [f"{row.cell} {_rate(row)}" for row in self.suspects[:3]]
        text = f"suspect: {', '.join(told)}" if told else self._headline()
        return text if self.last is None else f"{text} · last report: {self.last.compact()}"

    def to_dict(self) -> dict[str, Any]:
        """A dictionary per suspect, and the last report's."""
        return {
            "watched_cells": self.watched,
            "suspects": [row._asdict() | {"since_at": iso_utc(row.since_at)} for row in self.rows],
            "last_report": None if self.last is None else self.last.to_dict(),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per suspect, and per cell whose growth was explained."""
        rows = (row._asdict() | {"since_at": iso_utc(row.since_at)} for row in self.rows)
        return frame_of(rows, COLUMNS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """What each suspect keeps per run; without one, the picture of the last report."""
        from .comparison_figure import Row, compared

        if not self.suspects and self.last is not None:
            return self.last.plot(theme=theme)
        return compared(
            [
                Row(f"{row.cell} {cut(clean(row.first_line), 24)}", None, _amount(row))
                for row in self.suspects
            ],
            title="Kept on each run by suspected cells",
            theme=theme,
            axis="kept per run",
            nothing="no cell is suspected of leaking: there is nothing to draw",
        )

    def _headline(self) -> str:
        number = len(self.suspects)
        if not number:
            return "no cell is suspected of leaking"
        return "suspect, more kept on every run" if number == 1 else f"{count(number)} suspects"

    def _watching(self) -> str:
        ran = f"{count(self.watched)} cell{'' if self.watched == 1 else 's'} run again so far"
        return (
            f"watched: memory in use around every cell that runs again ({ran}); judged from run "
            f"{_FIRST_JUDGED} on, {WARMUP_RUNS} of them for warm-up"
        )


def notice(row: Suspect) -> str:
    """The one line under a cell."""
    each = f"{brief(_amount(row))} more on each of {count(row.counted)} runs"
    return (
        f"pmat_nb: {row.cell} kept about {each} · %pmat_leaks · "
        "silence: %pmat_configure --notices off"
    )


def _leak_line(row: LeakRow) -> str:
    rate = f"{brief(int(row.bytes_per_iteration))}/run"
    return f"leak {row.confidence:.2f}  {row.site}  {rate}  → %pmat_leaks"


def _grid(rows: Sequence[Suspect]) -> Block:
    columns = (
        Column(tone="strong"),
        Column(),
        Column(),
        Column(optional=2, tone="muted"),
        Column(optional=1, tone="muted"),
        Column(flex=True, least=12),
    )
    return Grid(
        columns,
        tuple(
            (
                row.cell,
                _rate(row),
                f"{count(row.runs)} runs{_kind(row)}",
                row.counter,
                f"since {row.since} {moment(row.since_at)[-5:]}".replace("  ", " "),
                cut(clean(row.first_line), _SOURCE_LENGTH),
            )
            for row in rows
        ),
    )


def _rate(row: Suspect) -> str:
    if not row.bytes_per_run:
        return f"{brief(row.device_bytes_per_run)}/run on the device"
    rate, low, high = map(brief, (row.bytes_per_run, row.low_bytes_per_run, row.high_bytes_per_run))
    return f"{rate}/run" if low == high else f"{rate}/run ({low} to {high})"


def _kind(row: Suspect) -> str:
    return "" if row.kind in ("unknown", "none") else f", {row.kind}"


def _amount(row: Suspect) -> int:
    return row.bytes_per_run or row.device_bytes_per_run


def _known(row: Suspect) -> bool:
    return row.state in ("kept", "garbage")


def _explained(row: Suspect) -> str:
    if row.state == "garbage":
        return f"{row.cell} leaves {_rate(row)} that the garbage collector frees later"
    return f"{row.cell} grows by {_rate(row)} in its own variables: {clean(row.kept_by)}"


def _next() -> Line:
    return Line.of(
        Part("next:", "muted"),
        Part("%%pmat_leaks --repeat 20", "command"),
        "above the cell, or",
        Part("%pmat_leaks start", "command"),
        "and run it again",
        joint=" ",
    )
