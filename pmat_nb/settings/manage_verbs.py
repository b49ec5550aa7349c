"""Commands that give memory back, and that set how it is managed."""

from __future__ import annotations

from .option import Option, Verb
from .values import SETTINGS

__all__ = ["CLEANUP", "CONFIGURE", "POOLS", "PRESSURE"]

CLEANUP = Verb(
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
)

POOLS = Verb(
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
)

PRESSURE = Verb(
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
)

CONFIGURE = Verb(
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
)
