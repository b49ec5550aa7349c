"""What the tools answer: the figures of the reports' ``to_dict``, with their schema.

Bytes are ``int`` and end in ``_bytes``, seconds in ``_s``, fractions are 0..1; null is unknown,
never 0. Names are those of reports and logs.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

__all__ = [
    "Answer",
    "CleanupResult",
    "KernelsResult",
    "PoolsResult",
    "PressureResult",
    "StatsResult",
]

Level = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]


class Now(BaseModel):
    """What can be read of a kernel's process from outside."""

    rss_bytes: int | None
    tree_bytes: int | None
    children_bytes: int | None


class Answer(BaseModel):
    """Of which kernel it is, and how old."""

    kernel: str = Field(description="the kernel's notebook and id")
    pid: int
    answered: bool = Field(
        description="false: the kernel was busy, the figures are what it said last"
    )
    state: str | None = Field(None, description="what kept the kernel from answering")
    as_of_s: float | None = Field(None, description="age of figures that the kernel said before")
    now: Now | None = Field(None, description="its process now, where the kernel did not answer")


class Pool(BaseModel):
    """A pool's ledger."""

    used_bytes: int | None
    capacity_bytes: int | None = Field(description="budget in force; null: only measured")
    limit_bytes: int | None
    growth: str | None
    peak_bytes: int | None
    peak_kind: str | None
    mean_bytes: int | None
    waste: float | None = Field(description="unused / (unused + used)")
    as_of_s: float | None
    complete: bool | None = Field(description="false: the values are lower bounds")


class ManagedPool(Pool):
    """A pool with what is managed in it."""

    managed_bytes: int | None
    managed_peak_bytes: int | None
    allocations: int | None
    evictions: int | None
    hits: int | None
    misses: int | None
    swapped_bytes: int | None


class Collector(BaseModel):
    """The garbage collector's times."""

    last_run_s_ago: float | None
    next_run_in_s: float | None


class LastCell(BaseModel):
    """The last cell that ended."""

    label: str
    first_line: str
    duration_s: float | None
    growth_bytes: int | None
    peak_bytes: int | None
    peak_kind: str | None
    failed: bool | None


class Variable(BaseModel):
    """A variable of the notebook."""

    name: str
    type: str | None
    detail: str | None
    retained_bytes: int | None = Field(description="bytes freed if this name went away")
    shared_bytes: int | None
    device_bytes: int | None
    complete: bool | None = Field(description="false: the size is a lower bound")
    cells_since_use: int | None


class StatsResult(Answer):
    """Where a kernel's memory is."""

    timestamp: str
    rss_bytes: int | None = Field(description="resident memory of the kernel process")
    tree_bytes: int | None = Field(description="the kernel and its children, shared pages once")
    children_bytes: int | None
    baseline_bytes: int | None
    imports_bytes: int | None
    slack_bytes: int | None = Field(description="held by allocators and free")
    unattributed_bytes: int | None
    not_resident_bytes: int | None
    device_bytes: int | None = Field(description="on accelerators, beside all others")
    limit_bytes: int | None
    limit_source: str | None
    pressure: float | None
    pressure_level: Level | None
    pools: dict[str, Pool]
    gc: Collector
    cell: LastCell | None
    variables: list[Variable] | None = Field(
        None, description="the largest; null: not asked for, or not sized while it was busy"
    )


class PoolsResult(Answer):
    """The memory pools, and advice on one where that was asked for."""

    total_allocated_bytes: int
    total_used_bytes: int
    total_available_bytes: int
    pools: dict[str, ManagedPool]
    caches: dict[str, dict[str, Any]]
    analyzed: str | None
    advice: list[dict[str, Any]]


class Trend(BaseModel):
    """Change of the memory; low and high are its 95% bounds."""

    bytes_per_s: float
    low: float
    high: float
    span_s: float
    steady: bool


class PressureResult(Answer):
    """How close a kernel is to its limit."""

    timestamp: str
    pressure: float | None
    pressure_level: Level | None
    pressure_parts: dict[str, float | None]
    tree_bytes: int | None
    limit_bytes: int | None
    limit_source: str | None
    thresholds: dict[str, float] | None = Field(None, description="where each level begins")
    next_level: str | None = None
    headroom_bytes: int | None = Field(None, description="to the next level")
    trend: Trend | None = None
    auto_respond: bool | None = None
    notes: list[str] = []


class Step(BaseModel):
    """One step of a cleanup: estimated before, measured after."""

    target: str
    what: str
    state: Literal["planned", "done", "failed", "left"]
    estimated_bytes: int | None
    measured_bytes: int | None
    duration_s: float | None
    why: str


class CleanupResult(Answer):
    """What a cleanup gave back, or would (``dry_run``)."""

    targets: list[str]
    aggressive: bool
    compact: bool
    dry_run: bool
    estimated_bytes: int | None
    measured_bytes: int | None = Field(description="resident bytes given back")
    rss_before_bytes: int | None
    rss_after_bytes: int | None
    steps: list[Step]
    notes: list[str]


class KernelEntry(BaseModel):
    """A kernel of this machine; what is null it has not said, or may not be read."""

    kernel_id: str
    pid: int
    notebook: str | None
    loaded: bool = Field(description="whether it has loaded pmat_nb: the other tools need that")
    running: str | None = Field(description="the cell that runs")
    running_s: float | None
    rss_bytes: int | None
    tree_bytes: int | None
    limit_bytes: int | None
    pressure: float | None
    pressure_level: Level | None


class KernelsResult(BaseModel):
    """Every kernel that runs on this machine."""

    kernels: list[KernelEntry]
