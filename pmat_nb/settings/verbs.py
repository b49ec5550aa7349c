"""The commands, each with its options declared once.

The magics' argument parsers, their help, Tab completion, the command line and the
reference docs derive from this table.
"""

from __future__ import annotations

from .option import Option, Verb
from .values import SETTINGS

__all__ = ["VERBS", "verb"]

_NAME = Option(
    "name",
    "text",
    "a variable, or a displayed object: Out[11]",
    positional=True,
    metavar="NAME",
    completes="variables",
)
_TOP = Option(
    "top", "count", "show the N largest", minimum=1, maximum=1_000_000, metavar="N", default=20
)

VERBS: tuple[Verb, ...] = (
    Verb("status", "where the kernel's memory stands, and what makes sense next", reports=True),
    Verb(
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
    ),
    Verb(
        "vars",
        "what each variable holds, largest first",
        (
            Option("exact", "flag", "no time budget: size everything, however long it takes"),
            _TOP,
        ),
        reports=True,
        examples=("--top 5", "--exact --format frame"),
    ),
    Verb(
        "why",
        "what keeps a variable's object alive",
        (_NAME,),
        reports=True,
        examples=("df", "Out[11]"),
    ),
    Verb(
        "limit",
        "stop a cell before it takes more memory than this; alone: what is in force",
        (
            Option(
                "size",
                "limit",
                "a size, 80%, +2GB, auto or off; above a cell: what the cell may add, auto for "
                "what is left of the kernel's automatic limit, off for no limit in this cell",
                unit="bytes",
                positional=True,
                needed=False,
                metavar="SIZE",
            ),
            Option(
                "scope",
                "choice",
                "whether SIZE is what the cell may add or what the whole kernel may reach",
                choices=("cell", "total"),
                metavar="WHAT",
            ),
            Option(
                "ceiling",
                "choice",
                "refuse a single allocation that is too large before it gets a page; auto is "
                "off once a library is loaded that ends the process then (polars)",
                default="auto",
                choices=("auto", "on", "off"),
                metavar="WHEN",
            ),
            Option("warn-only", "flag", "say that the limit was exceeded, but stop nothing"),
            Option(
                "restore-names",
                "flag",
                "after a stop put back the names that the cell bound; the old values stay in "
                "memory meanwhile, and in-place changes are not undone",
            ),
            Option("keep-frames", "flag", "after a stop keep the frames' variables for %debug"),
        ),
        reports=True,
        examples=("2GB", "80%", "auto", "off"),
        cell=True,
    ),
    Verb(
        "save",
        "variables to disk, signed and in one file",
        (
            Option(
                "path",
                "path",
                "the file; by default one per notebook in the user's state folder",
                positional=True,
                needed=False,
                metavar="PATH",
            ),
            Option("vars", "text", "only these, separated by commas", metavar="LIST"),
        ),
        reports=True,
        examples=("", "work.pmat --vars df,model"),
    ),
    Verb(
        "restore",
        "variables back from disk",
        (
            Option(
                "path",
                "path",
                "the file; by default what %pmat_save wrote last for this notebook",
                positional=True,
                needed=False,
                metavar="PATH",
            ),
            Option("vars", "text", "only these, separated by commas", metavar="LIST"),
        ),
        reports=True,
        examples=("", "work.pmat --vars df"),
    ),
    Verb(
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
    ),
    Verb(
        "cleanup",
        "give back what may go, with what each step was estimated and measured to free",
        (
            Option(
                "target",
                "text",
                "only these, separated by commas: cache, cache:NAME, temp, string, ast, "
                "analysis or all; by default cache,temp",
                metavar="LIST",
                completes="targets",
            ),
            Option(
                "aggressive",
                "flag",
                "also warm caches, Out[], the last error (%debug), every figure, all garbage",
            ),
            Option(
                "compact",
                "flag",
                "also hand back what allocators hold, share equal strings; with the target "
                "analysis or all copy small views of large arrays",
            ),
            Option(
                "cache-age",
                "duration",
                "of caches only entries not used for this long",
                unit="s",
                minimum=0,
                metavar="AGE",
            ),
            Option("dry-run", "flag", "show the plan and do nothing"),
        ),
        reports=True,
        examples=("--dry-run", "--target cache,temp", "--aggressive --compact", "--cache-age 7d"),
    ),
    Verb(
        "pools",
        "the memory pools: limit, budget in force, use, peak and waste",
        (
            Option("detailed", "flag", "also what each pool holds, and its statistics"),
            Option(
                "analyze",
                "text",
                "one pool, with what would help",
                metavar="NAME",
                completes="pools",
            ),
            Option(
                "reset",
                "text",
                "empty what may be emptied of a pool, and its statistics",
                metavar="NAME",
                completes="pools",
            ),
            Option("optimize", "flag", "budgets that the measured peaks and hit rates suggest"),
            Option("optimize-cache", "flag", "policy and budget that suit each of our caches"),
            Option("apply", "flag", "with --optimize or --optimize-cache: set them"),
            Option("cache-stats", "flag", "hits, misses, bytes and seconds saved of each cache"),
            Option("plot", "flag", "draw budget against use over time"),
        ),
        reports=True,
        examples=("--detailed", "--analyze cache", "--optimize --apply", "--cache-stats"),
    ),
    Verb(
        "leaks",
        "what grows with every run of a cell or a loop, with its line and what keeps it",
        (
            Option(
                "what",
                "choice",
                "start tracking; mark the end of one iteration (without marks: each time the "
                "same cell has run again); stop and report; report again",
                choices=("start", "mark", "stop", "report"),
                positional=True,
                needed=False,
                metavar="start|mark|stop|report",
            ),
            Option(
                "repeat",
                "count",
                "above a cell: run it up to N times in all, fewer where that is enough",
                minimum=1,
                maximum=1_000_000,
                metavar="N",
            ),
            Option(
                "max-time",
                "duration",
                "above a cell: begin no further run after this time",
                unit="s",
                minimum=0.1,
                maximum=86_400,
                metavar="SECONDS",
            ),
            Option(
                "warmup",
                "count",
                "iterations at the start that are not judged",
                default=3,
                minimum=0,
                maximum=1000,
                metavar="N",
            ),
            Option(
                "native",
                "flag",
                "above a cell: lines for growth in C code too, from the last runs; needs memray: "
                "pip install 'pmat_nb[native]'",
            ),
            Option("top", "count", "show the N surest", minimum=1, maximum=10_000, metavar="N"),
        ),
        reports=True,
        examples=("start", "stop", "report --format frame"),
        cell=True,
    ),
    Verb(
        "profile",
        "what one run of a cell took: peak, course, lines at the peak; alone: the last one again",
        (
            Option(
                "interval",
                "duration",
                "time between samples",
                unit="s",
                default=0.01,
                minimum=0.001,
                maximum=60,
                metavar="SECONDS",
            ),
            Option(
                "native",
                "flag",
                "allocations of C code too, with their lines; needs memray: "
                "pip install 'pmat_nb[native]'",
            ),
        ),
        reports=True,
        examples=("", "--native", "--interval 0.1"),
        cell=True,
    ),
    Verb(
        "pressure",
        "how close the kernel is to its limit, and what happens at the next level",
        (
            *(option for option in SETTINGS if option.table == "memory.pressure"),
            Option(
                "simulate",
                "choice",
                "carry out a level's responses; steps that would stop a cell or the kernel are "
                "shown, not done",
                choices=("low", "medium", "high", "critical"),
                metavar="LEVEL",
            ),
            Option("dry-run", "flag", "with --simulate: show the responses and do nothing"),
            Option("history", "flag", "pressure over time, as a plot"),
        ),
        reports=True,
        examples=("--high 85%", "--auto-respond", "--simulate critical --dry-run", "--history"),
    ),
    Verb(
        "recommend",
        "what would take less memory, each proven on the data, with code to do it",
        (
            Option(
                "apply",
                "count",
                "run these rows of the last list, and measure what each gave back",
                minimum=1,
                maximum=10_000,
                metavar="ROW",
                many=True,
            ),
            Option("lossy", "flag", "also what changes values, with the error it makes"),
            Option("undo", "flag", "take back what --apply did last"),
            Option("top", "count", "show the N largest", minimum=1, maximum=10_000, metavar="N"),
        ),
        reports=True,
        examples=("", "--apply 1 2", "--undo", "--lossy --format frame"),
    ),
    Verb(
        "gate",
        "whether this session keeps to the memory gates of pmat.toml; an error where it does not",
        reports=True,
        examples=("", "--format json"),
    ),
    Verb("dashboard", "what all the others show, live, and the controls to change it"),
    Verb(
        "configure",
        "show every setting with its value and source, or change some",
        (
            *(option for option in SETTINGS if option.table == "memory"),
            Option("reset", "flag", "forget what was set in this session"),
            Option(
                "save",
                "choice",
                "write these settings, or alone all that were set in this session, to the "
                "project's or the user's pmat.toml",
                choices=("project", "user"),
                optional="project",
                metavar="WHERE",
            ),
            Option(
                "trust",
                "flag",
                "let the pmat.toml of this folder, as it is now, act: responses, commands, "
                "saving, swapping",
            ),
        ),
        reports=True,
        examples=("--max-total 8GB", "--profile auto", "--cache-pool 2GB --save user", "--trust"),
    ),
)


def verb(name: str) -> Verb:
    """The verb called ``name``; KeyError if there is none."""
    return next(v for v in VERBS if v.name == name)
