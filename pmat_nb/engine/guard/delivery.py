"""Brings a stop that the guard decided to the code that it is meant for.

The guard signals with ``SIGURG``, which by default is ignored, so that a signal that
comes at the wrong moment harms nobody. The handler that was there before is called for
every signal that is not the guard's. Scopes outside the main thread are served by the
keeper's thread.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # typeshed does not list it
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from . import stop, tasks, threads
from .armed import MIB, Armed
from .own_ceiling import OwnCeiling
from .process import layout
from .steps import StepMeter
from .token import Token

__all__ = ["Delivery"]

_MOST_IDLE_DELIVERIES = 4
# Whose growth it is shows in the steps to come; one that awaits makes few.
_MOST_WITH_TASKS = 60


class Delivery:
    """The signal handler, and what it does for each kind of scope.

    ``forget`` is called with a scope that is over and that nothing more can be done for.
    """

    def __init__(
        self,
        armed: Armed,
        own_ceiling: OwnCeiling,
        words: Callable[[], memoryview[int] | None],
        forget: Callable[[Token], None],
    ) -> None:
        self._armed = armed
        self._ceiling = own_ceiling
        self._words = words
        self._forget = forget
        self.meter = StepMeter()
        self._old_handler: Any = None
        self._handles_signal = False

    # -- the handler -----------------------------------------------------------
    def install(self) -> None:
        """Handle the signal from here on; only the main thread can."""
        if not _on_main_thread():
            return
        # The C function: the other one makes an enum of the answer, on every cell.
        present = _signal.getsignal(signal.SIGURG)
        if present != self._on_signal:
            self._old_handler = present
            signal.signal(signal.SIGURG, self._on_signal)
            self._handles_signal = True

    def restore(self) -> None:
        """The handler that was there before; no task is measured any more."""
        self.meter.end()
        if self._handles_signal and _on_main_thread():
            signal.signal(signal.SIGURG, self._old_handler or signal.SIG_DFL)
            self._handles_signal = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        words = self._words()
        token = self._stopping(words)
        if token is None or words is None:
            if callable(self._old_handler):
                self._old_handler(number, frame)
            return
        self._take(token, words)
        if token is self._armed.standing:
            return
        self._stop_others(token, words, frame)
        if token.ended or not token.active:
            return
        if token.thread_ident != threading.get_ident():
            stop.raise_in_thread(token, token.thread_ident)
        elif frame is not None and token.in_scope is not None and token.in_scope(frame):
            stop.raise_in(token, frame)
        elif token.cancel is not None:
            token.deliveries += 1
            token.cancel()

    # -- beside the main thread --------------------------------------------------
    def beside(self) -> None:
        """Called by the keeper's thread: stop a scope that another thread runs."""
        words = self._words()
        token = self._stopping(words)
        if words is None or token is None or token is self._armed.standing:
            return
        if token.thread_ident == threading.main_thread().ident and self._handles_signal:
            return
        self._take(token, words)
        self._stop_others(token, words, None)
        if token.active and not token.ended:
            token.deliveries += 1
            stop.raise_in_thread(token, token.thread_ident)

    # -- parts -------------------------------------------------------------------
    def _stopping(self, words: memoryview[int] | None) -> Token | None:
        seq = words[layout.STOP_SEQ] if words is not None else 0
        return self._armed.find(seq) if seq else None

    def _take(self, token: Token, words: memoryview[int]) -> None:
        """Acknowledge the stop; room to raise and handle it comes first."""
        if not token.ended:
            self._ceiling.give_way(words)
        words[layout.ACK] += 1
        token.tree_bytes = words[layout.STOP_TREE]
        token.pending = True

    def _stop_others(self, token: Token, words: memoryview[int], frame: FrameType | None) -> None:
        """The threads that a scope started, and of one that ended also the tasks."""
        grew = words[layout.TREE] - token.baseline_bytes
        if words[layout.KERNEL_RSS] - token.own_rss_bytes < max(16 * MIB, grew // 10):
            return  # child processes grew; threads may be what waits for them
        stopped = bool(threads.stop_started(token, lingering=token.ended))
        if token.ended and not stopped and token.outliving_tasks:
            last = None if self._armed.running else self._armed.last_seq
            stopped = tasks.stop_outliving(token, frame, self.meter, last_scope=last)
        if token.ended and not stopped:
            token.idle_deliveries += 1
            most = _MOST_WITH_TASKS if tasks.alive(token) else _MOST_IDLE_DELIVERIES
            if token.idle_deliveries > most:
                # None of them is at work: somebody else grows.
                self._forget(token)


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
