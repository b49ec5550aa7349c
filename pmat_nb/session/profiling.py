"""``%%pmat_profile``: one cell under the sampler, and the report of what it took.

The cell runs as IPython runs it. The sampler and the tracing begin last before it and end
first after it, or when its error is about to be shown, which takes memory and time too.
Sites are read once the meter has closed the cell, so that neither its duration nor its peak
has that in it; those of an error before that as well, and what came since is left out. Then the
report is displayed, beside the cell's value.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from pmat_nb.errors import UsageError

from .hooks import is_headed_by

if TYPE_CHECKING:
    from pmat_nb.consumers.native import NativeCapture
    from pmat_nb.engine.cells import OpenCell
    from pmat_nb.engine.leaks.sites import Sites
    from pmat_nb.engine.leaks.traces import Sizes
    from pmat_nb.engine.profile.recorder import Recorder
    from pmat_nb.engine.profile.records import ProfileRecord, Spot
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.render.profile import ProfileReport

    from .session import Session

__all__ = ["ProfileWish", "Profiling"]


class ProfileWish(NamedTuple):
    """What was asked for; ``show`` is given the report when there is one."""

    interval_s: float
    native: bool
    show: Callable[[ProfileReport], None]


class _Running(NamedTuple):
    """The cell that is profiled now."""

    info: Any
    cell: OpenCell
    wish: ProfileWish
    sites: Sites
    recorder: Recorder
    capture: NativeCapture | None
    # What was alive when its code had failed, before the error was shown.
    failed_with: dict[Spot, Sizes] | None = None


class Profiling:
    """The cell to be profiled next, the one that is, and the last report."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._armed: tuple[str, ProfileWish] | None = None
        self._running: _Running | None = None
        self._last: ProfileReport | None = None

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """Leave no thread, tracing or file behind."""
        self._armed = None
        running, self._running = self._running, None
        if running is not None:
            _end(running)

    def arm_next(self, first_line: str, wish: ProfileWish) -> None:
        """Profile the next cell if it is headed by ``first_line``.

        Raises:
            UsageError: the cell around it is being profiled, or memray cannot be had.
        """
        if self._running is not None:
            raise UsageError("%%pmat_profile: the cell around this one is being profiled already")
        if wish.native:
            from pmat_nb.consumers.native import check_available

            check_available("%%pmat_profile --native")
        _bring_in_parts()
        self._armed = first_line, wish

    def report(self) -> ProfileReport:
        """The last one.

        Raises:
            UsageError: no cell was profiled yet.
        """
        if self._last is None:
            raise UsageError(
                "%pmat_profile: no cell was profiled yet; write %%pmat_profile above one and run it"
            )
        return self._last

    def begin(self, info: Any) -> None:
        """A cell begins: the one that is armed, or another."""
        armed, self._armed = self._armed, None
        cell = self._session.meter.innermost
        if armed is None or cell is None or not is_headed_by(info.raw_cell or "", armed[0]):
            return
        self._running = running = self._made(info, cell, armed[1])
        try:
            running.recorder.start()
            if running.capture is not None:
                running.capture.start()
        except BaseException:
            self.close()
            raise

    def end(self, info: Any) -> None:
        """A cell has ended, however it did: no more samples."""
        if self._running is not None and self._running.info is info:
            _stop_recording(self._running)

    def error_shown(self) -> None:
        """An error is about to be shown: if it has left the profiled cell, that is over."""
        running = self._running
        if running is None or running.failed_with is not None or self._runs_a_cell():
            return
        _stop_recording(running)
        traced = running.recorder.traced
        found = None if traced is None else traced.look()[0]
        self._running = running._replace(failed_with=found)

    def _runs_a_cell(self) -> bool:
        label, frame = _label_of(self._session), sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            if label(frame.f_code.co_filename) is not None:
                return True
        return False

    def cell_entered(self, record: CellRecord) -> None:
        """A cell's figures are complete; of the one that is profiled, the report."""
        running = self._running
        if running is None or self._session.meter.is_open(running.cell):
            return
        self._running = None
        try:
            made = _record_of(running, record)
        finally:
            _end(running)
        from pmat_nb.render.profile import ProfileReport

        self._last = ProfileReport(made)
        running.wish.show(self._last)

    def _made(self, info: Any, cell: OpenCell, wish: ProfileWish) -> _Running:
        from pmat_nb.engine.leaks.sites import Sites
        from pmat_nb.engine.profile.locating import Locator
        from pmat_nb.engine.profile.recorder import Readers, Recorder
        from pmat_nb.engine.profile.tracing import Traced

        session, meter = self._session, self._session.meter
        label = _label_of(session)
        sites = Sites(label)
        recorder = Recorder(
            Readers(session.probe.rss_bytes, lambda: meter.peak_so_far(cell)),
            Locator(sites, threading.get_ident(), lambda name: label(name) is not None),
            interval_s=wish.interval_s,
            traced=None if wish.native else Traced(sites, meter.aside),
            on_error=lambda problem: session.faults.report("profiling", problem),
        )
        capture = None
        if wish.native:
            from pmat_nb.consumers.native import NativeCapture

            capture = NativeCapture(called="%%pmat_profile --native", interval_s=wish.interval_s)
        return _Running(info, cell, wish, sites, recorder, capture)


def _bring_in_parts() -> None:
    """What is needed while the cell runs: not imported, and traced, within it."""
    import tracemalloc  # noqa: F401 - only so that it is there

    from pmat_nb.engine.profile import (  # noqa: F401 - as above
        building,
        locating,
        recorder,
        tracing,
    )


def _stop_recording(running: _Running) -> None:
    running.recorder.stop()
    if running.recorder.traced is not None:
        running.recorder.traced.end()


def _end(running: _Running) -> None:
    running.recorder.stop()
    if running.recorder.traced is not None:
        running.recorder.traced.stop()
    if running.capture is not None:
        running.capture.close()


def _label_of(session: Session) -> Callable[[str], str | None]:
    from pmat_nb.consumers.last_error import cell_label

    shell = session.shell
    return lambda filename: cell_label(shell, filename)


def _record_of(running: _Running, cell: CellRecord) -> ProfileRecord:
    import gc

    running.recorder.stop()
    gc.collect()
    if running.capture is not None:
        return _with_native(running, running.capture, cell)
    return _with_traces(running, cell)


def _with_traces(running: _Running, cell: CellRecord) -> ProfileRecord:
    from pmat_nb.engine.profile.building import build_profile, site_uses
    from pmat_nb.engine.profile.tracing import common

    recorder = running.recorder
    traced = recorder.traced
    assert traced is not None
    found, _ = traced.look()
    kept = {} if found is None else found
    if running.failed_with is not None:
        kept = common(running.failed_with, kept)
    held = None if found is None else sum(size for size, _ in kept.values())
    at_peak, at_bytes = recorder.sites, recorder.sites_bytes
    if held is not None and held > (at_bytes or 0):
        # Nothing was higher than what stayed.
        at_peak, at_bytes = kept, held
    return build_profile(
        recorder,
        cell,
        running.sites,
        site_uses(at_peak, kept, running.sites, recorder.callers),
        engine="tracemalloc",
        traced_peak_bytes=max(traced.peak_bytes, at_bytes or 0),
        sites_bytes=at_bytes,
        kept_bytes=held,
        notes=_notes(running, stopped=found is None),
    )


def _notes(running: _Running, *, stopped: bool) -> tuple[str, ...]:
    recorder = running.recorder
    found = []
    if stopped:
        found.append("the cell stopped tracemalloc: what it allocated after that is not seen")
    elif recorder.traced is not None and recorder.traced.shared:
        found.append("tracemalloc was on already and stays on; its peak is known by samples")
    if recorder.out_of_memory:
        found.append("there was no memory for a look at the peak")
    return tuple(found)


def _with_native(running: _Running, capture: NativeCapture, cell: CellRecord) -> ProfileRecord:
    from pmat_nb.consumers.native import site_uses
    from pmat_nb.engine.profile.building import build_profile

    capture.stop()
    peak, kept = capture.states(running.sites)
    return build_profile(
        running.recorder,
        cell,
        running.sites,
        site_uses(peak.uses, kept.uses, running.sites),
        engine="memray",
        traced_peak_bytes=peak.total_bytes,
        sites_bytes=peak.total_bytes,
        kept_bytes=kept.total_bytes,
    )
