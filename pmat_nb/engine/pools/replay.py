"""What hit rate each policy would have had, found by playing the same lookups again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import policies

__all__ = ["compare", "replay"]


def compare(trace: Sequence[tuple[int, int]], budget_bytes: int) -> dict[policies.Name, float]:
    """The hit rate (0..1) of each policy over ``trace`` with ``budget_bytes``.

    ``trace`` is ``(number of the entry, its bytes)`` per lookup, in order; TTLs play no part.
    """
    return {name: replay(trace, budget_bytes, policies.make(name)) for name in policies.NAMES}


def replay(trace: Sequence[tuple[int, int]], budget_bytes: int, policy: policies.Policy) -> float:
    """The hit rate of one (empty) policy."""
    held: dict[int, int] = {}
    used = hits = 0
    for number, nbytes in trace:
        if number in held:
            hits += 1
            policy.hit(number)
            continue
        if nbytes > budget_bytes:
            continue
        while used + nbytes > budget_bytes:
            gone: Any = policy.victim()
            policy.remove(gone, evicted=True)
            used -= held.pop(gone)
        held[number] = nbytes
        used += nbytes
        policy.add(number, nbytes, None)
    return hits / len(trace) if trace else 0.0
