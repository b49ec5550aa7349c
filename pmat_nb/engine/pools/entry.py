"""What a store is made of: an entry, what a miss looks like, and the figures told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .spill import Spilled

__all__ = ["MISS", "CacheInfo", "Entry", "Sizer"]

# The bytes that a key and its value hold, and whether all of it was seen in time.
Sizer = Callable[[Hashable, Any], tuple[int, bool]]


class _Miss:
    """What a lookup gives where there is nothing; no value of the user's."""

    def __repr__(self) -> str:
        return "<missed>"


MISS: Any = _Miss()


class CacheInfo(NamedTuple):
    """A cache's figures since it was made or reset.

    ``saved_s`` is the compute time that hits spared, without that of cached calls within,
    less ``hash_s``, the time that making keys took; 0 where that took longer. ``refused``
    values were too large to be kept. ``complete`` is false where a value was too big to
    size in time: ``used_bytes`` is a lower bound then. ``swapped_bytes`` are on disk.
    ``max_bytes`` and ``ttl_s`` None: no bound of its own.
    """

    name: str
    hits: int
    misses: int
    hit_rate: float | None
    entries: int
    used_bytes: int
    saved_s: float
    hash_s: float
    evictions: int
    expired: int
    refused: int
    pinned: int
    swapped: int
    swapped_bytes: int
    policy: str
    ttl_s: float | None
    max_bytes: int | None
    complete: bool


class Entry:
    """One value. ``cost_s`` is what computing it took, ``ref`` is its number and bytes."""

    __slots__ = (
        "complete",
        "cost_s",
        "expires_at",
        "key",
        "nbytes",
        "number",
        "pinned",
        "ref",
        "special",
        "spilled",
        "stored_at",
        "stuck",
        "used_at",
        "value",
    )

    def __init__(self, key: Hashable, value: Any, nbytes: int, complete: bool) -> None:
        self.key = key
        self.value = value
        self.nbytes = nbytes
        self.complete = complete
        self.cost_s = 0.0
        self.stored_at = self.used_at = 0.0
        self.expires_at: float | None = None
        self.pinned = False
        # Cannot be written to disk.
        self.stuck = False
        # May be stale or on disk: to be looked at more closely before it is handed out.
        self.special = False
        self.spilled: Spilled | None = None
        self.number = 0
        self.ref = (0, nbytes)

    @property
    def may_move(self) -> bool:
        """Whether writing it to disk gives its memory back."""
        if self.pinned or self.stuck or self.spilled is not None:
            return False
        return sys.getrefcount(self.value) <= _ALONE


def _alone() -> int:
    """What the reference count of a value is that only its entry holds."""
    entry = Entry(None, object(), 0, True)
    return sys.getrefcount(entry.value)


_ALONE = _alone()
