"""When a level's responses are due: once per entry, and not too often. Pure; time is passed in.

A level is entered from below. Its responses are due once per entry and at the earliest
``LEAST_S`` after they ran last; each time they did not help, that wait doubles. An entry
that comes too early waits, and lapses when the level is left first.
"""

from __future__ import annotations

from pmat_nb.engine.pressure import LEVELS
from pmat_nb.engine.records import Level

__all__ = ["LEAST_S", "MOST_S", "Cooldown", "Trigger"]

LEAST_S = 60.0
MOST_S = 3600.0


class Cooldown:
    """A pause after each run that doubles, up to ``most_s``, while runs do not help."""

    def __init__(self, least_s: float = LEAST_S, most_s: float = MOST_S) -> None:
        self._least_s = self._next_s = least_s
        self._most_s = most_s
        self.ready_at = float("-inf")

    def ready(self, now: float) -> bool:
        """Whether the pause is over."""
        return now >= self.ready_at

    def ran(self, now: float, *, helped: bool) -> None:
        """Begin the pause after a run that ended at ``now``."""
        self._next_s = self._least_s if helped else self._next_s
        self.ready_at = now + self._next_s
        if not helped:
            self._next_s = min(2 * self._next_s, self._most_s)


class Trigger:
    """Which level's responses are due, from the levels that are seen."""

    def __init__(self, least_s: float = LEAST_S, most_s: float = MOST_S) -> None:
        self._answered = 0
        self._pauses = {level: Cooldown(least_s, most_s) for level in LEVELS}

    def due(self, level: Level | None, now: float) -> Level | None:
        """``level`` where its responses are to run now, else None.

        It stays due until :meth:`ran` is called or the level is left.
        """
        at = 0 if level is None else LEVELS.index(level)
        self._answered = min(self._answered, at)
        if level is None or at <= self._answered or not self._pauses[level].ready(now):
            return None
        return level

    def ran(self, level: Level, now: float, *, helped: bool) -> None:
        """The responses of ``level`` have run; ``helped``: memory came back."""
        self._answered = max(self._answered, LEVELS.index(level))
        self._pauses[level].ran(now, helped=helped)

    def nothing_to_do(self, level: Level) -> None:
        """The level has no responses: its entry counts as answered, without a pause."""
        self._answered = max(self._answered, LEVELS.index(level))

    def ready_at(self, level: Level) -> float:
        """From when on an entry into ``level`` would be answered at once."""
        return self._pauses[level].ready_at
