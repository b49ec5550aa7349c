"""The ceiling of this process from its own side: set, restored, made room below."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from . import ceiling, reservations, stacks
from .orders import default_reserve_bytes
from .process import layout, procfs
from .token import Token

__all__ = ["OwnCeiling"]

# For the exception, what IPython shows of it, and the handlers of the cell.
_ROOM_FOR_A_STOP = 64 * 1024**2


class OwnCeiling:
    """At most one ceiling at a time, the tightest scope's; the guard moves it meanwhile.

    ``words`` gives the words shared with the guard, None where there is none.
    """

    def __init__(self, words: Callable[[], memoryview[int] | None]) -> None:
        self._words = words
        self._limit = (-1, -1)

    def read_limit(self, words: memoryview[int]) -> None:
        """Note the process's own limit, to which a ceiling is restored."""
        self._limit = ceiling.read()
        words[layout.SOFT], words[layout.HARD] = self._limit

    def set(self, token: Token, data_bytes: int, running: Mapping[int, Token]) -> None:
        """Set the ceiling of a scope, unless a tighter one is in force."""
        words = self._words()
        if words is None or token.threshold_bytes is None:
            return
        if not words[layout.CEILING_SEQ]:
            self.read_limit(words)
        else:
            outer = running.get(words[layout.CEILING_SEQ])
            if outer is not None and (outer.threshold_bytes or 0) < token.threshold_bytes:
                return
        gap = _gap_bytes(token, token.baseline_bytes)
        token.ceiling_bytes = ceiling.put(data_bytes + gap, self._limit)
        if token.ceiling_bytes is not None:
            words[layout.CEILING_SEQ] = token.seq
            stacks.watch(self._is_in_force, self._limit[0])

    def end(self) -> None:
        """The word first: a move of the guard that comes later undoes itself."""
        words = self._words()
        if words is not None and words[layout.CEILING_SEQ]:
            words[layout.CEILING_SEQ] = 0
            stacks.watch_no_more()
            ceiling.restore(self._limit)

    def give_way(self, words: memoryview[int]) -> None:
        """Room for a stop to be raised and handled in, above what the guard saw mapped last.

        No more: code that swallows the stop would ask for its large array again.
        """
        if words[layout.CEILING_SEQ]:
            ceiling.raise_to(words[layout.KERNEL_DATA] + _ROOM_FOR_A_STOP, self._limit[0])

    def make_reservations(
        self, running: Mapping[int, Token], tree_bytes: Callable[[int], int]
    ) -> None:
        """Have libraries map now what they would later, and leave the room below the ceiling.

        What the guard would grant at its next look is granted at once: ``tree_bytes``
        gives the tree's memory for this process's RSS. Not while a stop is on its way.
        """
        words = self._words()
        token = running.get(words[layout.CEILING_SEQ]) if words is not None else None
        if words is None or token is None:
            reservations.make()
        elif not words[layout.STOP_SEQ]:
            ceiling.restore(self._limit)
            reservations.make()
            rss, data = ceiling.own_memory()
            if self._is_in_force():
                ceiling.put(data + _gap_bytes(token, tree_bytes(rss)), self._limit)

    def lift(self, words: memoryview[int]) -> None:
        """The process's own limit again, where no guard moves the ceiling any more."""
        if words[layout.CEILING_SEQ]:
            ceiling.restore(self._limit)

    def explains(self, error: BaseException, token: Token) -> bool:
        """Whether the ceiling of this scope explains a failed allocation."""
        if token.ceiling_bytes is None:
            return False
        physical = os.sysconf("SC_PHYS_PAGES") * procfs.PAGE_BYTES
        return ceiling.ceiling_caused(error, physical_bytes=physical)

    def _is_in_force(self) -> bool:
        words = self._words()
        return words is not None and bool(words[layout.CEILING_SEQ])


def _gap_bytes(token: Token, tree_bytes: int) -> int:
    """What may still be mapped in a scope while its tree has ``tree_bytes``."""
    headroom = max(0, (token.threshold_bytes or 0) - tree_bytes)
    return headroom + default_reserve_bytes(headroom)
