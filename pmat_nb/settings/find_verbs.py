"""Commands that look for what grows, what could be less, and what is more than it should be."""

from __future__ import annotations

from .option import Option, Verb

__all__ = ["GATE", "LEAKS", "PROFILE", "RECOMMEND"]

LEAKS = Verb(
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
)

PROFILE = Verb(
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
)

RECOMMEND = Verb(
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
)

GATE = Verb(
    "gate",
    "whether this session keeps to the memory gates of pmat.toml; an error where it does not",
    reports=True,
    examples=("", "--format json"),
)
