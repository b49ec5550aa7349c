"""Settings of the pools and of what is kept in them."""

from __future__ import annotations

from pmat_nb.units import GIB, MIB

from .option import Option

__all__ = ["CACHES", "GROWTHS", "POLICIES", "POOLS", "POOL_NAMES"]

GROWTHS = ("exponential", "linear", "incremental", "fixed", "adaptive")
POLICIES = ("lru", "lfu", "fifo", "ttl", "random", "adaptive")

_POOL_DEFAULTS: dict[str, int | str] = {
    "analysis": "off",
    "cache": GIB,
    "temp": 128 * MIB,
    "string": 64 * MIB,
    "ast": 512 * MIB,
}
POOL_NAMES = tuple(_POOL_DEFAULTS)

_POOL_OPTIONS = (
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

POOLS: tuple[Option, ...] = (
    *_POOL_OPTIONS,
    Option(
        "pool-growth",
        "choice",
        "how the budgets of managed pools grow towards their limits; own: each pool's own way",
        default="own",
        choices=("own", *GROWTHS),
        metavar="STRATEGY",
    ),
)

CACHES: tuple[Option, ...] = (
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
)
