"""Work that must not happen in the middle of a user's cell waits here until one has ended.

If the main thread runs an event loop between cells, as ipykernel's does, the work is done
there: after the cell's reply, when nobody holds its result any more, and also where the
kernel has long been idle. A cell that waits in a queue comes later than the work. Without
a loop (IPython in a terminal waits for a line) it is done right after a cell, and what
came up since then before the next one.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

from .faults import Faults

__all__ = ["BetweenCells"]

# For 0.1 s after a failed cell ipykernel 6 aborts what comes, for "run all" to stop; work
# that kept the loop busy then would have it abort what the user runs next as well.
_PAUSE_S = 0.25


class BetweenCells:
    """Tasks by name, each waiting once; any thread may post, the main thread runs them.

    A task that fails is reported and its kind switched off; the others still run.
    ``busy`` says whether a cell is running, also one that awaits.
    """

    def __init__(self, faults: Faults, *, busy: Callable[[], bool] = lambda: False) -> None:
        self._faults = faults
        self._busy = busy
        self._waiting: dict[str, Callable[[], object]] = {}
        self._loop: Any = None
        # Where output goes: ipykernel tells by context which cell a line belongs to.
        self._context: Any = None

    def post(self, name: str, task: Callable[[], object]) -> None:
        """Have ``task`` run after the cell; a later one of the same name replaces it."""
        self._waiting[name] = task
        self._wake()

    def cell_ended(self) -> None:
        """The last open cell has ended: run what waits, in the loop if there is one."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._remember_loop()
        if self._waiting and self._loop is not None:
            self._wake()
        else:
            self.run()

    def run(self) -> None:
        """Run what waits; what the tasks post themselves waits for the next time."""
        if not self._waiting or threading.current_thread() is not threading.main_thread():
            return
        waiting, self._waiting = self._waiting, {}
        for name, task in waiting.items():
            self._faults.guard(name)(task)()

    def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()
        self._loop = self._context = None

    def _remember_loop(self) -> None:
        asyncio = sys.modules.get("asyncio")
        # Unlike get_running_loop, this does not raise where there is none.
        self._loop = None if asyncio is None else asyncio._get_running_loop()
        if self._loop is not None:
            import contextvars

            self._context = contextvars.copy_context()

    def _wake(self) -> None:
        loop, context = self._loop, self._context
        if loop is None:
            return
        later = functools.partial(loop.call_later, _PAUSE_S, self._run_if_idle, context=context)
        try:
            loop.call_soon_threadsafe(later)
        except RuntimeError:  # it was closed
            self._loop = None

    def _run_if_idle(self) -> None:
        if not self._busy():
            self.run()
