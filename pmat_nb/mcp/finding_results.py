"""What the tools answer that look for what could be less; names and units as in :mod:`.results`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from .results import Answer

__all__ = ["LeaksResult", "RecommendResult"]


class Suspect(BaseModel):
    """A cell that keeps more on each run."""

    cell: str
    first_line: str
    runs: int
    counted: int
    bytes_per_run: int
    low_bytes_per_run: int
    high_bytes_per_run: int
    device_bytes_per_run: int
    kind: str
    confidence: float
    since: str
    state: str
    kept_by: str


class LeakSite(BaseModel):
    """A line that keeps memory, of the last tracked report."""

    site: str
    source: str
    function: str
    kind: str
    verdict: str
    confidence: float
    bytes_per_iteration: float
    retained_bytes: int
    retained_blocks: int
    iterations: int
    retained_by: str
    recommendation: str


class LeakReport(BaseModel):
    """The last report of ``%pmat_leaks`` or ``%%pmat_leaks --repeat`` in that notebook."""

    leaking: bool
    iterations: int
    duration_s: float | None
    rows: list[LeakSite]
    notes: list[str]


class LeaksResult(Answer):
    """Cells under suspicion, and the last report."""

    watched_cells: int
    suspects: list[Suspect]
    last_report: LeakReport | None


class Row(BaseModel):
    """A recommendation; ``action`` is code for the user, which no tool here runs."""

    row: int
    kind: str
    what: str
    why: str
    action: str
    estimated_bytes: int | None
    basis: str
    risk: Literal["none", "recompute", "reload", "lossy"]
    where: str
    instead_of: int | None = Field(
        None, description="the row of a larger saving about the same data: not both can be had"
    )


class RecommendResult(Answer):
    """What would take less memory, the largest saving first."""

    rows: list[Row]
    complete: bool
    rss_bytes: int | None
    notes: list[str]
