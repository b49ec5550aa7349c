"""What the words of ``pmat-nb run`` ask for, checked before any kernel starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pmat_nb.engine.runs.baseline import Tolerance
from pmat_nb.engine.runs.records import RunRecord
from pmat_nb.errors import StateFileError, UsageError
from pmat_nb.settings import setting, spelled
from pmat_nb.units import LimitSpec

from .files import check_place, check_report, read_baseline
from .notebooks import output_paths, read_notebook, same_file
from .parameters import parameters_of

__all__ = ["Plan", "plan_of"]


class Plan(NamedTuple):
    """A checked order. ``notebooks`` are paths as given, ``outputs`` where each one goes."""

    notebooks: tuple[Path, ...]
    read: tuple[Any, ...]
    outputs: tuple[Path | None, ...]
    scenario: Path | None
    parameters: dict[str, object]
    environment: dict[str, str]
    limit_source: str | None
    limit_per_cell: str | None
    timeout_s: float | None
    allow_errors: bool
    kernel_name: str
    log: Path | None
    report: Path | None
    baseline: Path | None
    earlier: RunRecord | None
    update_baseline: bool
    tolerance: Tolerance
    quiet: bool


def plan_of(options: dict[str, Any]) -> Plan:
    """The plan that the options make.

    Raises:
        UsageError: they do not go together, or a file cannot be read or written.
    """
    notebooks = tuple(Path(word).expanduser() for word in options["notebooks"] or ())
    scenario = options["scenario"]
    _check_input(notebooks, scenario)
    read = tuple(read_notebook(path) for path in notebooks)
    outputs = tuple(output_paths(notebooks, options["output_notebook"]))
    baseline, earlier = _baseline(options)
    report = None if options["report"] is None else check_report(options["report"])
    log = _log(options["log"])
    source = [*notebooks, *([Path(scenario).expanduser()] if scenario else [])]
    written = {"--report": report, "--baseline": baseline, "--log": log}
    _check_apart(source, written, [path for path in outputs if path is not None])
    tolerance = options["tolerance"]
    return Plan(
        notebooks=notebooks,
        read=read,
        outputs=outputs,
        scenario=None if scenario is None else Path(scenario).expanduser(),
        parameters=parameters_of(options["parameters"], options["parameters_raw"]),
        environment=_environment(options),
        limit_source=_limit_source(options),
        limit_per_cell=_limit_per_cell(options["limit_per_cell"]),
        timeout_s=options["timeout"],
        allow_errors=options["allow_errors"],
        kernel_name=options["kernel_name"] or "",
        log=log,
        report=report,
        baseline=baseline,
        earlier=earlier,
        update_baseline=options["update_baseline"],
        tolerance=Tolerance(0.10 if tolerance is None else tolerance, options["time_tolerance"]),
        quiet=options["quiet"],
    )


def _check_input(notebooks: Sequence[Path], scenario: str | None) -> None:
    if bool(notebooks) == (scenario is not None):
        what = "a notebook or --scenario FILE" if not notebooks else "notebooks or a scenario"
        also = ", not both" if notebooks else ""
        raise UsageError(f"pmat-nb run: name {what}{also}; for example pmat-nb run analysis.ipynb")


def _baseline(options: dict[str, Any]) -> tuple[Path | None, RunRecord | None]:
    name, update = options["baseline"], options["update_baseline"]
    if name is None:
        if update:
            raise UsageError("--update-baseline: name the file: --baseline memory.json")
        return None, None
    path = check_place(Path(name).expanduser(), "--baseline")
    if update and not path.exists():
        return path, None
    return path, read_baseline(path)


def _log(name: str | None) -> Path | None:
    if name is None:
        return None
    if name == "-":
        raise UsageError("--log: the kernel writes it, to a file; for example --log run.ndjson")
    from pmat_nb.engine.log import LogWriter

    # The kernel has a working folder of its own.
    path = check_place(Path(name).expanduser(), "--log").absolute()
    try:
        LogWriter(path).close()
    except StateFileError as problem:
        raise UsageError(f"--log: {problem}") from None
    return path


def _check_apart(
    source: Sequence[Path], written: dict[str, Path | None], outputs: Sequence[Path]
) -> None:
    taken = [*source, *outputs]
    for called, path in written.items():
        if path is None:
            continue
        if any(same_file(path, other) for other in taken):
            raise UsageError(f"{called}: {str(path)!r} is another file of this run; name its own")
        taken.append(path)


def _environment(options: dict[str, Any]) -> dict[str, str]:
    limits = [options[key] for key in ("max_total", "memory_limit") if options[key] is not None]
    if len(limits) > 1:
        raise UsageError("--memory-limit: is the same as --max-total; give one of them")
    found = {}
    if limits:
        found["PMAT_MEMORY_MAX"] = spelled(setting("max-total"), limits[0])
    if options["profile"] is not None:
        found["PMAT_MEMORY_PROFILE"] = str(options["profile"])
    return found


def _limit_source(options: dict[str, Any]) -> str | None:
    """The option by which the kernel's limit was asked for, as the user typed it."""
    if options["max_total"] is not None:
        return "--max-total"
    return None if options["memory_limit"] is None else "--memory-limit"


def _limit_per_cell(spec: LimitSpec | None) -> str | None:
    if spec is None:
        return None
    if spec.kind == "off":
        raise UsageError("--limit-per-cell: off is what holds without it; for example 1GB")
    return spelled(setting("max-total"), spec)
