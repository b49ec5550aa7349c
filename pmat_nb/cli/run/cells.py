"""A cell of a notebook and what the kernel said of it, as one record."""

from __future__ import annotations

from typing import Any

from pmat_nb.engine.cells import first_line_of
from pmat_nb.engine.runs.records import CellRun, Outcome

from .notebooks import OURS

__all__ = ["cell_of", "not_run", "note_in_cell", "passed_over", "runs", "skipped"]

_SKIP, _MAY_FAIL = "skip-execution", "raises-exception"
# In the metadata of an executed cell.
_NOTED = ("outcome", "duration_s", "peak_bytes", "peak_kind", "added_bytes", "growth_bytes")


def runs(cell: Any) -> bool:
    """Whether the cell is executed at all, by nbclient's rules."""
    return _has_code(cell) and _SKIP not in cell.metadata.get("tags", ())


def skipped(cell: Any) -> bool:
    """Whether the cell has code that its tag keeps from being executed."""
    return _has_code(cell) and _SKIP in cell.metadata.get("tags", ())


def _has_code(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


def cell_of(
    place: int, cell: Any, outcome: Outcome, error: str, event: dict[str, Any] | None
) -> CellRun:
    """The record of a cell that ran; ``event`` is None where the kernel did not live to say."""
    made = not_run(place, cell)._replace(outcome=outcome, error=error)
    if event is None:
        return made
    expected = _MAY_FAIL in cell.metadata.get("tags", ())
    if event["stop"]:
        # Whatever the cell made of it.
        made = made._replace(outcome="ok" if expected else "stopped", error=event["stop"])
    elif event["failed"] and outcome == "ok":
        made = made._replace(outcome="ok" if expected else "failed", error=_error(cell))
    return made._replace(
        label=event["label"],
        duration_s=event["duration_s"],
        rss_before_bytes=event["rss_before_bytes"],
        rss_after_bytes=event["rss_after_bytes"],
        peak_bytes=event["peak_bytes"],
        peak_kind=event["peak_kind"],
        tree_peak_bytes=event["tree_peak_bytes"],
        pressure_level=event["pressure_level"],
    )


def _error(cell: Any) -> str:
    shown = [output for output in cell.outputs if output.output_type == "error"]
    return f"{shown[-1].ename}: {shown[-1].evalue}" if shown else "it failed"


def not_run(place: int, cell: Any) -> CellRun:
    """The record of a cell that the run did not get to."""
    import hashlib

    source = cell.source
    code_hash = hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return CellRun(place, f"cell {place + 1}", first_line_of(source), code_hash, "not run")


def passed_over(place: int, cell: Any) -> CellRun:
    """The record of a cell that is tagged not to be run."""
    return not_run(place, cell)._replace(outcome="skipped")


def note_in_cell(cell: Any, made: CellRun) -> None:
    """Leave the figures in the executed notebook's metadata."""
    figures = {name: getattr(made, name) for name in _NOTED}
    cell.metadata[OURS] = {name: value for name, value in figures.items() if value is not None}
