"""``%pmat_gate``: every memory gate with its figure and its bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.runs.gates import GateCheck

from .blocks import Block, Column, Grid, Line, Part, level
from .format import brief, count, limit
from .report import Report, frame_of
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["GateReport", "failed_line", "gate_blocks", "gate_dicts"]

_KINDS = {
    "gate": "object",
    "passed": "boolean",
    "figure_bytes": "Int64",
    "bound_bytes": "Int64",
    "figure_level": "object",
    "bound_level": "object",
    "cell": "object",
    "first_line": "object",
    "problem": "object",
}
_STATES = {True: "passed", False: "failed", None: "not measured"}
_VERBS = {
    "max_memory_usage": "reached",
    "max_pressure_level": "took the pressure to",
    "max_cell_memory": "added",
    "max_cell_growth": "left behind",
}
_WHOLE = {
    "max_notebook_growth": "the notebook grew by",
    "require_cleanup_after": "after a cleanup at the end RSS was",
}


class GateReport(Report):
    """The gates that are set, and how this session stands to them; ``passed`` is of all.

    ``problems`` are gates that cannot be read, in words: with one of them nothing passes.
    """

    title = "Memory gates"

    def __init__(
        self, checks: Iterable[GateCheck], *, enabled: bool = True, problems: Iterable[str] = ()
    ) -> None:
        self.checks = tuple(checks)
        self.enabled = enabled
        self.problems = tuple(problems)

    @property
    def passed(self) -> bool:
        """Whether no gate has failed, and none is there that cannot be read."""
        return not self.problems and all(check.passed is not False for check in self.checks)

    def blocks(self) -> list[Block]:
        """A line on all of them, and one row for each."""
        unread = [Line.of(level("CRITICAL", f"  {problem}")) for problem in self.problems]
        return [Line.of(Part(self.compact(), "strong")), *gate_blocks(self.checks), *unread]

    def compact(self) -> str:
        """One line: how many there are, and how many failed."""
        if not self.enabled:
            return "memory gates are off ([quality.gates.memory] enabled)"
        if not self.checks and not self.problems:
            return "no memory gate is set; pmat.toml, [quality.gates.memory]: max_memory_usage ..."
        failed = sum(check.passed is False for check in self.checks)
        noun = "gate" if len(self.checks) == 1 else "gates"
        unread = f", {count(len(self.problems))} cannot be read" if self.problems else ""
        return f"{count(len(self.checks))} memory {noun}, {count(failed)} failed{unread}"

    def to_dict(self) -> dict[str, Any]:
        """Whether they are on and passed, and every check."""
        return {
            "enabled": self.enabled,
            "passed": self.passed,
            "gates": gate_dicts(self.checks),
            "problems": list(self.problems),
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per gate."""
        return frame_of(gate_dicts(self.checks), _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """Each gate on bytes: its figure beside its bound."""
        from .comparison_figure import Row, compared

        return compared(
            [
                Row(f"{check.gate}: {_STATES[check.passed]}", check.figure_bytes, check.bound_bytes)
                for check in self.checks
            ],
            title="Memory gates",
            theme=theme,
            expected="bound",
            nothing="no gate on bytes is set: there is nothing to draw",
        )


def gate_dicts(checks: Iterable[GateCheck]) -> list[dict[str, Any]]:
    """The checks as plain values."""
    return [check._asdict() for check in checks]


def gate_blocks(checks: tuple[GateCheck, ...]) -> list[Block]:
    """One row per gate: state, figure, bound, and the cell that reached it."""
    if not checks:
        return []
    columns = (
        Column("gate"),
        Column(""),
        Column("figure", right=True),
        Column("bound", right=True),
        Column("cell", flex=True),
    )
    rows = tuple(
        (
            check.gate,
            _STATES[check.passed],
            check.figure_level or brief(check.figure_bytes),
            check.bound_level or limit(check.bound_bytes),
            _cell(check),
        )
        for check in checks
    )
    failed = [check for check in checks if check.passed is False]
    return [
        Grid(columns, rows),
        *(Line.of(level("CRITICAL", f"  {failed_line(check)}")) for check in failed),
    ]


def failed_line(check: GateCheck) -> str:
    """A failed gate in words, on one line: the cell, the figure and the bound."""
    if check.problem:
        return f"gate {check.gate} {clean(check.problem)}"
    whole = _WHOLE.get(check.gate)
    who = whole or f"{_cell(check)} {_VERBS.get(check.gate, 'reached')}"
    figure = check.figure_level or brief(check.figure_bytes)
    bound = check.bound_level or limit(check.bound_bytes)
    return f"gate {check.gate}: {who} {figure}, the bound is {bound}"


def _cell(check: GateCheck) -> str:
    if not check.cell:
        return ""
    line = cut(clean(check.first_line), 50)
    return f"{check.cell} ({line})" if line else check.cell
