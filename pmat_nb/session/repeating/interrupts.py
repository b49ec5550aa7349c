"""Holds an interrupt back while work is under way that must not be left half done."""

from __future__ import annotations

import signal
import threading
from typing import Any

__all__ = ["HeldBack"]


class HeldBack:
    """A context manager, again and again; ``seen`` once there was an interrupt meanwhile.

    Only the main thread gets signals; elsewhere it does nothing.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: Any = None

    def __enter__(self) -> HeldBack:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            # None: set by other means than Python's, and not to be put back by them.
            if self._before is not None:
                signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        before, self._before = self._before, None
        if before is not None:
            signal.signal(signal.SIGINT, before)

    def _note(self, *_: object) -> None:
        self.seen = True
