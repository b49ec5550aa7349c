"""How the budget in force (capacity) of a pool grows towards its limit; pure functions.

==============  ================  =============================================
strategy        starts at         each step
==============  ================  =============================================
``exponential``  limit / 64        doubles
``linear``       limit / 8         adds limit / 8
``incremental``  limit / 64        adds limit / 64
``fixed``        the limit         (never)
``adaptive``     limit / 8         adds limit / 16 as often as more capacity pays,
                                   takes limit / 16 back when it does not
==============  ================  =============================================

Whether more capacity pays is measured: of the lookups in a window, the share that missed
an entry which so much more would have kept (`ghosts`), for each step that this takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

__all__ = [
    "STRATEGIES",
    "Strategy",
    "gives_back",
    "grown",
    "shrunk",
    "start",
    "step_bytes",
    "worth",
]

Strategy = Literal["exponential", "linear", "incremental", "fixed", "adaptive"]
STRATEGIES: tuple[Strategy, ...] = ("exponential", "linear", "incremental", "fixed", "adaptive")

_START = {"exponential": 64, "linear": 8, "incremental": 64, "fixed": 1, "adaptive": 8}
_STEP = {"linear": 8, "incremental": 64, "adaptive": 16}
# Below this share of lookups, one more step is not worth its memory.
PAYS = 0.01
# Fewer lookups than this tell nothing.
WINDOW = 64


def start(strategy: Strategy, limit_bytes: int) -> int:
    """The capacity that a pool begins with."""
    return max(1, limit_bytes // _START[strategy])


def step_bytes(strategy: Strategy, capacity_bytes: int, limit_bytes: int) -> int:
    """How much one step adds, at least a byte; 0 for ``fixed``."""
    if strategy == "fixed":
        return 0
    if strategy == "exponential":
        return max(1, capacity_bytes)
    return max(1, limit_bytes // _STEP[strategy])


def grown(strategy: Strategy, capacity_bytes: int, limit_bytes: int, needed_bytes: int) -> int:
    """The capacity after as many steps as ``needed_bytes`` takes, at most the limit."""
    if strategy == "fixed":
        return limit_bytes
    wanted = min(needed_bytes, limit_bytes)
    if strategy == "exponential":
        capacity = max(1, capacity_bytes)
        while capacity < wanted:
            capacity *= 2
        return min(capacity, limit_bytes)
    step = step_bytes(strategy, capacity_bytes, limit_bytes)
    steps = max(0, -(-(wanted - capacity_bytes) // step))
    return min(capacity_bytes + steps * step, limit_bytes)


def shrunk(strategy: Strategy, capacity_bytes: int, limit_bytes: int) -> int:
    """The capacity one step lower, never below where it starts."""
    step = step_bytes(strategy, capacity_bytes, limit_bytes)
    return max(min(start(strategy, limit_bytes), capacity_bytes), capacity_bytes - step)


def worth(lookups: int, distances: Sequence[int], step: int, room_bytes: int) -> int:
    """How many bytes more ``adaptive`` should have; 0 where no more capacity pays.

    ``distances`` are, for the misses of a window that more capacity would have spared,
    how much more; ``room_bytes`` is what is left to the limit.
    """
    best = 0
    for spared, distance in enumerate(sorted(distances), start=1):
        if distance <= room_bytes and spared >= PAYS * lookups * -(-distance // step):
            best = distance
    return best


def gives_back(lookups: int, idle_bytes: int, step: int) -> bool:
    """Whether ``adaptive`` takes a step back after a window in which nothing was worth more.

    ``idle_bytes`` are free, or held by entries that the window did not ask for.
    """
    return lookups >= WINDOW and idle_bytes >= step
