"""The frozen records of ``pmat-nb run``: cells, notebooks, repetitions, and how they differ."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .gates import GateCheck
from .spread import Spread

__all__ = [
    "SCHEMA",
    "CellRun",
    "Change",
    "NotebookRun",
    "Outcome",
    "Repetition",
    "RunRecord",
    "Scenario",
]

SCHEMA = 1
Outcome = Literal[
    "ok", "failed", "stopped", "timed out", "died", "interrupted", "not run", "skipped"
]


class CellRun(NamedTuple):
    """One code cell. ``place`` is where it is in the notebook, from 0, other cells counted too.

    ``stopped`` is a cell that its memory limit ended. ``failed`` ones that were allowed to
    fail (the tag ``raises-exception``) have the outcome ``ok``, and an ``error``. ``skipped``
    ones have the tag ``skip-execution``: nothing is judged of them. Figures are None for a cell
    that did not run. ``tree_peak_bytes`` is the guard's highest reading of the kernel with its
    children: sampled, where ``peak_bytes`` is the kernel's own, exact if ``peak_kind`` says so.
    """

    place: int
    label: str
    first_line: str
    code_hash: str
    outcome: Outcome
    duration_s: float | None = None
    rss_before_bytes: int | None = None
    rss_after_bytes: int | None = None
    peak_bytes: int | None = None
    peak_kind: str | None = None
    tree_peak_bytes: int | None = None
    pressure_level: str | None = None
    error: str = ""

    @property
    def growth_bytes(self) -> int | None:
        """RSS after the cell less RSS before it."""
        return less(self.rss_after_bytes, self.rss_before_bytes)

    @property
    def added_bytes(self) -> int | None:
        """What the cell added at its peak."""
        return less(self.peak_bytes, self.rss_before_bytes)


class NotebookRun(NamedTuple):
    """One notebook in one kernel. ``death`` says what became of a kernel that died,
    ``out_of_memory`` whether the system's OOM killer acted then.
    """

    path: str
    output: str | None
    outcome: Outcome
    started_at: float
    duration_s: float
    start_rss_bytes: int | None
    end_rss_bytes: int | None
    limit_bytes: int | None
    limit_source: str | None
    cells: tuple[CellRun, ...] = ()
    gates: tuple[GateCheck, ...] = ()
    death: str = ""
    out_of_memory: bool = False
    notes: tuple[str, ...] = ()

    @property
    def peak_bytes(self) -> int | None:
        """The highest of all cells, children of the kernel included where they were seen."""
        seen = [
            size
            for cell in self.cells
            for size in (cell.peak_bytes, cell.tree_peak_bytes)
            if size is not None
        ]
        return max(seen, default=None)

    @property
    def growth_bytes(self) -> int | None:
        """RSS at the end less RSS before the first cell."""
        return less(self.end_rss_bytes, self.start_rss_bytes)


class Repetition(NamedTuple):
    """One measured repetition of a scenario."""

    peak_bytes: int | None
    added_bytes: int | None
    growth_bytes: int | None
    duration_s: float


class Scenario(NamedTuple):
    """A scenario's repetitions and their spread; figures that nobody could read are None."""

    name: str
    kernel: str
    repeat: int
    warm_up: int
    repetitions: tuple[Repetition, ...]
    peak: Spread | None
    added: Spread | None
    growth: Spread | None
    time: Spread | None


class Change(NamedTuple):
    """One figure in this run and in an earlier one; ``cell`` is empty for the whole notebook.

    ``figure`` is ``peak`` (bytes), ``added`` (bytes above what was held before the cell),
    ``growth`` (bytes) or ``time`` (seconds). ``unjudged``: shown, never failed.
    """

    notebook: str
    cell: str
    figure: str
    before: float | None
    after: float | None
    verdict: Literal["worse", "better", "same", "new", "gone", "unjudged"]
    bound: float | None = None


class RunRecord(NamedTuple):
    """All of one ``pmat-nb run``; also what a baseline file holds."""

    schema: int
    pmat: str
    started_at: float
    duration_s: float
    notebooks: tuple[NotebookRun, ...]
    scenario: Scenario | None = None
    changes: tuple[Change, ...] = ()
    exit_code: int = 0
    notes: tuple[str, ...] = ()


def less(after: int | None, before: int | None) -> int | None:
    """The difference; None where either is unknown."""
    return None if after is None or before is None else after - before
