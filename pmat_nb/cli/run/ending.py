"""The record of an executed notebook, from what its kernel said."""

from __future__ import annotations

from typing import Any

from pmat_nb.engine.runs.gates import GateCheck
from pmat_nb.engine.runs.records import CellRun, NotebookRun, Outcome

__all__ = ["notebook_run", "unchecked"]


def unchecked(started: dict[str, Any], why: str) -> dict[str, Any]:
    """The end of a kernel that said none: gates that nobody checked have failed.

    What they look at may be over its bound.
    """
    problem = f"was not checked: {why or 'the kernel did not say'}"
    asked = started.get("gates", ())
    return {"gates": [{**gate, "passed": False, "problem": problem} for gate in asked]}


def notebook_run(
    name: str,
    outcome: Outcome,
    started_at: float,
    duration_s: float,
    started: dict[str, Any],
    end: dict[str, Any],
    cells: tuple[CellRun, ...],
    *,
    death: str = "",
    out_of_memory: bool = False,
    notes: tuple[str, ...] = (),
) -> NotebookRun:
    """``started`` and ``end`` are the kernel's own words, empty where it said none."""
    faults = tuple(f"switched off: {fault}" for fault in end.get("faults", ()))
    unprotected = end.get("unprotected")
    if unprotected:
        notes = (*notes, f"no limit could be enforced: {unprotected}")
    return NotebookRun(
        path=name,
        output=None,
        outcome=outcome,
        started_at=started_at,
        duration_s=duration_s,
        start_rss_bytes=started.get("rss_bytes"),
        end_rss_bytes=end.get("rss_bytes"),
        limit_bytes=started.get("limit_bytes"),
        limit_source=started.get("limit_source"),
        cells=cells,
        gates=tuple(GateCheck(**check) for check in end.get("gates", ())),
        death=death,
        out_of_memory=out_of_memory,
        notes=(*notes, *faults),
    )
