"""The settings that a session remembers, each declared once.

``%pmat_configure``, the environment, TOML and traitlets derive from this table.
Reading and ranking those sources is ``pmat_nb.configuration``'s work.
"""

from __future__ import annotations

from pmat_nb.errors import UsageError
from pmat_nb.units import GIB, MIB, LimitSpec

from .option import Option

__all__ = ["GROWTHS", "POLICIES", "PROFILES", "SETTINGS", "setting"]

GROWTHS = ("exponential", "linear", "incremental", "fixed", "adaptive")
POLICIES = ("lru", "lfu", "fifo", "ttl", "random", "adaptive")
PROFILES = (
    "pmat",
    "large-project",
    "ci-pipeline",
    "interactive",
    "container",
    "low-memory",
    "balanced",
    "performance",
    "minimal",
)

_POOL_DEFAULTS: dict[str, int | str] = {
    "analysis": "off",
    "cache": GIB,
    "temp": 128 * MIB,
    "string": 64 * MIB,
    "ast": 512 * MIB,
}

_POOLS = (
    *(
        Option(
            f"{pool}-pool",
            "size",
            f"the most that the {pool} pool may hold of what pmat_nb manages; off: any"
            + (" (advisory: your variables are never deleted)" if pool == "analysis" else ""),
            default=default,
            unit="bytes",
            off=True,
            metavar="SIZE",
        )
        for pool, default in _POOL_DEFAULTS.items()
    ),
    *(
        Option(
            f"{pool}-defrag",
            "fraction",
            f"waste of the {pool} pool above which it is compacted between cells; off: never",
            default="off",
            minimum=0.01,
            maximum=1.0,
            off=True,
            metavar="FRACTION",
            acts=True,
        )
        for pool in _POOL_DEFAULTS
    ),
)

SETTINGS: tuple[Option, ...] = (
    Option(
        "exact-peak",
        "switch",
        "read each cell's exact peak by resetting VmHWM (Linux); this also resets the "
        "process's ru_maxrss, so turn it off where other tools rely on that",
        default=True,
    ),
    Option(
        "record-source",
        "choice",
        "what the history keeps of a cell's source",
        default="first-line",
        choices=("hash", "first-line", "full"),
        metavar="WHAT",
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
        "max-total",
        "limit",
        "the kernel's memory limit: a cell that would take the kernel over it is stopped; "
        "auto is what is usable less a reserve, off switches the guard off",
        default=LimitSpec("auto"),
        unit="bytes",
        metavar="SIZE",
    ),
    Option(
        "notices",
        "choice",
        "which one-line notices appear by themselves",
        default="important",
        choices=("off", "important", "all"),
        metavar="WHICH",
    ),
    Option(
        "save-state",
        "toggle",
        "save the variables (as %pmat_save does) when a cell is stopped at its limit",
        default=False,
        acts=True,
    ),
    *_POOLS,
    Option(
        "pool-growth",
        "choice",
        "how the budgets of managed pools grow towards their limits; own: each pool's own way",
        default="own",
        choices=("own", *GROWTHS),
        metavar="STRATEGY",
    ),
    Option(
        "cache-policy",
        "choice",
        "which entry of our own caches goes first when one is full",
        default="lru",
        choices=POLICIES,
        metavar="POLICY",
    ),
    Option(
        "cache-ttl",
        "duration",
        "how long an entry of our own caches counts as fresh; off: for ever",
        default="off",
        unit="s",
        minimum=0.001,
        off=True,
        metavar="AGE",
    ),
    Option(
        "allow-swap",
        "toggle",
        "write entries of our own caches to disk above the swap threshold instead of dropping them",
        default=False,
        acts=True,
    ),
    Option(
        "swap-threshold",
        "fraction",
        "fullness of a managed pool above which its entries go to disk",
        default=0.8,
        minimum=0.01,
        maximum=1.0,
        metavar="FRACTION",
    ),
    Option(
        "gc-interval",
        "duration",
        "time between two full garbage collections of ours, made between cells; off: none",
        default=600.0,
        unit="s",
        minimum=1.0,
        off=True,
        metavar="TIME",
    ),
    Option(
        "gc-threshold",
        "fraction",
        "memory pressure at which the collection comes before its time",
        default=0.8,
        minimum=0.05,
        maximum=1.0,
        metavar="FRACTION",
    ),
    Option(
        "profile",
        "choice",
        "a set of values for a kind of machine or work; ranks just below the explicit values "
        "of the source that names it",
        default="none",
        choices=("none", "auto", *PROFILES),
        metavar="NAME",
    ),
    Option(
        "low",
        "fraction",
        "pressure up to which the level is LOW",
        default=0.30,
        minimum=0.05,
        maximum=0.98,
        metavar="FRACTION",
        table="memory.pressure",
    ),
    Option(
        "medium",
        "fraction",
        "pressure up to which the level is MEDIUM",
        default=0.60,
        minimum=0.06,
        maximum=0.99,
        metavar="FRACTION",
        table="memory.pressure",
    ),
    Option(
        "high",
        "fraction",
        "pressure up to which the level is HIGH; from here on it is CRITICAL",
        default=0.80,
        minimum=0.07,
        maximum=1.0,
        metavar="FRACTION",
        table="memory.pressure",
    ),
    Option(
        "auto-respond",
        "toggle",
        "carry out the responses of a pressure level when it is entered",
        default=False,
        table="memory.pressure",
        acts=True,
    ),
    Option(
        "exit-kernel",
        "toggle",
        "let the response exit_gracefully end the kernel after saving, not only the cell",
        default=False,
        table="memory.pressure",
        acts=True,
    ),
    Option(
        "enabled",
        "switch",
        "whether %pmat_gate and pmat-nb run check the memory gates",
        default=True,
        table="quality.gates.memory",
    ),
    Option(
        "max-memory-usage",
        "size",
        "the most that the kernel and its children may reach; off: any",
        default="off",
        unit="bytes",
        off=True,
        metavar="SIZE",
        table="quality.gates.memory",
    ),
    Option(
        "max-pressure-level",
        "choice",
        "the highest pressure level that passes; off: any",
        default="off",
        choices=("low", "medium", "high", "critical"),
        off=True,
        metavar="LEVEL",
        table="quality.gates.memory",
    ),
    Option(
        "require-cleanup-after",
        "switch",
        "whether RSS at the end, after a cleanup, must be within 10% of the start",
        default=False,
        table="quality.gates.memory",
    ),
)


def setting(key: str) -> Option:
    """The setting called ``key`` (``exact_peak`` or ``exact-peak``).

    Raises:
        UsageError: no such setting; the message names the nearest one.
    """
    wanted = key.replace("-", "_")
    for option in SETTINGS:
        if option.key == wanted:
            return option
    import difflib

    near = difflib.get_close_matches(wanted, [option.key for option in SETTINGS], n=1, cutoff=0.3)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UsageError(f"no setting is called {key!r}{hint}")
