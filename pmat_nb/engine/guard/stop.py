"""Raising a stop where raising is safe.

Synchronous code on the main thread gets the exception from the signal handler,
an awaiting cell has its task cancelled, another thread gets an asynchronous
exception, an idle kernel only a flag. The guard signals again, every 50 ms or as
soon as memory has grown by 8 MB, until the scope is disarmed; the steps are:

1. raise (a line later, where the stack's top is code that must not be torn);
2. from the second time on, raise, and also watch the lines of the functions that
   are running: as soon as one stands where no ``except``, ``finally`` or ``with`` of
   its stack would catch it, raise there. A loop around a bare ``except`` ends so.

Not stopped: a C call that holds the GIL (it is stopped when it returns, or by the
ceiling), and threads that wait inside C.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from pmat_nb.errors import MemoryLimitExceeded

from . import codes
from .token import InScope, Token

__all__ = [
    "clean_traceback",
    "end_watching",
    "forget_in_thread",
    "is_own_frame",
    "raise_in",
    "raise_in_thread",
    "runs_under",
]

# Torn in the middle, these leave a kernel that no longer answers.
_DELICATE = ("ipykernel", "zmq", "tornado", "jupyter_client", "traitlets", "pmat_nb")
_DEFER_AT_MOST = 3
# Their handlers end the work and report; they do not go on with it.
_THREAD_MACHINERY = ("threading", "concurrent.futures.thread", "multiprocessing.pool")
_OWN = __name__.rpartition(".")[0] + "."


def _module(frame: FrameType) -> str:
    name = frame.f_globals.get("__name__")
    return name if isinstance(name, str) else ""


def is_own_frame(frame: FrameType) -> bool:
    """Whether a frame runs the guard's own code."""
    return _module(frame).startswith(_OWN)


def _stack(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def runs_under(namespace: dict[str, Any]) -> InScope:
    """A scope test: true while code whose globals are ``namespace`` is on the stack.

    For IPython, pass ``shell.user_ns``; the code of a cell and what it calls is then
    in scope, IPython's own display of its result or error is not.
    """

    def in_scope(frame: FrameType) -> bool:
        return any(each.f_globals is namespace for each in _stack(frame))

    return in_scope


def _is_delicate(frame: FrameType, in_scope: InScope) -> bool:
    """Whether the stack's top, above the scope's own code, must not be torn."""
    for each in _scope_stack(frame, in_scope):
        module = _module(each)
        if module.partition(".")[0] in _DELICATE:
            return True
        if module == "__main__":
            return False
    return False


def _scope_stack(frame: FrameType, in_scope: InScope) -> Iterator[FrameType]:
    """The frames from ``frame`` out to the scope's own."""
    for each in _stack(frame):
        if not in_scope(each):
            return
        yield each


def raise_in(token: Token, frame: FrameType) -> None:
    """From the signal handler on the main thread: raise now, or at the next fit line.

    Returns without raising where the scope's code is not on the stack.
    """
    in_scope = token.in_scope
    if is_own_frame(frame) or in_scope is None or not in_scope(frame):
        return
    token.deliveries += 1
    if token.line is None:
        token.line = _line(frame)
    delicate = token.deliveries <= _DEFER_AT_MOST and _is_delicate(frame, in_scope)
    if delicate or token.deliveries >= 2:
        if not token.traced:
            token.traced, token.trace_before = True, sys.gettrace()
        _watch_lines(token, frame, in_scope, at_any_line=delicate)
    if not delicate:
        raise token.error(time.monotonic_ns())


def _line(frame: FrameType) -> tuple[str, int] | None:
    for each in _stack(frame):
        if _module(each) == "__main__":
            return each.f_code.co_filename, each.f_lineno
    return frame.f_code.co_filename, frame.f_lineno


def _watch_lines(
    token: Token, frame: FrameType, in_scope: InScope, *, at_any_line: bool, outlives: bool = False
) -> None:
    """Raise at a fit line of the functions that run now, in the calling thread.

    Functions called later are not watched: C code may have called them (a finalizer,
    the printing of an ignored error) and would swallow what they raise. The next
    signal finds those that stay.
    """

    def on_line(frame: FrameType, event: str, _arg: object) -> Any:
        if token.ended and not outlives:
            return None
        if event == "line" and _fit(token, frame, in_scope, at_any_line):
            raise token.error(time.monotonic_ns())
        return on_line

    for each in _scope_stack(frame, in_scope):
        each.f_trace = on_line
    sys.settrace(_no_new_frames)


def _no_new_frames(_frame: FrameType, _event: str, _arg: object) -> None:
    return None


def _fit(token: Token, frame: FrameType, in_scope: InScope, at_any_line: bool) -> bool:
    # C code may have called what is delicate (the printing of an ignored error) and would
    # swallow what is raised there, and with it the watch: a line of the user's comes next.
    if _is_delicate(frame, in_scope):
        return False
    return at_any_line or not any(_swallows(each, token) for each in _scope_stack(frame, in_scope))


def _swallows(frame: FrameType, token: Token) -> bool:
    if frame.f_code.co_name == "__del__":
        return True
    target = codes.handler_at(frame.f_code, frame.f_lasti)
    return target is not None and (frame.f_code, target) != token.block_handler


def end_watching(token: Token) -> None:
    """Give the thread its own tracer back, if lines were watched."""
    if token.traced and threading.current_thread() is threading.main_thread():
        sys.settrace(token.trace_before)  # type: ignore[arg-type] # as gettrace gave it
        token.traced = False


def _is_work(frame: FrameType) -> bool:
    """Whether a thread's frame is the code it was started for, not its machinery."""
    return _module(frame) not in _THREAD_MACHINERY


def error_type(token: Token) -> type[MemoryLimitExceeded]:
    """``MemoryLimitExceeded`` as a class that makes itself, for another thread.

    Python raises asynchronous exceptions by calling a class without arguments, in the
    thread they are meant for: the only moment at which that thread's lines can be
    watched, for a thread that swallows its stop.
    """
    if token.error_type is None:

        def made_here(self: MemoryLimitExceeded, *args: object, **kwargs: Any) -> None:
            made = token.error(time.monotonic_ns())
            MemoryLimitExceeded.__init__(
                self,
                str(args[0]) if args else str(made),
                limit_bytes=made.limit_bytes,
                tree_bytes=made.tree_bytes,
                duration_s=made.duration_s,
            )
            _after_raise_in_thread(token, sys._getframe(1))

        token.error_type = type(
            "MemoryLimitExceeded",
            (MemoryLimitExceeded,),
            {"__init__": made_here, "__module__": MemoryLimitExceeded.__module__},
        )
    return token.error_type


def _after_raise_in_thread(token: Token, frame: FrameType) -> None:
    ident = threading.get_ident()
    token.raised_in_thread[ident] = times = token.raised_in_thread.get(ident, 0) + 1
    if times >= 2 and ident != threading.main_thread().ident:
        if ident == token.thread_ident and token.in_scope is not None:
            _watch_lines(token, frame, token.in_scope, at_any_line=False)
        else:
            _watch_lines(token, frame, _is_work, at_any_line=False, outlives=True)


def raise_in_thread(token: Token, ident: int) -> bool:
    """Raise in another thread when it next runs Python; false if it has ended."""
    import ctypes

    found = ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(ident), ctypes.py_object(error_type(token))
    )
    return bool(found == 1)


def forget_in_thread(ident: int) -> None:
    """Take back an exception that the thread has not raised yet."""
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), None)


def clean_traceback(error: BaseException) -> BaseException:
    """Cut the guard's own frames off the end of a stop's traceback, in place."""
    entry = error.__traceback__
    while entry is not None and entry.tb_next is not None:
        if is_own_frame(entry.tb_next.tb_frame):
            entry.tb_next = None
            break
        entry = entry.tb_next
    return error
