"""The threads that a scope started, and which of them go on working."""

from __future__ import annotations

import sys
import threading
import time
from types import FrameType

from . import stop
from .process import procfs
from .token import Token

__all__ = ["idents", "started_since", "stop_started"]

# A thread that has no frame outside of these serves a pool or a kernel: it holds no
# work of its own, and without it the pool's end would be waited for in vain.
_MACHINERY = frozenset(
    [
        *("threading", "multiprocessing", "concurrent", "queue", "selectors", "asyncio"),
        *("zmq", "tornado", "ipykernel", "IPython", "traitlets"),
    ]
)
# A thread whose innermost frame is in one of these waits for work.
_WAITING = ("threading", "queue", "selectors", "concurrent.futures.thread", "asyncio.base_events")
_BUSY_SHARE = 0.05


def idents() -> frozenset[int]:
    """All threads that Python knows now."""
    return frozenset(thread.ident or 0 for thread in threading.enumerate())


def started_since(before: frozenset[int]) -> list[threading.Thread]:
    """Living threads that are not among ``before``, the guard's own left out."""
    return [
        thread
        for thread in threading.enumerate()
        if thread.ident not in before and not getattr(thread, "pmat_guard", False)
    ]


def stop_started(token: Token, *, lingering: bool) -> list[str]:
    """Raise in the threads that the scope started and that are at work; their names.

    A thread that outlived its scope (``lingering``) must also have used the processor
    since the last signal: another cell may be what grows meanwhile.
    """
    frames = sys._current_frames()
    # This very call: a cycle that would keep all that its callers hold until it is collected.
    frames.pop(threading.get_ident(), None)
    stopped = []
    for thread in token.outliving if lingering else started_since(token.idents_before):
        ident = thread.ident or 0
        if ident == token.thread_ident or ident not in frames:
            continue
        if not _is_at_work(frames[ident]):
            continue
        if lingering and not _was_busy(thread, token):
            continue
        if stop.raise_in_thread(token, ident):
            stopped.append(thread.name)
    return stopped


def _is_at_work(frame: FrameType) -> bool:
    if frame.f_globals.get("__name__") in _WAITING:
        return False
    each: FrameType | None = frame
    while each is not None:
        if str(each.f_globals.get("__name__")).partition(".")[0] not in _MACHINERY:
            return True
        each = each.f_back
    return False


def _was_busy(thread: threading.Thread, token: Token) -> bool:
    text = procfs.read_text(f"/proc/self/task/{thread.native_id}/schedstat", 128).split()
    if not text or thread.native_id is None:
        return True  # unknown: it did outlive a limit, and memory did grow
    ran, now = int(text[0]), time.monotonic_ns()
    before = token.thread_cpu.get(thread.native_id)
    token.thread_cpu[thread.native_id] = (ran, now)
    if before is None or now <= before[1]:
        return False
    return (ran - before[0]) / (now - before[1]) > _BUSY_SHARE
