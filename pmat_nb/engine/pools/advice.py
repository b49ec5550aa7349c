"""Budgets and policies that the measured peaks, ghosts and traces suggest; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .entry import CacheInfo
from .ghosts import Gain
from .growth import PAYS
from .policies import Name
from .replay import compare

__all__ = ["Budget", "PoolFigures", "Tuning", "fit", "suggest", "tune"]

_STEP = 16 * 1024**2
# Less than this, and an improvement may be chance.
_LEAST_LOOKUPS = 32
_WORTH = 0.01
# Room that would have spared less work than this is not worth having.
_LEAST_SAVED_S = 0.01


class PoolFigures(NamedTuple):
    """What is known of a pool when a budget is asked for."""

    name: str
    limit_bytes: int | None
    peak_bytes: int
    lookups: int
    allocations: int
    evictions: int
    gains: tuple[Gain, ...] = ()


class Budget(NamedTuple):
    """A limit suggested for a pool. ``suggested_bytes`` is ``limit_bytes`` to leave it."""

    pool: str
    limit_bytes: int | None
    suggested_bytes: int | None
    reason: str


class Tuning(NamedTuple):
    """A policy and budget suggested for one cache; hit rates by replaying its lookups.

    None for a rate that cannot be told yet. ``suggested_bytes`` None: no bound of its own.
    """

    address: str
    policy: Name
    suggested_policy: Name
    hit_rate: float | None
    suggested_hit_rate: float | None
    max_bytes: int | None
    suggested_bytes: int | None
    reason: str


def suggest(pool: PoolFigures) -> Budget:
    """A limit for one pool, from its exact peak and the misses that room would have spared."""
    limit = pool.limit_bytes
    if not pool.allocations:
        return Budget(pool.name, limit, limit, "nothing was put in yet")
    if limit is None:
        return Budget(pool.name, None, None, "no limit is set, so nothing is evicted")
    gain = _worthwhile(pool.gains, pool.lookups)
    if gain is not None:
        rate = gain.hits / pool.lookups
        reason = f"{gain.hits:,} more hits ({rate:.0%} of lookups), {gain.saved_s:.3g} s of work"
        return Budget(pool.name, limit, _rounded(limit + gain.more_bytes), reason)
    if pool.lookups < _LEAST_LOOKUPS:
        return Budget(pool.name, limit, limit, f"{pool.lookups} lookups are too few to tell")
    fitting = _rounded(pool.peak_bytes + pool.peak_bytes // 4)
    if not pool.evictions and fitting <= limit // 2:
        return Budget(pool.name, limit, fitting, "the peak and a quarter; nothing was evicted")
    return Budget(pool.name, limit, limit, "more room would not have paid")


def _worthwhile(gains: Sequence[Gain], lookups: int) -> Gain | None:
    """The least more room that brings nine tenths of all hits to be had, if those count."""
    if lookups < _LEAST_LOOKUPS or not gains or gains[-1].hits < PAYS * lookups:
        return None
    if gains[-1].saved_s < _LEAST_SAVED_S:
        return None
    return next(gain for gain in gains if gain.hits >= 0.9 * gains[-1].hits)


def _rounded(nbytes: int) -> int:
    return max(_STEP, -(-nbytes // _STEP) * _STEP)


def fit(budgets: Sequence[Budget], room_bytes: int | None) -> tuple[Budget, ...]:
    """``budgets`` with their increases cut so that all limits together stay within the room.

    ``room_bytes`` is what ``max-total`` leaves for the pools; None: no bound.
    """
    total = sum(one.suggested_bytes or 0 for one in budgets)
    if room_bytes is None or total <= room_bytes:
        return tuple(budgets)
    more = sum(_increase(one) for one in budgets)
    kept = max(0.0, 1.0 - (total - room_bytes) / more) if more else 0.0
    return tuple(_cut(one, kept) if _increase(one) else one for one in budgets)


def _increase(one: Budget) -> int:
    return max(0, (one.suggested_bytes or 0) - (one.limit_bytes or 0))


def _cut(one: Budget, kept: float) -> Budget:
    less = (one.limit_bytes or 0) + int(_increase(one) * kept) // _STEP * _STEP
    return one._replace(suggested_bytes=less, reason=f"{one.reason}; as far as max-total allows")


def tune(
    address: str,
    info: CacheInfo,
    trace: Sequence[tuple[int, int]],
    gains: Sequence[Gain],
    capacity_bytes: int | None,
) -> Tuning:
    """A policy and a budget for one cache.

    The policies are compared on the cache's own lookups with the room it has now.
    """
    policy: Name = info.policy  # type: ignore[assignment] # told as text
    kept = Tuning(address, policy, policy, None, None, info.max_bytes, info.max_bytes, "")
    if len(trace) < _LEAST_LOOKUPS:
        return kept._replace(reason=f"{len(trace)} lookups are too few to tell")
    whole = sum(dict(trace).values())
    room = info.max_bytes if info.max_bytes is not None else capacity_bytes
    rates = compare(trace, room if room is not None else whole)
    best = max(rates, key=lambda name: (rates[name], name == policy))
    if rates[best] < rates[policy] + _WORTH:
        best = policy
    made = kept._replace(
        suggested_policy=best, hit_rate=rates[policy], suggested_hit_rate=rates[best]
    )
    gain = _worthwhile(gains, info.hits + info.misses)
    if gain is not None and info.max_bytes is not None:
        made = made._replace(suggested_bytes=_rounded(info.max_bytes + gain.more_bytes))
    return made._replace(reason=_why(made, gain))


def _why(made: Tuning, gain: Gain | None) -> str:
    parts = []
    if made.suggested_policy != made.policy:
        parts.append(f"{made.suggested_policy} would have hit more often")
    if made.suggested_bytes != made.max_bytes and gain is not None:
        parts.append(f"more room would have brought {gain.hits:,} hits")
    return "; ".join(parts) or "nothing else would have hit more often"
