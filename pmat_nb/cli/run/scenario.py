"""Performance tests: cells or a notebook, repeated, with the spread of what they took.

A scenario is a TOML file::

    name = "load"
    setup = "import pandas as pd"          # once, not measured
    cells = ["df = pd.read_csv('a.csv')", "df.describe()"]
    # or: notebook = "load.ipynb"
    repeat = 5
    warm-up = 1
    kernel = "same"                        # or "fresh": each repetition in its own
    timeout = "60s"
    [parameters]
    rows = 1000
"""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pmat_nb.engine.runs.records import CellRun, NotebookRun, Repetition, Scenario, less
from pmat_nb.engine.runs.spread import spread
from pmat_nb.errors import UsageError
from pmat_nb.units import parse_duration

from .executing import Job, execute
from .notebooks import read_notebook
from .parameters import check_name, inject
from .plan import Plan
from .progress import Progress
from .running import teller, wishes_of

__all__ = ["read_scenario", "run_scenario"]

_KEYS = (
    "name",
    "notebook",
    "cells",
    "setup",
    "repeat",
    "warm-up",
    "kernel",
    "timeout",
    "parameters",
)
_MOST_CELLS = 100_000


class Order(NamedTuple):
    """A scenario as its file describes it; ``notebook`` has the cells of one repetition."""

    name: str
    notebook: Any
    setup: str
    repeat: int
    warm_up: int
    kernel: str
    timeout_s: float | None
    parameters: dict[str, object]
    folder: Path


def run_scenario(plan: Plan) -> tuple[tuple[NotebookRun, ...], Scenario]:
    """Carry a scenario out; what was not measured for an interrupt or a failure is left out."""
    assert plan.scenario is not None
    order = read_scenario(plan.scenario)
    progress = Progress(quiet=plan.quiet)
    try:
        runs = tuple(
            _fresh(plan, order, progress)
            if order.kernel == "fresh"
            else _same(plan, order, progress)
        )
    finally:
        progress.close()
    measured = (
        _measured_fresh(runs, order) if order.kernel == "fresh" else _measured(runs[0], order)
    )
    return runs, _scenario(order, tuple(measured))


def read_scenario(path: Path) -> Order:
    """The scenario in a file.

    Raises:
        UsageError: naming the file, the key, and what would work.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        reason = problem.strerror or problem
        raise UsageError(f"--scenario: {str(path)!r} cannot be read: {reason}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"--scenario: {str(path)!r} is not TOML: {problem}") from None
    _check_keys(path, found)
    folder = path.absolute().parent
    timeout = found.get("timeout")
    called = f"--scenario: {path.name}: timeout"
    return Order(
        name=_text(path, found, "name", path.stem),
        notebook=_notebook(path, found, folder),
        setup=_text(path, found, "setup", ""),
        repeat=_number(path, found, "repeat", 5, 1),
        warm_up=_number(path, found, "warm-up", 1, 0),
        kernel=_kernel(path, found),
        timeout_s=None if timeout is None else parse_duration(timeout, option=called),
        parameters=_parameters(path, found),
        folder=folder,
    )


def _check_keys(path: Path, found: dict[str, Any]) -> None:
    for key in found:
        if key not in _KEYS:
            import difflib

            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
            raise _wrong(path, key, f"is no key of a scenario; {hint}")
    if ("cells" in found) == ("notebook" in found):
        raise _wrong(path, "cells", "or notebook is needed, and not both; cells = ['x = 1']")


def _notebook(path: Path, found: dict[str, Any], folder: Path) -> Any:
    if "notebook" in found:
        return read_notebook(folder / _text(path, found, "notebook", ""))
    cells = found["cells"]
    if not isinstance(cells, list) or not cells or not all(isinstance(x, str) for x in cells):
        raise _wrong(path, "cells", "must be a list of code; for example cells = ['x = 1']")
    import nbformat

    make: Any = nbformat.v4
    return make.new_notebook(cells=[make.new_code_cell(source=code) for code in cells])


def _text(path: Path, found: dict[str, Any], key: str, default: str) -> str:
    value = found.get(key, default)
    if not isinstance(value, str):
        raise _wrong(path, key, f"must be text, and is {value!r}")
    return value


def _number(path: Path, found: dict[str, Any], key: str, default: int, least: int) -> int:
    value = found.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 10_000:
        raise _wrong(path, key, f"must be a whole number of {least} to 10000, and is {value!r}")
    return value


def _kernel(path: Path, found: dict[str, Any]) -> str:
    value = found.get("kernel", "same")
    if value not in ("same", "fresh"):
        raise _wrong(path, "kernel", f"must be same or fresh, and is {value!r}")
    return str(value)


def _parameters(path: Path, found: dict[str, Any]) -> dict[str, object]:
    value = found.get("parameters", {})
    if not isinstance(value, dict):
        raise _wrong(path, "parameters", "must be a table; for example [parameters]")
    for name, given in value.items():
        check_name(name, f"--scenario: {path.name}: parameters")
        if not isinstance(given, (bool, int, float, str)):
            raise _wrong(path, name, f"must be text, a number or a switch, and is {given!r}")
    return value


def _wrong(path: Path, key: str, what: str) -> UsageError:
    return UsageError(f"--scenario: {str(path)!r}: {key} {what}")


def _job(plan: Plan, order: Order, notebook: Any, number: str = "") -> Job:
    return Job(
        name=f"{order.name}{number}",
        # The history knows its runs by the scenario's file.
        path=None if plan.scenario is None else plan.scenario.absolute(),
        notebook=notebook,
        folder=order.folder,
        wishes=wishes_of(plan),
        timeout_s=plan.timeout_s or order.timeout_s,
        kernel_name=plan.kernel_name,
    )


def _same(plan: Plan, order: Order, progress: Progress) -> Iterator[NotebookRun]:
    notebook = _repeated(order, plan.parameters, order.warm_up + order.repeat)
    yield execute(_job(plan, order, notebook), teller(progress, order.name, notebook))


def _fresh(plan: Plan, order: Order, progress: Progress) -> Iterator[NotebookRun]:
    for number in range(1, order.warm_up + order.repeat + 1):
        notebook = _repeated(order, plan.parameters, 1)
        job = _job(plan, order, notebook, f" {number}")
        run = execute(job, teller(progress, job.name, notebook))
        yield run
        if run.outcome != "ok":
            return


def _repeated(order: Order, parameters: dict[str, object], times: int) -> Any:
    """A notebook of the setup and the cells, as often as wished."""
    import nbformat

    once = copy.deepcopy(order.notebook)
    if given := {**order.parameters, **parameters}:
        inject(once, given)
    cells = [cell for cell in once.cells if cell.cell_type == "code" and cell.source.strip()]
    if len(cells) * times > _MOST_CELLS:
        raise UsageError(f"--scenario: {len(cells) * times:,} cells are more than {_MOST_CELLS:,}")
    make: Any = nbformat.v4
    # The setup is one cell, also where there is none: repetitions begin at the second.
    once.cells = [
        make.new_code_cell(source=order.setup or "# setup"),
        *(copy.deepcopy(cell) for _ in range(times) for cell in cells),
    ]
    return once


def _measured(run: NotebookRun, order: Order) -> Iterator[Repetition]:
    cells = run.cells[1:]
    each = len(cells) // (order.warm_up + order.repeat)
    for number in range(order.warm_up, order.warm_up + order.repeat):
        made = _repetition(cells[number * each : (number + 1) * each])
        if made is not None:
            yield made


def _measured_fresh(runs: tuple[NotebookRun, ...], order: Order) -> Iterator[Repetition]:
    for run in runs[order.warm_up :]:
        made = _repetition(run.cells[1:])
        if made is not None:
            yield made


def _repetition(cells: tuple[CellRun, ...]) -> Repetition | None:
    """One repetition's figures, skipped cells left out; None where it did not run to its end."""
    cells = tuple(cell for cell in cells if cell.outcome != "skipped")
    if not cells or any(cell.duration_s is None or cell.outcome != "ok" for cell in cells):
        return None
    before, after = cells[0].rss_before_bytes, cells[-1].rss_after_bytes
    seen = [x for cell in cells for x in (cell.peak_bytes, cell.tree_peak_bytes) if x is not None]
    peak = max(seen, default=None)
    return Repetition(
        peak, less(peak, before), less(after, before), sum(cell.duration_s or 0 for cell in cells)
    )


def _scenario(order: Order, measured: tuple[Repetition, ...]) -> Scenario:
    return Scenario(
        name=order.name,
        kernel=order.kernel,
        repeat=order.repeat,
        warm_up=order.warm_up,
        repetitions=measured,
        peak=spread(each.peak_bytes for each in measured),
        added=spread(each.added_bytes for each in measured),
        growth=spread(each.growth_bytes for each in measured),
        time=spread(each.duration_s for each in measured),
    )
