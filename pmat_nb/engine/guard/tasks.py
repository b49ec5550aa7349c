"""The asyncio tasks that a scope started and that go on after it.

Runs in the signal handler on the main thread, which is where their loop runs. A task whose
code is on the stack gets the exception there: the loop takes it as the task's own error. One
that awaits is cancelled, but only where memory grew since the last signal while no scope
was running, because then nothing else on this thread can have been what grew.
"""

from __future__ import annotations

import time
import traceback
from types import FrameType
from typing import Any

from .token import Token

__all__ = ["alive", "stop_outliving"]

_GROWS = 1024**2
# Torn in the middle, these leave a loop that no longer runs.
_DELICATE = ("asyncio", "selectors", "ipykernel", "zmq", "tornado", "jupyter_client", "pmat_nb")


def alive(token: Token) -> list[Any]:
    """The tasks that outlived the scope and are not done."""
    return [task for task in token.outliving_tasks if not task.done()]


def stop_outliving(
    token: Token, frame: FrameType | None, tree_bytes: int, *, scope_runs: bool
) -> bool:
    """Stop the tasks of an ended scope, as far as they are what grows; whether any was.

    Raises:
        MemoryLimitExceeded: in the task that is interrupted.
    """
    grew = token.tree_at_signal is not None and tree_bytes - token.tree_at_signal >= _GROWS
    token.tree_at_signal = tree_bytes
    going_on = alive(token)
    running = _on_stack(going_on, frame)
    if running is not None:
        _report_when_done(running, token)
        if not _is_delicate(running, frame):
            raise token.error(time.monotonic_ns())
        going_on = [running]
    elif scope_runs or not grew:
        return False
    for task in going_on:
        _report_when_done(task, token)
        task.get_loop().call_soon_threadsafe(task.cancel)
    return bool(going_on)


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
