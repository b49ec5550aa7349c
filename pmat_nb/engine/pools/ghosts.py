"""What went, without its value: how much more capacity would have kept it.

A ghost remembers how many bytes had been evicted when it went. When it is asked for
again, the bytes evicted since tell how much more capacity would have made that miss a
hit (a reuse distance in the sense of Mattson et al., "Evaluation techniques for storage
hierarchies", 1970, for what lies beyond the present capacity). Counted by powers of two.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import NamedTuple

__all__ = ["Gain", "Ghosts", "Regret"]

_MOST = 4096


class Regret(NamedTuple):
    """A miss that more capacity would have spared.

    ``more_bytes`` of capacity would have kept the entry, whose call took ``cost_s``.
    """

    more_bytes: int
    cost_s: float


class Gain(NamedTuple):
    """What ``more_bytes`` of capacity would have brought in the past: an upper estimate."""

    more_bytes: int
    hits: int
    saved_s: float


class Ghosts:
    """The keys that were evicted last, at most some thousands."""

    __slots__ = ("_evicted_bytes", "_gone", "_hits", "_seconds")

    def __init__(self) -> None:
        self._gone: OrderedDict[Hashable, tuple[int, float, int]] = OrderedDict()
        self._evicted_bytes = 0
        self.reset()

    def reset(self) -> None:
        """Forget what was counted; the ghosts stay."""
        self._hits: Counter[int] = Counter()
        self._seconds: dict[int, float] = {}

    def clear(self) -> None:
        """Forget the ghosts as well."""
        self._gone.clear()
        self.reset()

    def add(self, key: Hashable, nbytes: int, cost_s: float, number: int) -> None:
        """An entry was evicted; ``number`` is what the store's trace calls it."""
        self._gone[key] = (self._evicted_bytes, cost_s, number)
        self._evicted_bytes += nbytes
        if len(self._gone) > _MOST:
            self._gone.popitem(last=False)

    def asked(self, key: Hashable) -> Regret | None:
        """A key was missed; what that says, where it is a ghost."""
        found = self._gone.get(key) if self._gone else None
        if found is None:
            return None
        before, cost_s, _ = found
        more_bytes = self._evicted_bytes - before
        level = more_bytes.bit_length()
        self._hits[level] += 1
        self._seconds[level] = self._seconds.get(level, 0.0) + cost_s
        return Regret(more_bytes, cost_s)

    def take(self, key: Hashable) -> int | None:
        """The key is back: a ghost no more; its number in the trace."""
        found = self._gone.pop(key, None) if self._gone else None
        return None if found is None else found[2]

    def gains(self) -> tuple[Gain, ...]:
        """What each doubling of additional capacity would have brought so far."""
        hits, seconds, made = 0, 0.0, []
        for level in sorted(self._hits):
            hits += self._hits[level]
            seconds += self._seconds[level]
            made.append(Gain(2**level, hits, seconds))
        return tuple(made)
