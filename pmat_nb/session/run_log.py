"""The log of a run (``pmat-nb run --log``): a line after each cell, and one a second within.

Each line has the keys of ``Stats.to_dict()``, and ``notebook``, ``running`` (the cell that runs,
``In[5]``) and, at the end of a cell, its own figures. Attributing memory to pools takes tens of
milliseconds: a line after a cell repeats the last attribution, with its age in the pools'
``as_of_s``, until a new one costs no more than a twentieth of the time since.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.log import LogWriter

from .hooks import running_label
from .watch import Watch

if TYPE_CHECKING:
    from pmat_nb.engine.stats_records import StatsRecord

    from .session import Session

__all__ = ["RunLog"]

_EVERY_S = 1.0
_SHARE_OF_TIME = 0.05


class RunLog:
    """Appends to the file ``path``. ``start`` raises StateFileError where it cannot."""

    def __init__(self, session: Session, path: str, notebook: str) -> None:
        self._session = session
        self._notebook = notebook
        self._log = LogWriter(path)
        self._clock: Callable[[], float] = time.monotonic
        self._last: StatsRecord | None = None
        self._next_full = float("-inf")
        self._watch: Watch | None = None

    def start(self) -> None:
        """The first line, and one a second while cells run."""
        session = self._session
        session.reporter()  # made here, not in the thread
        self.cell_ended()
        self._watch = Watch(
            self._within_cell,
            _EVERY_S,
            lambda problem: session.faults.report("the log", problem),
        )

    def close(self) -> None:
        """End the thread and the file; idempotent."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.stop()
        self._log.close()

    def cell_ended(self, *, complete: bool = False) -> None:
        """A line after a cell, on the main thread; ``complete`` ones attribute anew."""
        started = self._clock()
        if complete or self._last is None or started >= self._next_full:
            self._last = self._session.reporter().stats().record
            took_s = self._clock() - started
            self._next_full = self._clock() + took_s / _SHARE_OF_TIME
            self._write(self._last)
        else:
            self._write(self._since(self._last))

    def _within_cell(self) -> None:
        if self._session.meter.busy and self._last is not None:
            self._write(self._since(self._last))

    def _since(self, last: StatsRecord) -> StatsRecord:
        """The last attribution with what can be read at once; what would not add up is None."""
        session, now = self._session, time.time()
        rss = session.probe.rss_bytes()
        pressure = session.pressure.sample(rss)
        tree = session.pressure.samples[-1].tree_bytes
        aged = tuple(
            pool._replace(as_of_s=pool.as_of_s + now - last.timestamp) for pool in last.pools
        )
        return last._replace(
            timestamp=now,
            rss_bytes=rss,
            tree_bytes=tree,
            children_bytes=None if rss is None or tree is None else max(0, tree - rss),
            slack_bytes=None,
            unattributed_bytes=None,
            not_resident_bytes=None,
            limit=session.pressure.limit(),
            pressure=pressure,
            pools=aged,
            gc=session.collector.state(),
            cell=session.last_cell,
        )

    def _write(self, record: StatsRecord) -> None:
        from pmat_nb.render.stats import Stats

        figures: dict[str, Any] = Stats(record).to_dict()
        running = self._session.meter.innermost
        self._log.write(
            {
                **figures,
                "notebook": self._notebook,
                "running": running_label(self._session.shell) if running is not None else None,
            }
        )
