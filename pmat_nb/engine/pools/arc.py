"""The policy ``adaptive``: between recency and frequency, as the misses show."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .policies import Name

__all__ = ["Adaptive"]


class Adaptive:
    """Between recency and frequency, as the misses show which of the two is short.

    Source: ARC (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement
    cache", FAST 2003), with bytes in place of pages. Keys asked for once are in one
    list, those asked for again in another; each has a list of ghosts, keys that went.
    A key that comes back from the ghosts of the first says that recency should have
    had more room, one from the second that frequency should; ``_target`` is the room
    for recency.
    """

    name: Name = "adaptive"

    def __init__(self) -> None:
        self._once, self._often = _Sized(), _Sized()
        self._once_gone, self._often_gone = _Sized(), _Sized()
        self._target = 0.0

    def add(self, key: Hashable, nbytes: int, expires_at: float | None) -> None:
        """A key that was not there comes in, from the ghosts or as new."""
        if key in self._once_gone:
            weight = max(1.0, self._often_gone.total / max(1, self._once_gone.total))
            self._target = min(self._held() + nbytes, self._target + weight * nbytes)
            self._once_gone.take(key)
        elif key in self._often_gone:
            weight = max(1.0, self._once_gone.total / max(1, self._often_gone.total))
            self._target = max(0.0, self._target - weight * nbytes)
            self._often_gone.take(key)
        else:
            self._once.put(key, nbytes)
            return
        self._often.put(key, nbytes)

    def hit(self, key: Hashable) -> None:
        """A key that is there was asked for."""
        if key in self._often:
            self._often.refresh(key)
        else:
            self._often.put(key, self._once.take(key))

    def remove(self, key: Hashable, *, evicted: bool = False) -> None:
        """A key leaves; it becomes a ghost where it had to make room."""
        for held, gone in ((self._once, self._once_gone), (self._often, self._often_gone)):
            if key in held:
                nbytes = held.take(key)
                if evicted:
                    gone.put(key, nbytes)
                    self._forget(nbytes)

    def victim(self) -> Hashable:
        """The key that goes next; KeyError when there is none."""
        if len(self._once) and (self._once.total > self._target or not len(self._often)):
            return self._once.oldest()
        return self._often.oldest()

    def __len__(self) -> int:
        return len(self._once) + len(self._often)

    def _held(self) -> int:
        return self._once.total + self._often.total

    def _forget(self, leaving: int) -> None:
        """As many ghosts as there are entries, by bytes."""
        room = self._held() + leaving
        while self._once_gone.total + self._often_gone.total > room:
            longer = max((self._once_gone, self._often_gone), key=lambda part: part.total)
            if len(longer) <= 1:
                return
            longer.take(longer.oldest())


class _Sized:
    """Keys in order of use, with their bytes."""

    __slots__ = ("_keys", "total")

    def __init__(self) -> None:
        self._keys: OrderedDict[Hashable, int] = OrderedDict()
        self.total = 0

    def put(self, key: Hashable, nbytes: int) -> None:
        self._keys[key] = nbytes
        self.total += nbytes

    def take(self, key: Hashable) -> int:
        nbytes = self._keys.pop(key)
        self.total -= nbytes
        return nbytes

    def refresh(self, key: Hashable) -> None:
        self._keys.move_to_end(key)

    def oldest(self) -> Hashable:
        for key in self._keys:
            return key
        raise KeyError("no entry may go")

    def __contains__(self, key: Hashable) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[Hashable]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
