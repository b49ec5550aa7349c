"""The asyncio tasks that a scope started and that go on after it.

Which of them grow is measured step by step (:mod:`.steps`) from the end of the scope on. When
the scope's limit is passed, those that made most of the growth are stopped, from the signal
handler on the main thread, which is where their loop runs. A task whose code is on the stack
gets the exception there: the loop takes it as the task's own error. One that awaits is
cancelled. Growth between cells that no step explains (a thread that serves the tasks) or
where steps cannot be measured, is held against all of them.
"""

from __future__ import annotations

import time
import traceback
from types import FrameType
from typing import Any

from .steps import StepMeter
from .token import Token

__all__ = ["alive", "look_afresh", "stop_outliving", "watch"]

_GROWS = 1024**2
# What a library buys once, a cache or an arena, is no growth yet.
_WORTH_JUDGING = 4 * 1024**2
# Torn in the middle, these leave a loop that no longer runs.
_DELICATE = ("asyncio", "selectors", "ipykernel", "zmq", "tornado", "jupyter_client", "pmat_nb")


def alive(token: Token) -> list[Any]:
    """The tasks that outlived the scope and are not done."""
    return [task for task in token.outliving_tasks if not task.done()]


def watch(token: Token, meter: StepMeter) -> None:
    """The scope ended: measure what the tasks that outlive it add."""
    if token.outliving_tasks and meter.watch(token.outliving_tasks):
        token.judged = token.seen = meter.rss_bytes(), {}


def look_afresh(token: Token, meter: StepMeter) -> None:
    """Called now and then while the limit is kept: what came earlier is no matter.

    The guard is some time behind, so a judgement goes back to the call before this one.
    """
    if token.seen is not None:
        added = {id(task): meter.added_bytes(task) for task in token.outliving_tasks}
        token.judged, token.seen = token.seen, (meter.rss_bytes(), added)


def stop_outliving(
    token: Token, frame: FrameType | None, meter: StepMeter, *, last_scope: int | None
) -> bool:
    """Stop the tasks of an ended scope, as far as they are what grows; whether any was.

    ``last_scope`` is the number of the scope that ended last, None while one runs.

    Raises:
        MemoryLimitExceeded: in the task that is interrupted.
    """
    going_on, rss = alive(token), meter.rss_bytes()
    running = _on_stack(going_on, frame)
    guilty = _that_grow(token, going_on, running, meter)
    before, token.between = token.between, None if last_scope is None else (last_scope, rss)
    if not guilty and before is not None and last_scope == before[0] and rss - before[1] >= _GROWS:
        guilty = going_on
    if running is not None and running in guilty:
        _report_when_done(running, token)
        if not _is_delicate(running, frame):
            raise token.error(time.monotonic_ns())
    for task in guilty:
        _report_when_done(task, token)
        task.get_loop().call_soon_threadsafe(task.cancel)
    return bool(guilty)


def _that_grow(token: Token, going_on: list[Any], running: Any, meter: StepMeter) -> list[Any]:
    """The tasks whose steps added most of what came since the last judgement."""
    if token.judged is None:
        return []
    before, before_added = token.judged
    rss = meter.rss_bytes()
    added = {id(task): meter.added_bytes(task, running) for task in going_on}
    if 0 <= rss - before < _WORTH_JUDGING:
        return []
    token.judged = token.seen = rss, added
    theirs = [(task, added[id(task)] - before_added.get(id(task), 0)) for task in going_on]
    total = sum(nbytes for _, nbytes in theirs if nbytes > 0)
    if rss < before or 2 * total < rss - before:
        return []
    # An idle one among many that grow is none of them.
    return [task for task, nbytes in theirs if 2 * nbytes * len(theirs) >= total]


def _on_stack(tasks: list[Any], frame: FrameType | None) -> Any:
    frames = {id(getattr(task.get_coro(), "cr_frame", None)): task for task in tasks}
    while frame is not None:
        if id(frame) in frames:
            return frames[id(frame)]
        frame = frame.f_back
    return None


def _is_delicate(task: Any, frame: FrameType | None) -> bool:
    """Whether anything above the task's own code must not be torn."""
    own = task.get_coro().cr_frame
    while frame is not None and frame is not own:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _DELICATE:
            return True
        frame = frame.f_back
    return False


def _report_when_done(task: Any, token: Token) -> None:
    """Have the loop tell of the stop: nobody may ever await the task."""
    if task in token.tasks_told:
        return
    token.tasks_told.append(task)

    def report(done: Any) -> None:
        try:
            error = done.exception()
        except BaseException as cancelled:
            error = cancelled
        if error is None:
            return
        # Its variables would stay for as long as anybody holds the task.
        traceback.clear_frames(error.__traceback__)
        done.get_loop().call_exception_handler(
            {
                "message": "pmat_nb: a task that outlived its limited cell was stopped",
                "exception": token.error(time.monotonic_ns()),
                "task": done,
            }
        )

    task.add_done_callback(report)
