"""``pmat-nb run``: execute, compare, write the files, say how it went by the exit code."""

from __future__ import annotations

import time
from typing import Any

from pmat_nb.cli.codes import Code
from pmat_nb.cli.printing import deliver
from pmat_nb.engine.runs.baseline import compare, regressions
from pmat_nb.engine.runs.records import SCHEMA, NotebookRun, RunRecord
from pmat_nb.render.runs import RunReport
from pmat_nb.settings import Verb

__all__ = ["command", "exit_code"]

INTERRUPTED = 130


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Carry it out; returns the exit code.

    Raises:
        UsageError: something cannot be as it was asked for.
    """
    from .plan import plan_of
    from .running import run_notebooks
    from .scenario import run_scenario

    plan = plan_of(options)
    started_at, clock = time.time(), time.monotonic()
    if plan.scenario is not None:
        runs, scenario = run_scenario(plan)
    else:
        runs, scenario = run_notebooks(plan), None
    from pmat_nb import __version__

    record = RunRecord(
        schema=SCHEMA,
        pmat=__version__,
        started_at=started_at,
        duration_s=time.monotonic() - clock,
        notebooks=runs,
        scenario=scenario,
    )
    record = _judged(record, plan)
    _write(record, plan)
    deliver(RunReport(record), options["format"], options["output"])
    return record.exit_code


def exit_code(record: RunRecord) -> int:
    """The code that says most: an interrupt, a limit, a failed cell, a gate or regression."""
    outcomes = {run.outcome for run in record.notebooks}
    cells = {cell.outcome for run in record.notebooks for cell in run.cells}
    if "interrupted" in outcomes:
        return INTERRUPTED
    if "stopped" in cells or any(run.out_of_memory for run in record.notebooks):
        return Code.LIMIT_EXCEEDED
    if outcomes - {"ok"} or "failed" in cells or any(run.death for run in record.notebooks):
        return Code.CELL_FAILED
    if regressions(record.changes) or _failed_gates(record.notebooks):
        return Code.GATE_FAILED
    return Code.FINE


def _judged(record: RunRecord, plan: Any) -> RunRecord:
    notes: tuple[str, ...] = ()
    if plan.earlier is not None and not plan.update_baseline:
        record = record._replace(changes=compare(plan.earlier, record, plan.tolerance))
    code = int(exit_code(record))
    if plan.update_baseline:
        said = "was written" if code in (Code.FINE, Code.GATE_FAILED) else "was left as it is"
        why = "" if code in (Code.FINE, Code.GATE_FAILED) else ": the run did not succeed"
        notes = (f"baseline {plan.baseline} {said}{why}",)
    return record._replace(exit_code=code, notes=notes)


def _write(record: RunRecord, plan: Any) -> None:
    from .files import write_baseline, write_report

    if plan.update_baseline and record.exit_code in (Code.FINE, Code.GATE_FAILED):
        write_baseline(plan.baseline, record)
    if plan.report is not None:
        write_report(plan.report, RunReport(record))


def _failed_gates(runs: tuple[NotebookRun, ...]) -> bool:
    return any(gate.passed is False for run in runs for gate in run.gates)
