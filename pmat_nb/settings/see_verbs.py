"""Commands that show where memory is, what keeps it, and what each cell cost."""

from __future__ import annotations

from .option import Option, Verb

__all__ = ["DASHBOARD", "HISTORY", "STATS", "STATUS", "VARS", "WHY"]

STATUS = Verb("status", "where the kernel's memory stands, and what makes sense next", reports=True)

STATS = Verb(
    "stats",
    "where the kernel's memory is: pools, libraries, allocators, limits",
    (
        Option("detailed", "flag", "also pools, largest variables, allocators, limits"),
        Option(
            "watch",
            "duration",
            "refresh every SECONDS while later cells run; off stops it",
            unit="s",
            minimum=0.1,
            maximum=3600,
            metavar="SECONDS",
            optional=2.0,
            off=True,
        ),
        Option(
            "by",
            "choice",
            "break the memory down by this instead",
            choices=("pool", "variable", "cell", "type"),
            metavar="WHAT",
        ),
        Option("check-leaks", "flag", "also cells that keep more on each run, and leaks found"),
        Option(
            "leak-report",
            "path",
            "show the last leak report, or write it to FILE (.json, .csv or .parquet); where "
            "there is none, the suspected cells",
            metavar="FILE",
            optional="-",
        ),
        Option(
            "analyze-log",
            "path",
            "summarise an NDJSON log instead of this kernel",
            metavar="FILE",
        ),
    ),
    reports=True,
    examples=("--detailed", "--by variable", "--watch 5", "--format json -o stats.json"),
)

VARS = Verb(
    "vars",
    "what each variable holds, largest first",
    (
        Option("exact", "flag", "no time budget: size everything, however long it takes"),
        Option(
            "top",
            "count",
            "show the N largest",
            minimum=1,
            maximum=1_000_000,
            metavar="N",
            default=20,
        ),
    ),
    reports=True,
    examples=("--top 5", "--exact --format frame"),
)

WHY = Verb(
    "why",
    "what keeps a variable's object alive",
    (
        Option(
            "name",
            "text",
            "a variable, or a displayed object: Out[11]",
            positional=True,
            metavar="NAME",
            completes="variables",
        ),
    ),
    reports=True,
    examples=("df", "Out[11]"),
)

HISTORY = Verb(
    "history",
    "what each cell cost, in this and earlier sessions",
    (
        Option("sessions", "flag", "one row per session instead of per cell"),
        Option("deaths", "flag", "kernels of this notebook that died, and in which cell"),
        Option("plot", "flag", "draw it"),
        Option("forecast", "flag", "when re-run cells will reach the limit"),
    ),
    reports=True,
    examples=("--sessions", "--forecast", "--plot"),
)

DASHBOARD = Verb("dashboard", "what all the others show, live, and the controls to change it")
