"""What ``run_notebook`` answers; names and units as in :mod:`.results`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from pmat_nb.engine.runs.records import Outcome

__all__ = ["RunResult"]


class Cell(BaseModel):
    """One code cell of a run."""

    label: str
    first_line: str
    outcome: Outcome
    duration_s: float | None
    peak_bytes: int | None
    peak_kind: str | None
    added_bytes: int | None
    growth_bytes: int | None
    pressure_level: str | None
    error: str


class Gate(BaseModel):
    """A memory gate of pmat.toml; ``passed`` null: its figure could not be measured.

    ``problem`` says why one failed that was not checked.
    """

    gate: str
    passed: bool | None
    figure_bytes: int | None
    bound_bytes: int | None
    figure_level: str | None
    bound_level: str | None
    cell: str
    problem: str


class RunResult(BaseModel):
    """How the run of a notebook went; ``exit_code`` is that of ``pmat-nb run``."""

    path: str
    output: str | None = Field(description="the executed notebook, where one was asked for")
    outcome: Outcome
    exit_code: int
    duration_s: float
    start_rss_bytes: int | None
    end_rss_bytes: int | None
    peak_bytes: int | None
    growth_bytes: int | None
    limit_bytes: int | None
    limit_source: str | None
    death: str
    out_of_memory: bool
    cells: list[Cell]
    gates: list[Gate]
    notes: list[str]
