"""``pmat-nb run``, declared as the other commands are."""

from __future__ import annotations

from .option import Option, Verb
from .values import setting

__all__ = ["RUN"]

_INPUT = (
    Option(
        "notebooks",
        "path",
        "the notebooks to execute, each in a kernel of its own",
        positional=True,
        needed=False,
        many=True,
        metavar="NOTEBOOK",
    ),
    Option(
        "scenario",
        "path",
        "a performance test instead: cells or a notebook, repeated (TOML, see docs/run.md)",
        metavar="FILE",
    ),
    Option(
        "parameters",
        "text",
        "set a parameter, in a cell after the one tagged parameters; may be repeated",
        short="p",
        pairs=True,
    ),
    Option("parameters-raw", "text", "the same, VALUE taken as text", short="r", pairs=True),
    Option("kernel-name", "text", "the kernel to use instead of the notebook's", metavar="NAME"),
)
_BOUNDS = (
    setting("max-total"),
    Option("memory-limit", "limit", "the same as --max-total", unit="bytes", metavar="SIZE"),
    setting("profile"),
    Option(
        "limit-per-cell",
        "limit",
        "stop a cell that adds more than this; %%pmat_limit above a cell replaces it",
        unit="bytes",
        metavar="SIZE",
    ),
    Option(
        "timeout",
        "duration",
        "end the run at a cell that takes longer",
        unit="s",
        minimum=1,
        maximum=2_592_000,
        metavar="SECONDS",
    ),
    Option(
        "allow-errors", "flag", "go on after a cell that failed; the run has failed all the same"
    ),
)
_RESULTS = (
    Option(
        "output-notebook",
        "path",
        "the executed notebook: a file, a folder that is there, or off; by default "
        "NAME.executed.ipynb beside each",
        metavar="FILE",
        off=True,
    ),
    Option(
        "log",
        "path",
        "append the kernel's figures as they come, a JSON object a line",
        metavar="FILE",
    ),
    Option(
        "report",
        "path",
        "write what was measured: a page (.html), figures (.json) or JUnit (.xml)",
        metavar="FILE",
    ),
    Option(
        "baseline",
        "path",
        "compare with an earlier run's figures (--update-baseline or --report FILE.json), and fail "
        "on a regression",
        metavar="FILE",
    ),
    Option(
        "update-baseline", "flag", "write this run to the file of --baseline; nothing fails by it"
    ),
    Option(
        "tolerance",
        "fraction",
        "by how much memory may exceed the baseline's",
        default=0.10,
        minimum=0,
        metavar="FRACTION",
    ),
    Option(
        "time-tolerance",
        "fraction",
        "by how much time may exceed the baseline's; without it time is compared, never failed",
        minimum=0,
        metavar="FRACTION",
    ),
    Option("quiet", "flag", "no progress on standard error", short="q"),
)

RUN = Verb(
    "run",
    "execute notebooks headless, measure every cell, fail on a limit, a gate or a regression",
    (*_INPUT, *_BOUNDS, *_RESULTS),
    reports=True,
    examples=(
        "analysis.ipynb --max-total 4GB --report run.html",
        "etl.ipynb -p rows 1000 --limit-per-cell 1GB --log run.ndjson",
        "*.ipynb --baseline memory.json --tolerance 15%",
        "--scenario load.toml --memory-limit 2GB --report perf.json",
    ),
)
