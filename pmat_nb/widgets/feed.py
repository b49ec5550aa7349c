"""Measures for the open dashboards, in one thread while there is any, and not otherwise.

Each tick costs one moment however many dashboards are open. Ticks, the parts of the memory
and the sizings between cells each have a share of a core and are further apart where they
are dear, so that an open dashboard stays under 1% of a core.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .sample import Moments

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["LEASE_S", "Feed", "Page"]

_PERIOD_S = 1.0
# What is changed in quick steps (a slider) is shown at most so often.
_LEAST_S = 0.2
_TICKS_SHARE = 0.004
_PARTS_SHARE = 0.002
_SIZING_SHARE = 0.002
# A page says every 45 s that it is there; one that was closed without a word is let go.
LEASE_S = 200.0


class Page(Protocol):
    """What is fed: a dashboard."""

    live: dict[str, Any]
    parts: list[list[str]]

    def close(self) -> None:
        """Take it off the page."""


class Feed:
    """One per session. The first ``add`` starts its thread, the last ``remove`` ends it."""

    def __init__(
        self,
        session: Session,
        *,
        period_s: float = _PERIOD_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._period_s = period_s
        self._clock = clock
        self._moments = Moments(session)
        self._made: list[Page] = []
        self._leases: dict[int, float] = {}
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self._parts_due = self._sizing_due = 0.0
        self._sized_for: object = None

    # --- life -------------------------------------------------------------------

    def settings_changed(self) -> None:
        """Show what has changed at once."""
        self.changed()

    def close(self) -> None:
        """Close every page and end the thread."""
        for page in tuple(self._made):
            self._session.faults.guard("closing a dashboard")(page.close)()
        self._leases.clear()
        self._end()

    def add(self, page: Page) -> None:
        """Feed ``page`` from now on, as long as it is heard of; idempotent."""
        with self._lock:
            if page not in self._made:
                self._made.append(page)
            self._leases[id(page)] = time.monotonic() + LEASE_S
            if self._stop is None:
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stop,), name="pmat_nb dashboard", daemon=True
                )
                self._thread.start()

    def pause(self, page: Page) -> None:
        """Nobody looks at ``page``; it is fed again when it is added again."""
        with self._lock:
            self._leases.pop(id(page), None)
        if not self._leases:
            self._end()

    def remove(self, page: Page) -> None:
        """Forget ``page``; idempotent."""
        self.pause(page)
        if page in self._made:
            self._made.remove(page)

    # --- for the pages ------------------------------------------------------------

    def changed(self) -> None:
        """Something was changed: do not wait for the next tick."""
        self._moments.note_change()
        self._wake.set()

    def past(self) -> dict[str, Any]:
        """The last quarter of an hour, in columns."""
        return self._moments.past()

    def sized(self) -> None:
        """Everything was sized for a page: show that at once."""
        self._parts_due = 0.0
        self._sized_for = self._session.last_cell

    # --- the thread -----------------------------------------------------------------

    def _end(self) -> None:
        with self._lock:
            stop, self._stop = self._stop, None
            thread, self._thread = self._thread, None
        if stop is not None:
            stop.set()
            self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5)

    def _run(self, stop: threading.Event) -> None:
        before_s = 0.0
        try:
            while not stop.is_set():
                self._wake.clear()
                cost_s = _cpu_s(self._tick)
                # One dear tick is a first time; two are the rule.
                least_s = max(_LEAST_S, min(cost_s, before_s) / _TICKS_SHARE)
                before_s = cost_s
                self._read_parts()
                self._ask_for_sizing()
                if not stop.wait(least_s):
                    self._wake.wait(max(0.0, self._period_s - least_s))
        except Exception as problem:
            self._session.faults.report("the dashboard", problem)

    def _tick(self) -> None:
        self._let_go()
        now = self._moments.take(self._clock())
        for page in self._fed():
            if page.parts != self._moments.parts:
                page.parts = self._moments.parts
            page.live = now

    def _fed(self) -> list[Page]:
        with self._lock:
            return [page for page in self._made if id(page) in self._leases]

    def _let_go(self) -> None:
        """End the leases that ran out; while a cell runs no page can be heard."""
        now = time.monotonic()
        with self._lock:
            for key, until in tuple(self._leases.items()):
                if self._session.meter.busy:
                    self._leases[key] = now + LEASE_S
                elif until < now:
                    del self._leases[key]
            left = bool(self._leases)
        if not left:
            self._end()

    def _read_parts(self) -> None:
        if time.monotonic() >= self._parts_due:
            cost_s = _cpu_s(self._moments.size)
            self._parts_due = time.monotonic() + cost_s / _PARTS_SHARE

    def _ask_for_sizing(self) -> None:
        """Once a cell has ended since the last one, and it can be afforded."""
        session = self._session
        if session.last_cell is self._sized_for or time.monotonic() < self._sizing_due:
            return
        if session.meter.busy:
            return
        self._sized_for = session.last_cell
        session.between_cells.post("the dashboard's sizing", self._size)

    def _size(self) -> None:
        if self._leases:
            budget: Any = self._session.settings.get("sizing_budget")
            cost_s = _cpu_s(lambda: self._session.reporter().size(budget))
            self._sizing_due = time.monotonic() + cost_s / _SIZING_SHARE


def _cpu_s(action: Callable[[], object]) -> float:
    started = time.thread_time()
    action()
    return time.thread_time() - started
