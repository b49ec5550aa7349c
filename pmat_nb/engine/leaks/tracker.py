"""Confirming a leak: iterations are marked, counters say whether, traced windows say where.

Independent of IPython: the user marks iterations (``mark``), or a function is repeated
(``run``). Tracing is on only in a few windows and is never left on. Cost: about three
times the plain time for code that makes many objects, a tenth more for numeric code.
It does not see what child processes keep, nor what C code allocates by other means than
``malloc``, except through the pools it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .census import Members
from .collecting import Shelter
from .counters import Counters
from .evidence import FLOOR_BYTES
from .periodic import Period, period_of
from .records import Explanation, Reading
from .report import LeakRecord
from .rows import build_record, says_of_growth
from .schedule import Schedule
from .settling import is_settled
from .sites import DEEPEST, Sites
from .tracing import Looked, TracedWindow

__all__ = ["Progress", "Tracker"]

# Called after each iteration with (iterations done, of how many or None, seconds so far).
Progress = Callable[[int, "int | None", float], None]
# Given the samples of a place: what retains them.
Explain = Callable[[Any], Explanation]

# Frames of each traceback, as far as they are needed to reach the user's code.
_FRAMES = (1, 32, DEEPEST)
# Frames once something grew: who called is then worth its cost.
_CALLERS = 8
# Fewer plain iterations are not enough to stop early.
_PATIENT = 24
# Readings in which growth now and then is looked for.
_LATEST = 100


class Tracker:
    """Iterations, their counters and windows; ``report`` at any time.

    Args:
        repeat: how many iterations there will be, None where the user marks them.
        warmup: iterations at the start that are not judged.
        max_time_s: ``wants_more`` turns false after this time; None: no bound.
        counters: readings of the process.
        sites: how places in code are named, and which are the user's.
        explain: what retains the samples of a site, asked when a report is made.
        names: what the repeated code itself names, with the objects at the time.
        members: what an object holds that the collector does not know of.
        progress: told after each iteration.
        clock: seconds.

    As a context manager it begins on entry and ends, letting go of all it held, on exit.
    Not for two at once in a process: tracing and the collector are the process's.
    """

    def __init__(
        self,
        counters: Counters,
        *,
        repeat: int | None = None,
        warmup: int = 3,
        max_time_s: float | None = None,
        sites: Sites | None = None,
        explain: Explain | None = None,
        names: Callable[[], Mapping[str, object]] = dict,
        members: Members = lambda value: (),
        progress: Progress | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.repeat = repeat
        self.warmup = warmup
        self.iterations = 0
        self.failures = 0
        self.interrupted = False
        self.readings: list[tuple[int, Reading]] = []
        self.looked: list[Looked] = []
        self.sites = sites or Sites()
        self.schedule = Schedule(warmup, repeat)
        self.duration_s = 0.0
        self._max_time_s = max_time_s
        self._counters = counters
        self._explain = explain
        self._names = names
        self._members = members
        self._progress = progress
        self._clock = clock
        self._shelter = Shelter()
        self._window: TracedWindow | None = None
        self._size = 0
        self._frames = _FRAMES[0]
        self._running = False
        self._started = self._resumed = 0.0
        self._next_look = 0
        self._record: LeakRecord | None = None

    # -- the course ------------------------------------------------------------------

    def __enter__(self) -> Tracker:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.interrupted = self.interrupted or kind is not None
        self.stop()

    def start(self) -> None:
        """The first iteration begins."""
        if self._running:
            return
        self._running = True
        self._shelter.freeze()
        self._started = self._resumed = self._clock()
        self._open_if_due()

    def mark(self, *, failed: bool = False) -> bool:
        """One iteration is over; whether another would still tell something."""
        if not self._running:
            return False
        spent = self._clock() - self._resumed
        self.iterations += 1
        self.failures += failed
        if self._window is not None:
            self._traced(spent)
        else:
            self.schedule.plain(spent)
            self._shelter.collect()
            self.readings.append((self.iterations, self._counters.exact()))
        self._observe()
        self.duration_s = self._clock() - self._started
        if self._progress is not None:
            self._progress(self.iterations, self.repeat, self.duration_s)
        more = self.wants_more
        if more:
            self._open_if_due()
        self._resumed = self._clock()
        return more

    @property
    def wants_more(self) -> bool:
        """Whether further iterations are worth their time."""
        if self.repeat is not None and self.iterations >= self.repeat:
            return False
        if self._max_time_s is not None and self.duration_s >= self._max_time_s:
            return False
        return self._window is not None or not self._is_sure()

    def stop(self) -> None:
        """No more iterations: tracing ends, and a last report is made and kept."""
        if not self._running:
            return
        self._running = False
        try:
            self._close_window()
        finally:
            self._shelter.thaw()
        try:
            self._record = build_record(self, self._explain)
        finally:
            for looked in self.looked:
                looked.let_go()

    def report(self) -> LeakRecord:
        """What is known so far; after ``stop`` always the same."""
        if self._record is not None:
            return self._record
        return build_record(self, self._explain if self._window is None else None)

    def run(self, function: Callable[[], object]) -> LeakRecord:
        """Repeat a function, stopping when sure, and report.

        An exception counts as a failed iteration and the next one runs; an interrupt
        (or anything that is no ``Exception``) ends it with what is known by then.
        """
        self.start()
        try:
            while self.mark(failed=_fails(function)):
                pass
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self.stop()
        return self.report()

    # -- windows -----------------------------------------------------------------------

    def _open_if_due(self) -> None:
        # Where windows show growth as they come, none is needed at a time of its own.
        period = None if self._windows_grow() else self.period
        expected = None if period is None else period.next_after(self.iterations)
        size = self.schedule.length(self.iterations, expected)
        if self._frames > _FRAMES[0]:
            # Long tracebacks are dear: no more iterations than it takes to see a difference.
            size = min(size, 2)
        if size and self._window is None:
            self._size = size
            self.schedule.opened(self.iterations, size, expected)
            self._window = TracedWindow(
                self.sites,
                self._shelter,
                self.iterations,
                frames=max(self._frames, _CALLERS if self._grows() else 1),
                sampling=len(self.looked) < 3 or self.schedule.was_aimed,
                names=self._names,
                members=self._members,
                known={sample.place for sample in self.samples() if sample.containers},
            )

    def _traced(self, spent: float) -> None:
        assert self._window is not None
        self.schedule.traced(spent)
        self._window.mark()
        if self._window.iterations >= self._size:
            self._close_window()

    def _close_window(self) -> None:
        window, self._window = self._window, None
        if window is None:
            return
        looked = window.close()
        if looked is None or looked.iterations < 2:
            return
        if looked.foreign and self._frames < _FRAMES[-1]:
            # The innermost frames are a library's: from now on look for the user's above.
            self._frames = _FRAMES[_FRAMES.index(self._frames) + 1]
            looked.let_go()
            self.schedule.again()
            return
        is_early = len(self.looked) in (1, 2) and not self.schedule.was_aimed
        if is_early and self._begins(looked):
            self.schedule.soon()
        looked.was_aimed = self.schedule.was_aimed
        self.looked.append(looked)

    def _grows(self) -> bool:
        """Whether the last window showed growth; where windows are dear, the last of two."""
        return len(self.looked) > (not self.schedule.is_cheap) and any(
            kept.bytes_per_iteration > FLOOR_BYTES for kept in self.looked[-1].kept.values()
        )

    def _windows_grow(self) -> bool:
        plain = (looked for looked in self.looked if not looked.was_aimed)
        found = (kept for looked in plain for kept in looked.kept.values())
        return any(kept.bytes_per_iteration > FLOOR_BYTES for kept in found)

    def _begins(self, looked: Looked) -> bool:
        """Whether something grew that did not in the windows before."""
        return any(
            kept.bytes_per_iteration > FLOOR_BYTES
            and all(
                place not in before.kept or before.kept[place].bytes_per_iteration <= 0
                for before in self.looked
            )
            for place, kept in looked.kept.items()
        )

    def samples(self) -> Iterable[Any]:
        """Of all windows."""
        return [sample for looked in self.looked for sample in looked.samples.values()]

    @property
    def period(self) -> Period | None:
        """Of what grows now and then alone, as far as the counters tell."""
        found = ((i, reading.retained_bytes) for i, reading in self.readings[-_LATEST:])
        return period_of([(i, value) for i, value in found if value is not None])

    def references_to(self, value: object) -> int:
        """How many references to an object are held here: they keep nobody else's memory."""
        watched = [grown for looked in self.looked for grown in looked.grown]
        watched += [grown for sample in self.samples() for grown in sample.containers]
        return len({id(grown) for grown in watched if grown.container is value})

    def _observe(self) -> None:
        for looked in self.looked:
            for grown in looked.grown:
                grown.observe(self.iterations)
            for sample in looked.samples.values():
                sample.observe(self.iterations)

    # -- being sure ----------------------------------------------------------------------

    def _is_sure(self) -> bool:
        """Looked at now and then: enough windows, and every row as sure as it gets."""
        if len(self.looked) < 2 or len(self.readings) < _PATIENT:
            return False
        if self.iterations < self._next_look:
            return False
        self._next_look = self.iterations + max(4, self.iterations // 4)
        record = build_record(self, None)
        if self.period is not None and not says_of_growth(record.rows):
            return False
        return is_settled(record)


def _fails(function: Callable[[], object]) -> bool:
    try:
        function()
    except Exception:  # its frames must not live on here
        return True
    return False
