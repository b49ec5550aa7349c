"""A background thread that looks at the kernel about once a second.

It keeps the recent past for plots and for sampled peaks. It sleeps on an event, so it
ends at once; it holds no locks that a forked child could inherit.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Sampler", "TimedRss"]

_KEPT = 3600


class TimedRss(NamedTuple):
    """Resident bytes at a moment (``time.time()``)."""

    at: float
    rss_bytes: int | None


class Sampler:
    """Calls ``read`` every ``interval_s()`` seconds and keeps the last hour.

    ``start`` and ``stop`` are idempotent. ``on_sample`` gets each reading; if it
    raises, ``on_error`` is told and the thread ends.
    """

    def __init__(
        self,
        read: Callable[[], int | None],
        on_sample: Callable[[TimedRss], None],
        *,
        interval_s: Callable[[], float],
        on_error: Callable[[BaseException], None],
    ) -> None:
        self._read = read
        self._on_sample = on_sample
        self._interval_s = interval_s
        self._on_error = on_error
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.recent: deque[TimedRss] = deque(maxlen=_KEPT)

    def start(self) -> None:
        """Start sampling unless a thread is at it already (in this process)."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stop,), name="pmat_nb sampler", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling and wait for the thread."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.wait(self._interval_s()):
                sample = TimedRss(time.time(), self._read())
                self.recent.append(sample)
                self._on_sample(sample)
        except Exception as problem:
            self._on_error(problem)
