"""What a guarded scope answers with when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ChildReport", "GuardReport"]


@dataclass(frozen=True, slots=True)
class ChildReport:
    """A child process that grew during a scope that was stopped.

    ``ended``: its growth caused the stop, it was frozen and killed. ``listed``: it
    belongs to a cluster runtime that limits itself (Dask, Ray, Spark) or was named
    by the caller; it was left alone.
    """

    pid: int
    name: str
    growth_bytes: int
    action: Literal["ended", "listed"]


@dataclass(frozen=True, slots=True)
class GuardReport:
    """One cell or block under a limit, from arming to disarming.

    Bytes are of the process tree (PSS where there are children). ``limit_bytes`` is
    the limit as asked for, None where only the standing limit held;
    ``threshold_bytes`` the total it came to. ``peak_tree_bytes`` is the highest
    reading of the guard: sampled, not exact. ``at_s`` is when the limit was found
    exceeded, ``peak_at_s`` when the peak was read, both from the start. ``line`` is
    ``(file, number)`` of the innermost line in the scope when it was first raised.
    """

    seq: int
    limit_bytes: int | None
    threshold_bytes: int | None
    baseline_tree_bytes: int
    peak_tree_bytes: int
    peak_at_s: float | None
    duration_s: float
    stopped: bool = False
    warned: bool = False
    reason: str = ""
    tree_bytes: int | None = None
    at_s: float | None = None
    times_raised: int = 0
    ceiling_bytes: int | None = None
    children: tuple[ChildReport, ...] = ()
    threads: tuple[str, ...] = ()
    line: tuple[str, int] | None = None
    guards_replaced: int = 0
