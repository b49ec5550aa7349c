"""What the steps of asyncio tasks add to the process, each measured at its beginning and end.

Looks from outside cannot tell which of several tasks that take turns on one thread grows.
The loop can: it is asked through ``call_soon`` to run each step of each task. While tasks are
watched, that method stands in the loop's own ``__dict__`` and wraps the watched ones'
steps: two readings of /proc (3 µs each) a step. All else passes through unchanged.

Not covered: loops that take no attribute (uvloop), and what the task has others do, a
thread of an executor for instance. Memory that another thread adds during a step counts as
the step's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .ceiling import own_memory

__all__ = ["StepMeter"]


def _rss_bytes() -> int:
    return own_memory()[0]


class _Tally:
    """What one watched task added in its finished steps, and what was held at first."""

    __slots__ = ("added_bytes", "first_bytes", "task")

    def __init__(self, task: Any, first_bytes: int) -> None:
        self.task = task
        self.first_bytes = first_bytes
        self.added_bytes = 0


class StepMeter:
    """Watches tasks of one event loop; ``rss_bytes`` reads what the process holds."""

    def __init__(self, rss_bytes: Callable[[], int] = _rss_bytes) -> None:
        self.rss_bytes = rss_bytes
        self._tallies: dict[int, _Tally] = {}
        self._step: tuple[Any, int] | None = None
        self._loop: Any = None
        self._call_soon: Any = None

    def watch(self, tasks: Iterable[Any]) -> bool:
        """Measure these tasks from now on; false where their loop does not let us."""
        for task in tasks:
            if not self._install(task.get_loop()):
                return False
            self._tallies[id(task)] = _Tally(task, self.rss_bytes())
        return True

    def added_bytes(self, task: Any, running: Any = None) -> int:
        """What the task added since it is watched.

        ``running`` is the task whose step is going on now, which counts as far as it is.
        """
        tally, step = self._tallies.get(id(task)), self._step
        if tally is None:
            return 0
        if task is not running:
            return tally.added_bytes
        # A step that was on its way when the watch began is not measured: nothing ran between.
        began = step[1] if step is not None and step[0] is task else tally.first_bytes
        return tally.added_bytes + self.rss_bytes() - began

    def forget(self, tasks: Iterable[Any]) -> None:
        """Watch these no more; with the last one the loop is as it was."""
        for task in tasks:
            self._tallies.pop(id(task), None)
        if not self._tallies:
            self.end()

    def end(self) -> None:
        """Watch nothing any more, and let the loop's own method through again."""
        self._tallies.clear()
        loop, self._loop, self._step = self._loop, None, None
        # Where somebody else wrapped it since, ours stays below and lets everything pass.
        if loop is not None and loop.__dict__.get("call_soon") == self._metered:
            del loop.call_soon

    def _install(self, loop: Any) -> bool:
        if self._loop is loop:
            return True
        own = getattr(loop, "__dict__", None)
        if self._loop is not None or own is None or "call_soon" in own:
            return False
        self._loop, self._call_soon = loop, loop.call_soon
        loop.call_soon = self._metered
        return True

    def _metered(self, callback: Any, *args: Any, context: Any = None) -> Any:
        tally = self._tallies.get(id(getattr(callback, "__self__", None)))
        if tally is not None:
            callback = partial(self._measured, callback, tally)
        return self._call_soon(callback, *args, context=context)

    def _measured(self, callback: Callable[..., Any], tally: _Tally, *args: Any) -> Any:
        outer, before = self._step, self.rss_bytes()
        self._step = (tally.task, before)
        try:
            return callback(*args)
        finally:
            self._step = outer
            tally.added_bytes += self.rss_bytes() - before
