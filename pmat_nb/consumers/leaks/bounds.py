"""The most that what holds an object can hold, where its type or an attribute tells."""

from __future__ import annotations

import functools
import gc
from collections import deque
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.safe import instance_dict, qualified_name

__all__ = ["bound_above", "bound_of_all", "bound_on"]

_CACHE: type = type(functools.lru_cache(lambda: None))
_NAMES = ("maxsize", "max_size", "maxlen", "max_entries", "capacity", "limit")
# Lists of weak references that their owner clears of dead ones from this length on:
# pandas/_libs/internals.pyx.
_WEAK_LISTS = {"pandas._libs.internals.BlockValuesRefs": 500}


def bound_on(chain: Sequence[object], ran: int, *, grew: bool) -> int | None:
    """The bound that a path's objects, the target last, put on what is kept; None for none.

    ``grew``: the target is the container that grew, so that only its own bound counts. Else
    it is one of the objects that stay, and each of them has its place in something bounded:
    that has about one for each of the iterations that ``ran``, or is full.
    """
    target: Any = chain[-1]
    if grew:
        own = target.maxlen if type(target) is deque else None
        return own if own is not None else _of_owner(chain[-3:-1], target)
    for holder in reversed(chain[:-1]):
        found = _of_holder(holder)
        if found is not None and (found[1] >= found[0] or found[1] >= ran / 2):
            return found[0]
    return None


def bound_of_all(bounds: Sequence[int | None]) -> int | None:
    """The largest, if there is one on every path."""
    known = [bound for bound in bounds if bound is not None]
    return max(known) if known and len(known) == len(bounds) else None


def bound_above(target: object) -> int | None:
    """The bound by what holds the target itself, where no path to it is known."""
    found = (_of_owner([holder], target) for holder in gc.get_referrers(target))
    return next((bound for bound in found if bound is not None), None)


def _of_holder(holder: Any) -> tuple[int, int] | None:
    """The most, and how many it holds now."""
    if type(holder) is _CACHE:
        info = _CACHE.cache_info(holder)
        return None if info.maxsize is None else (info.maxsize, info.currsize)
    if type(holder) is deque:
        return None if holder.maxlen is None else (holder.maxlen, len(holder))
    return None


def _of_owner(owners: Sequence[object], target: Any) -> int | None:
    """A cache by its attributes: only of the very container that grew."""
    for owner in owners:
        if qualified_name(type(owner)) in _WEAK_LISTS:
            return _WEAK_LISTS[qualified_name(type(owner))]
        attributes = instance_dict(owner) or {}
        if not any(value is target for value in attributes.copy().values()):
            continue
        for key, value in attributes.copy().items():
            named = type(key) is str and key.lstrip("_").lower() in _NAMES
            if named and type(value) is int and value >= len(target):
                return value
    return None
