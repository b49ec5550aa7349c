"""Measures for the open dashboards, in one thread while there is any, and not otherwise.

Each tick costs one sample however many dashboards are open; ticks are further apart where a
sample is dear, so that an open dashboard stays under 1% of a core.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .sample import sample

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["Feed", "Page"]

_PERIOD_S = 1.0
_SHARE_OF_A_CORE = 0.005
_KEPT = 600


class Page(Protocol):
    """What is fed: a dashboard."""

    live: dict[str, Any]


class Feed:
    """One per session. The first ``add`` starts its thread, the last ``remove`` ends it."""

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.time) -> None:
        self._session = session
        self._clock = clock
        self._pages: list[Page] = []
        self._past: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def settings_changed(self) -> None:
        """Show what has changed at once."""
        self.changed()

    def close(self) -> None:
        """Close every page and end the thread."""
        for page in tuple(self._pages):
            page.close()  # type: ignore[attr-defined]  # a widget's own
        self._pages.clear()
        self._end()

    def add(self, page: Page) -> None:
        """Feed ``page`` from now on."""
        with self._lock:
            self._pages.append(page)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="pmat_nb dashboard", daemon=True
                )
                self._thread.start()

    def remove(self, page: Page) -> None:
        """Feed ``page`` no more; idempotent."""
        if page in self._pages:
            self._pages.remove(page)
        if not self._pages:
            self._end()

    def changed(self) -> None:
        """Something was changed: do not wait for the next tick."""
        self._wake.set()

    def past(self) -> list[dict[str, Any]]:
        """The samples kept, oldest first."""
        return list(self._past)

    def _end(self) -> None:
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self) -> None:
        try:
            while self._pages:
                started = time.thread_time()
                now = sample(self._session, self._clock())
                self._past.append(now)
                for page in tuple(self._pages):
                    page.live = now
                cost_s = time.thread_time() - started
                self._wake.clear()
                self._wake.wait(max(_PERIOD_S, cost_s / _SHARE_OF_A_CORE))
        except Exception as problem:
            self._session.faults.report("the dashboard", problem)
