"""Kernels seen from outside: a table of all, and one that cannot answer just now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pmat_nb.engine.records import Level
from pmat_nb.engine.stats_records import StatsRecord

from .blocks import Block, Column, Grid, Line, Part
from .format import brief, duration, fraction, size
from .phrases import pressure_part, pressure_parts_text
from .report import Report, frame_of
from .stats import Stats
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["FromOutside", "KernelRow", "KernelTable", "WithAge", "kernel_name"]

_ID_LENGTH = 8
_NAME_LENGTH = 32
_FRESH_S = 8.0
_COLUMNS = {
    "kernel_id": "object",
    "pid": "Int64",
    "notebook": "object",
    "connection_file": "object",
    "loaded": "boolean",
    "state": "object",
    "running": "object",
    "running_s": "Float64",
    "rss_bytes": "Int64",
    "tree_bytes": "Int64",
    "limit_bytes": "Int64",
    "pressure": "Float64",
    "pressure_level": "object",
    "as_of_s": "Float64",
    "pmat_version": "object",
}


class KernelRow(NamedTuple):
    """One kernel of the machine, its memory read from outside just now.

    ``tree_bytes`` is None for kernels of other users and where nothing tells which child
    processes are ours. Limit, pressure and level are the kernel's own word of ``as_of_s``
    seconds ago, higher where its memory has grown since; None where it has not loaded the
    extension. ``state`` is ``idle``, ``busy``, ``stuck`` (busy, in a call that lets nothing
    else run), ``silent`` (does not answer), or None: not asked.
    """

    kernel_id: str
    pid: int
    notebook: str | None
    connection_file: str
    loaded: bool
    state: str | None
    running: str | None
    running_s: float | None
    rss_bytes: int | None
    tree_bytes: int | None
    limit_bytes: int | None
    pressure: float | None
    pressure_level: Level | None
    as_of_s: float | None
    pmat_version: str | None


def kernel_name(kernel_id: str, notebook: str | None) -> str:
    """A kernel in a sentence: ``tour.ipynb (1f3c9a2e)``, safe for a terminal."""
    shown = cut(clean(kernel_id), _ID_LENGTH + 1)
    return f"{cut(clean(notebook), _NAME_LENGTH)} ({shown})" if notebook else shown


class KernelTable(Report):
    """A row per kernel, the largest first; ``title`` names the table on a page."""

    title = "Kernels of this machine"
    pictured = False

    def __init__(self, rows: Sequence[KernelRow], *, notes: Sequence[str] = ()) -> None:
        self.rows = tuple(sorted(rows, key=lambda row: -(row.tree_bytes or row.rss_bytes or 0)))
        self.notes = tuple(notes)

    def blocks(self) -> list[Block]:
        """What they hold together, then a line each."""
        if not self.rows:
            return [Line.of("no kernel runs here"), *self._remarks()]
        columns = (
            Column("kernel", tone="muted"),
            Column("notebook", flex=True, least=12),
            Column("memory", right=True),
            Column("limit", right=True, optional=1),
            Column("pressure"),
            Column("state", flex=True, least=10),
            Column("pid", right=True, optional=2, tone="muted"),
        )
        together = sum(row.tree_bytes or row.rss_bytes or 0 for row in self.rows)
        number = f"{len(self.rows)} kernel{'s' if len(self.rows) > 1 else ''}"
        head = Line.of(Part(f"{number}, {brief(together)} together", "strong"))
        return [head, Grid(columns, tuple(map(_cells, self.rows))), *self._remarks()]

    def _remarks(self) -> list[Block]:
        return [Line.of(Part(note, "muted")) for note in self.notes]

    def compact(self) -> str:
        """One line: each kernel with its memory and level."""
        told = [
            f"{kernel_name(row.kernel_id, row.notebook)} "
            f"{brief(row.tree_bytes or row.rss_bytes)} {row.pressure_level or 'n/a'}"
            for row in self.rows
        ]
        return " · ".join(told) or "no kernel runs here"

    def to_dict(self) -> dict[str, Any]:
        """``kernels``: a list of rows; ``notes``."""
        return {"kernels": [row._asdict() for row in self.rows], "notes": list(self.notes)}

    def to_frame(self) -> pd.DataFrame:
        """A row per kernel."""
        return frame_of((row._asdict() for row in self.rows), _COLUMNS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """What each kernel holds, its child processes included where they are known."""
        from .comparison_figure import Row, compared

        return compared(
            [
                Row(
                    kernel_name(row.kernel_id, row.notebook),
                    row.rss_bytes if row.tree_bytes is None else row.tree_bytes,
                )
                for row in self.rows
            ],
            title="Memory of the kernels",
            theme=theme,
            nothing="no kernel runs here: there is nothing to draw",
        )


def _cells(row: KernelRow) -> tuple[str, ...]:
    pressure = "n/a"
    if row.pressure_level is not None:
        pressure = f"{row.pressure_level} {fraction(row.pressure)}"
    return (
        cut(clean(row.kernel_id), _ID_LENGTH + 1),
        clean(row.notebook or "n/a"),
        size(row.tree_bytes if row.tree_bytes is not None else row.rss_bytes),
        brief(row.limit_bytes),
        pressure,
        _state(row),
        str(row.pid),
    )


def _state(row: KernelRow) -> str:
    if not row.loaded:
        return f"{row.state + ', ' if row.state else ''}without pmat_nb"
    said = row.state or ("busy" if row.running else "idle")
    if row.state == "stuck":
        said = "busy in a call that lets nothing else run"
    if row.state == "silent":
        said = "does not answer"
    if row.running and row.state != "silent":
        said += f": {clean(row.running)}"
        said += f" for {duration(row.running_s)}" if row.running_s is not None else ""
    old = row.as_of_s is not None and row.as_of_s > _FRESH_S
    return f"{said}, level as of {duration(row.as_of_s)} ago" if old else said


class WithAge(NamedTuple):
    """Whose figures they are, how old, and what its process holds now."""

    name: str
    state: str
    as_of_s: float
    rss_bytes: int | None
    tree_bytes: int | None
    children_bytes: int | None


class FromOutside(Report):
    """What a kernel said of itself last, beside what can be read of its process now.

    ``report`` is of then; without one, ``record`` tells what little is known, ``note`` why.
    """

    title = "Memory of a kernel"

    def __init__(
        self, about: WithAge, record: StatsRecord, report: Report | None, *, note: str = ""
    ) -> None:
        self.about = about
        self.note = note
        self.record = record
        self.report = report

    def blocks(self) -> list[Block]:
        """The process now; then the kernel's own figures under their age."""
        about = self.about
        held = f"now {size(about.rss_bytes)}"
        if about.children_bytes:
            held += f" + children {brief(about.children_bytes)}"
        head = Line.of(Part(f"kernel {about.name} {about.state}", "strong"))
        now = Line.of(Part(held, "strong"), Part("read from outside", "muted"))
        then = Line.of(Part(f"as of {duration(about.as_of_s)} ago:", "muted"))
        inner = self._pressure() if self.report is None else self.report.blocks()
        return [head, now, then, *inner]

    def _pressure(self) -> list[Block]:
        parts = pressure_parts_text(self.record.pressure.parts)
        held = f"kernel {size(self.record.rss_bytes)}"
        limit = self.record.limit
        bound = f"limit {brief(limit.limit_bytes)} ({clean(limit.source)})" if limit else ""
        return [
            Line.of(Part(held, "strong"), bound, pressure_part(self.record)),
            *([Line.of(parts)] if parts else []),
            *([Line.of(Part(self.note, "muted"))] if self.note else []),
        ]

    def compact(self) -> str:
        """One line."""
        about = self.about
        level = self.record.pressure.level or "n/a"
        return (
            f"kernel {about.name} {about.state} · now {size(about.rss_bytes)} · {level} "
            f"{fraction(self.record.pressure.fraction)} as of {duration(about.as_of_s)} ago"
        )

    def to_dict(self) -> dict[str, Any]:
        """The report's figures, with ``as_of_s``, and ``now``: what was read from outside."""
        about, report = self.about, self.report or Stats(self.record)
        now = {
            "rss_bytes": about.rss_bytes,
            "tree_bytes": about.tree_bytes,
            "children_bytes": about.children_bytes,
        }
        told = {"kernel": about.name, "state": about.state, "as_of_s": about.as_of_s, "now": now}
        return {**report.to_dict(), **told}

    def to_frame(self) -> pd.DataFrame:
        """The rows of the report."""
        return (self.report or Stats(self.record)).to_frame()

    def plot(self, *, theme: str | None = None) -> Figure:
        """The picture of the report, as of then."""
        return (self.report or Stats(self.record)).plot(theme=theme)
