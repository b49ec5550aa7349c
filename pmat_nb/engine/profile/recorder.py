"""Samples a run from a thread of its own: memory, the running line, sites near the peak.

The thread starves while C code holds the interpreter lock: it then sees what is left
afterwards. The height of the peak is the operating system's and is exact all the same;
what was seen late is told by ``longest_gap_s`` and by how near the sites are to the peak.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from pmat_nb.engine.leaks.traces import Sizes

from .locating import Body, Locator, Seen
from .policy import LookPolicy
from .records import Place, Spot
from .timeline import Timeline
from .tracing import Traced

__all__ = ["Growing", "PeakAt", "Readers", "Recorder"]

_MOST_CALLERS = 4096


class Readers(NamedTuple):
    """``rss`` is resident memory now, ``peak`` its highest since the run began."""

    rss: Callable[[], int | None]
    peak: Callable[[], int | None]


class PeakAt(NamedTuple):
    """The highest so far: its height, between which moments, and on which line."""

    peak_bytes: int
    from_s: float | None
    to_s: float | None
    line: Place | None


class Growing:
    """What one line is charged with."""

    __slots__ = ("duration_s", "rss_bytes", "traced_bytes")

    def __init__(self) -> None:
        self.rss_bytes = 0
        self.traced_bytes = 0
        self.duration_s = 0.0


class Recorder:
    """``start`` before the run, ``stop`` after it, then its attributes hold what was seen.

    ``traced`` is None where something else records allocations. ``tick`` is one sample;
    ``on_error`` is told of our own failure, which ends the sampling and nothing else.
    """

    def __init__(
        self,
        read: Readers,
        locator: Locator,
        *,
        interval_s: float,
        traced: Traced | None,
        on_error: Callable[[BaseException], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.timeline = Timeline()
        self.places: list[Place] = []
        self.growing: defaultdict[Place, Growing] = defaultdict(Growing)
        self.callers: dict[Body, dict[Place, int]] = {}
        self.sites: dict[Spot, Sizes] = {}
        self.sites_bytes: int | None = None
        # From that look to the highest sample: growth (or less) by running line.
        self.since_look: dict[Place, int] = {}
        self.peak: PeakAt | None = None
        self.tracer_bytes = 0
        self.outside_bytes: int | None = None
        self.samples = 0
        self.longest_gap_s = 0.0
        self.duration_s = 0.0
        self.interval_s = interval_s
        self.rss_before_bytes: int | None = None
        self.out_of_memory = False
        self.traced = traced
        self._read = read
        self._locator = locator
        self._on_error = on_error
        self._clock = clock
        self._policy = LookPolicy()
        self._numbers: dict[Place, int] = {}
        self._last: tuple[float, int | None, int | None] = (0.0, None, None)
        self._last_line: Place | None = None
        self._since: defaultdict[Place, int] = defaultdict(int)
        self._most_traced = 0
        self._accounted = self._own_bytes = 0
        self._started = 0.0
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    # -- life --------------------------------------------------------------------------

    def start(self) -> None:
        """Sample from now on; tracing, if any, begins last."""
        self.begin()
        self._thread = threading.Thread(target=self._run, name="pmat_nb profile", daemon=True)
        self._thread.start()
        if self.traced is not None:
            self.traced.start()

    def begin(self) -> None:
        """Note where it starts, without a thread."""
        self._started = self._clock()
        self.rss_before_bytes = self._read.rss()
        self._last = (0.0, self.rss_before_bytes, 0)
        highest = self._read.peak()
        self.peak = None if highest is None else PeakAt(highest, None, None, None)

    def stop(self) -> None:
        """End the thread and take a last sample; stopping twice is fine."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._end.set()
        thread.join()
        # What runs now is this.
        self.tick(Seen(self._last_line, self._last_line))
        self.duration_s = self._last[0]

    def _run(self) -> None:
        try:
            while not self._end.is_set():
                self.tick()
                self._end.wait(self.interval_s)
        except Exception as problem:
            self._on_error(problem.with_traceback(None))

    # -- one sample --------------------------------------------------------------------

    def tick(self, seen: Seen | None = None) -> None:
        """Look once."""
        seen = self._locator.look() if seen is None else seen
        # Reading a file lets another thread run: what belongs to the line comes before.
        traced = None if self.traced is None else self.traced.now()
        at_s = self._clock() - self._started
        rss, highest = self._read.rss(), self._read.peak()
        line = seen.line
        self._note_callers(seen)
        self._charge(line, at_s, rss, traced)
        if highest is not None and (self.peak is None or highest > self.peak.peak_bytes):
            came_before = self._has_gone(highest, rss, traced)
            where = self._last_line if came_before else line or self._last_line
            self.peak = PeakAt(highest, self._last[0], at_s, where)
        self._note_outside(rss, traced)
        self.timeline.add(at_s, rss, traced, self._number(line))
        self.samples += 1
        self.longest_gap_s = max(self.longest_gap_s, at_s - self._last[0])
        self._last = (at_s, rss, traced)
        self._last_line = line
        if traced is not None and self.traced is not None and not self._end.is_set():
            self._look(self.traced, traced, at_s)

    def _has_gone(self, highest: int, rss: int | None, traced: int | None) -> bool:
        """Whether most of a peak was there at the last sample and has gone since."""
        before = self._last[2]
        if rss is None or traced is None or before is None:
            return False
        return before - traced > (highest - rss) / 2

    def _look(self, traced: Traced, held: int, at_s: float) -> None:
        tracer = traced.tracer_bytes()
        if self.out_of_memory or not self._policy.due(held, tracer, at_s):
            return
        before = self._read.rss()
        try:
            found, cost_s = traced.look()
        except MemoryError:
            # Under a limit there may be no room for the copy of all traces.
            self.out_of_memory = True
            return
        after = self._read.rss()
        if before is not None and after is not None:
            # Not all that a look takes, a copy of the traces, goes back to the system. What is
            # beyond such a copy is the run's: C code goes on meanwhile.
            self._own_bytes += min(tracer, max(0, after - before))
        if found is not None:
            self._policy.looked(held, tracer, cost_s)
            self.sites, self.sites_bytes = found, held
            self._since.clear()
            self.since_look = {}

    def _note_callers(self, seen: Seen) -> None:
        if seen.place is None or len(self.callers) > _MOST_CALLERS:
            return
        for body in seen.library:
            found = self.callers.setdefault(body, {})
            found[seen.place] = found.get(seen.place, 0) + 1

    def _charge(self, line: Place | None, at_s: float, rss: int | None, traced: int | None) -> None:
        """Growth since the last sample to the line that runs now.

        The lock comes free at the end of a long call, while its line is still running.
        """
        before_s, before_rss, before_traced = self._last
        line = line or self._last_line
        if line is None:
            return
        growing = self.growing[line]
        growing.duration_s += at_s - before_s
        if rss is not None and before_rss is not None:
            growing.rss_bytes += max(0, rss - before_rss)
        if traced is not None and before_traced is not None:
            self._since[line] += traced - before_traced
            if traced > self._most_traced:
                self._most_traced = traced
                self.since_look = dict(self._since)
            growing.traced_bytes += max(0, traced - before_traced)

    def _note_outside(self, rss: int | None, traced: int | None) -> None:
        """Resident memory that is beyond all that traced blocks and the tracer ever held.

        Ever: what they have given back, allocators may still keep.
        """
        if rss is None or traced is None or self.traced is None or self.rss_before_bytes is None:
            return
        tracer = self.traced.tracer_bytes()
        self.tracer_bytes = max(self.tracer_bytes, tracer)
        self._accounted = max(self._accounted, traced + tracer)
        beyond = rss - self.rss_before_bytes - self._accounted - self._own_bytes
        self.outside_bytes = max(self.outside_bytes or 0, beyond)

    def _number(self, line: Place | None) -> int:
        if line is None:
            return -1
        number = self._numbers.get(line)
        if number is None:
            number = self._numbers[line] = len(self.places)
            self.places.append(line)
        return number
