"""What a session does about once a second: the samples that its background thread takes.

A sample adds to the peak of the cell that runs, is a tick for the pressure monitor and what
it schedules between cells, and is left where ``pmat-nb`` finds it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .sampler import Sampler, TimedRss

if TYPE_CHECKING:
    from .session import Session

__all__ = ["SessionSampler"]


class SessionSampler(Sampler):
    """Samples the kernel of one session, as often as ``sample_interval`` says."""

    def __init__(self, session: Session) -> None:
        self._session = session
        super().__init__(
            session.probe.rss_bytes,
            self._take,
            interval_s=self._interval,
            on_error=lambda problem: session.faults.report("background sampling", problem),
        )

    def begin(self) -> None:
        """From the moment of loading on, for others to find this kernel before its next cell.

        The first sample is taken here: what is imported for it must not be in a thread, where
        it would count what a cell takes meanwhile.
        """
        self._take(TimedRss(time.time(), self._session.probe.rss_bytes()))
        self.start()

    def watch_pressure(self, rss_bytes: int | None) -> None:
        """One tick of all that watches the kernel; ``rss_bytes`` is what it holds now."""
        session = self._session
        repeater = session.part_if_made("repeater")
        if repeater is not None and repeater.is_running:
            return  # what this thread keeps meanwhile would be traced as growth

        def look() -> None:
            found = session.pressure.tick(rss_bytes)
            session.collector.tick(found.fraction, found.level)
            session.defragmenter.tick()

        session.faults.guard("the pressure monitor")(look)()
        self._tell_others(rss_bytes)

    def _take(self, sample: TimedRss) -> None:
        self._session.meter.sample(sample.rss_bytes)
        self.watch_pressure(sample.rss_bytes)

    def _tell_others(self, rss_bytes: int | None) -> None:
        """Leave the latest sample where ``pmat-nb`` finds it."""
        session = self._session

        def look() -> None:
            from .beacon import BeaconKeeper

            session.keep("beacon", BeaconKeeper).look(rss_bytes)

        if getattr(session.shell, "kernel", None) is not None:
            session.faults.guard("the beacon for pmat-nb")(look)()

    def _interval(self) -> float:
        interval = self._session.settings.get("sample_interval")
        return float(interval) if isinstance(interval, (int, float)) else 1.0
