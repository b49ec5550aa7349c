"""The notebooks of a run, one after the other, each in a kernel of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pmat_nb.engine.runs.records import CellRun, NotebookRun

from .client import Wishes
from .executing import Job, execute
from .notebooks import OURS, write_notebook
from .parameters import inject
from .plan import Plan
from .progress import Progress

__all__ = ["run_notebooks", "teller", "wishes_of"]


def run_notebooks(plan: Plan) -> tuple[NotebookRun, ...]:
    """Execute every notebook of the plan; an interrupt ends it with those that ran."""
    progress, done = Progress(quiet=plan.quiet), []
    try:
        for path, notebook, output in zip(plan.notebooks, plan.read, plan.outputs, strict=True):
            run = _run(plan, path, notebook, output, progress)
            done.append(run)
            if run.outcome == "interrupted":
                break
    finally:
        progress.close()
    return tuple(done)


def wishes_of(plan: Plan) -> Wishes:
    """What every kernel of the plan is told."""
    log = None if plan.log is None else str(plan.log)
    return Wishes(plan.environment, plan.limit_per_cell, log, plan.limit_source)


def teller(progress: Progress, title: str, notebook: Any) -> Callable[[int, CellRun | None], None]:
    """What hears of a notebook's cells and shows them."""
    from pmat_nb.engine.cells import first_line_of

    from .cells import runs

    places = [place for place, cell in enumerate(notebook.cells) if runs(cell)]

    def tell(place: int, ended: CellRun | None) -> None:
        done = places.index(place) + (ended is not None)
        line = first_line_of(notebook.cells[place].source)
        progress.cell(title, done, len(places), line, ended)

    return tell


def _run(
    plan: Plan, path: Path, notebook: Any, output: Path | None, progress: Progress
) -> NotebookRun:
    notes: tuple[str, ...] = ()
    if plan.parameters and not inject(notebook, plan.parameters):
        notes = ("no cell is tagged parameters: they were set in a cell before all others",)
    absolute = path.expanduser().absolute()
    job = Job(
        name=str(path),
        path=absolute,
        notebook=notebook,
        folder=absolute.parent,
        wishes=wishes_of(plan),
        timeout_s=plan.timeout_s,
        allow_errors=plan.allow_errors,
        kernel_name=plan.kernel_name,
        notes=notes,
    )
    run = execute(job, teller(progress, path.name, notebook))
    if output is None:
        return run
    notebook.metadata[OURS] = {"outcome": run.outcome, "peak_bytes": run.peak_bytes}
    write_notebook(output, notebook)
    return run._replace(output=str(output))
