"""Settings of what is measured, recorded and said."""

from __future__ import annotations

from .option import Option

__all__ = ["MEASURING"]

MEASURING: tuple[Option, ...] = (
    Option(
        "notices",
        "choice",
        "which one-line notices appear by themselves",
        default="important",
        choices=("off", "important", "all"),
        metavar="WHICH",
    ),
    Option(
        "exact-peak",
        "switch",
        "read each cell's exact peak by resetting VmHWM (Linux); this also resets the "
        "process's ru_maxrss, so turn it off where other tools rely on that",
        default=True,
    ),
    Option(
        "sample-interval",
        "duration",
        "time between two background samples of the kernel's memory",
        default=1.0,
        unit="s",
        minimum=0.1,
        maximum=3600,
        metavar="SECONDS",
    ),
    Option(
        "sizing-budget",
        "duration",
        "time that %pmat_stats and %pmat_vars may spend on sizing before they show lower bounds",
        default=0.25,
        unit="s",
        minimum=0.001,
        maximum=3600,
        metavar="SECONDS",
    ),
    Option(
        "history",
        "switch",
        "keep one row per cell in the history database of the user's state folder",
        default=True,
    ),
    Option(
        "history-sessions",
        "count",
        "sessions kept in the history before the oldest are pruned",
        default=200,
        minimum=1,
        maximum=100_000,
        metavar="N",
    ),
    Option(
        "record-source",
        "choice",
        "what the history keeps of a cell's source",
        default="first-line",
        choices=("hash", "first-line", "full"),
        metavar="WHAT",
        acts=True,
    ),
    Option(
        "track",
        "choice",
        "write the kernel's figures to a log in the state folder, a line every ten sample "
        "intervals; full also traces allocations (tracemalloc), which makes code that makes "
        "many objects 8 to 11 times slower",
        default="off",
        choices=("off", "on", "full"),
        metavar="HOW",
        acts=True,
    ),
)
