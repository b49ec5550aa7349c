"""Managed pools: a cache's hit beside cachetools' with its lock, and an update of the ledger.

Both caches are asked in turn within one process, many short rounds each; the ratio is the
median over the rounds, so that what else the machine does meets both.
"""

from __future__ import annotations

import threading
import timeit
from collections.abc import Callable
from typing import Any

from pmat_nb.consumers.managed.memo import Spec, memoize
from pmat_nb.engine.pools.account import Account
from pmat_nb.engine.pools.pool import Pool

from .rows import Row, median

__all__ = ["run"]

ROUNDS = 41
CALLS = 20_000
HIT_GOAL = 1.5
LEDGER_GOAL_US = 2.0


def ours(function: Callable[..., Any]) -> Callable[..., Any]:
    pool = Pool("cache", 1024**3, "adaptive", size_of=lambda key, value: (64, True))
    return memoize(function, Spec("bench"), lambda spec: pool.store(spec.name))


def theirs(function: Callable[..., Any]) -> Callable[..., Any]:
    from cachetools import LRUCache, cached

    made: Callable[..., Any] = cached(LRUCache(1024), lock=threading.Lock())(function)
    return made


def one(x: int) -> int:
    return x


def two(x: int, y: str) -> int:
    return x


def seconds(function: Callable[..., Any], *args: Any) -> float:
    """Seconds of one call, in the best of three short runs."""
    return min(timeit.repeat(lambda: function(*args), number=CALLS, repeat=3)) / CALLS


def hit(what: str, function: Callable[..., Any], *args: Any) -> Row:
    mine, other = ours(function), theirs(function)
    mine(*args), other(*args)
    rounds = [(seconds(mine, *args), seconds(other, *args)) for _ in range(ROUNDS)]
    ratio = median([ours_s / theirs_s for ours_s, theirs_s in rounds])
    return Row(
        f"cache hit, {what}",
        f"{ratio:.2f} times cachetools' ({median([s for s, _ in rounds]) * 1e9:.0f} ns)",
        f"`cachetools.LRUCache` with its lock {median([s for _, s in rounds]) * 1e9:.0f} ns",
        f"under {HIT_GOAL} times",
        ratio < HIT_GOAL,
    )


def ledger() -> Row:
    account = Account(1024**3)
    us = median([seconds(account.charge, 1) for _ in range(ROUNDS)]) * 1e6
    return Row(
        "update of the ledger", f"{us:.2f} µs", "", f"{LEDGER_GOAL_US:g} µs", us < LEDGER_GOAL_US
    )


def keys() -> Row:
    """What keying an array by its content costs, per gigabyte."""
    import numpy as np

    from pmat_nb.consumers.managed.keys import content_key

    array = np.random.default_rng(0).random(16 * 1024**2)
    rounds = timeit.repeat(lambda: content_key([("x", array)]), number=1, repeat=5)
    return Row("key of an array by content", f"{array.nbytes / median(rounds) / 1e9:.2f} GB/s")


def run() -> list[Row]:
    """Hits with one and two arguments, the ledger, and keys by content."""
    return [hit("one argument", one, 1), hit("two arguments", two, 1, "a"), ledger(), keys()]
