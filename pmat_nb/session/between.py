"""Work that must not happen in the middle of a user's cell waits here until one has ended."""

from __future__ import annotations

from collections.abc import Callable

from .faults import Faults

__all__ = ["BetweenCells"]


class BetweenCells:
    """Tasks by name, each waiting once; any thread may post, the main thread runs them.

    A task that fails is reported and its kind switched off; the others still run.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._waiting: dict[str, Callable[[], object]] = {}

    def post(self, name: str, task: Callable[[], object]) -> None:
        """Have ``task`` run after the cell; a later one of the same name replaces it."""
        self._waiting[name] = task

    def run(self) -> None:
        """Run what waits; what the tasks post themselves waits for the next cell."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        for name, task in waiting.items():
            self._faults.guard(name)(task)()
