"""The garbage collector of this process."""

from __future__ import annotations

import gc

from pmat_nb.engine.records import GcState

__all__ = ["gc_state"]


def gc_state(now: float, last_run_at: float | None, next_run_at: float | None) -> GcState:
    """Its counts and thresholds; ages from the two moments, where the caller knows them."""
    return GcState(
        enabled=gc.isenabled(),
        counts=gc.get_count(),
        thresholds=gc.get_threshold(),
        frozen=gc.get_freeze_count() if hasattr(gc, "get_freeze_count") else 0,
        last_run_s_ago=None if last_run_at is None else max(0.0, now - last_run_at),
        next_run_in_s=None if next_run_at is None else max(0.0, next_run_at - now),
    )
