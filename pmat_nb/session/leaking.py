"""``pmat.track_leaks()`` and ``%pmat_leaks start|mark|stop|report``.

Between ``start`` and ``stop`` an iteration is over at each ``mark``, or, where none is
marked, each time the same cell has run (``iterations``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import UsageError

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.tracker import Progress, Tracker
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.render.leaks import LeakReport
    from pmat_nb.render.suspects import SuspectReport

    from .iterations import Iterations
    from .session import Session

__all__ = ["LeakTracker", "Leaks", "make_tracker"]

Names = Callable[[], Mapping[str, object]]
_STARTED = (
    "pmat_nb: tracking leaks; each run of the cell that you run again counts, or each "
    "%pmat_leaks mark, until %pmat_leaks stop"
)


class LeakTracker:
    """What ``pmat.track_leaks()`` gives: mark each iteration, then ask for the report."""

    def __init__(self, session: Session, frame: FrameType, *, warmup: int) -> None:
        self._names: _NamesOf | None = _NamesOf(frame)
        self._session = session
        self._label = _label(session, frame)
        self._tracker = make_tracker(session, self._names, warmup)

    def __enter__(self) -> LeakTracker:
        self._tracker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._tracker.__exit__(kind, *error)
        if self._names is not None:
            self._names.let_go()
        self._session.suspects.note_loop(self._label, self.report(), at=time.time())

    def mark(self, *, failed: bool = False) -> bool:
        """One iteration is over; whether further ones would still tell something."""
        return self._tracker.mark(failed=failed)

    def report(self) -> LeakReport:
        """What is known so far; after the block all that it will ever be."""
        from pmat_nb.render.leaks import LeakReport

        return LeakReport(self._tracker.report())


class Leaks:
    """The session's own tracked run, for the magics."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tracker: Tracker | None = None
        self._iterations: Iterations | None = None
        self._last: LeakReport | None = None

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """Leave no tracing behind."""
        if self._tracker is not None:
            self._tracker.stop()
            self._tracker = self._iterations = None

    @property
    def latest(self) -> LeakReport | None:
        """The report of what is tracked now, or of the last tracked run."""
        return self._last if self._tracker is None else self._report()

    def run(
        self, what: str | None, *, warmup: int, top: int | None
    ) -> LeakReport | SuspectReport | None:
        """``start``, ``mark``, ``stop`` or ``report``; None where there is nothing to show.

        Without any of them the suspects and the last report.

        Raises:
            UsageError: in the wrong order, or no report yet.
        """
        if what is None:
            return self._session.suspects.report(top=top)
        if what == "start":
            self._start(warmup)
            return None
        if what == "mark":
            self._mark()
            return None
        if what == "stop":
            self._stop()
        report = self._report()
        report.top = top
        return report

    @property
    def tracking(self) -> bool:
        """Whether ``start`` was said and ``stop`` was not."""
        return self._tracker is not None

    def keep_last(self, report: LeakReport) -> None:
        """``report`` is the last one from now on, and what follows ``start`` is over."""
        self._last = report

    def cell_begins(self, source: str) -> None:
        """A cell begins: what it names is in the user's sight."""
        if self._iterations is not None:
            self._iterations.begins(source)

    def cell_ended(self, record: CellRecord, source: str) -> None:
        """A cell has run: an iteration, if it is the one that is run again and again."""
        if self._tracker is None or self._iterations is None:
            return
        if self._iterations.ended(record, source):
            self._tracker.mark(failed=record.failed)

    def _start(self, warmup: int) -> None:
        if self._tracker is not None:
            raise UsageError("%pmat_leaks start: it has started already; %pmat_leaks stop ends it")
        from .iterations import Iterations

        session = self._session
        self._iterations = Iterations(session.namespace_owner.user_ns, session.meter.sources)
        self._tracker = make_tracker(session, self._iterations.names, warmup)
        self._tracker.start()
        print(_STARTED)

    def _mark(self) -> None:
        if self._tracker is None or self._iterations is None:
            raise UsageError("%pmat_leaks mark: nothing is tracked; %pmat_leaks start begins")
        self._iterations.mark()
        self._tracker.mark()

    def _stop(self) -> None:
        if self._tracker is None:
            raise UsageError("%pmat_leaks stop: nothing is tracked; %pmat_leaks start begins")
        self._tracker.stop()
        self._last = self._report()
        self._tracker = self._iterations = None

    def _report(self) -> LeakReport:
        from pmat_nb.render.leaks import LeakReport

        if self._tracker is not None and self._iterations is not None:
            record = self._tracker.report()
            notes = (*record.notes, *self._iterations.notes())
            return LeakReport(record._replace(notes=notes))
        if self._last is None:
            raise UsageError(
                "%pmat_leaks: no report yet; put %%pmat_leaks --repeat 40 above a cell, or "
                "%pmat_leaks start, run the cell again a few times, %pmat_leaks stop"
            )
        return self._last


class _NamesOf:
    """The objects that the code around the block names itself, until it is let go of."""

    def __init__(self, frame: FrameType) -> None:
        from pmat_nb.consumers.leaks.retained import names_in_code

        self._frame: FrameType | None = frame
        self._wanted = names_in_code(frame.f_code)

    def __call__(self) -> Mapping[str, object]:
        if self._frame is None:
            return {}
        known = {**self._frame.f_globals, **self._frame.f_locals}
        return {name: known[name] for name in self._wanted if name in known}

    def let_go(self) -> None:
        self._frame = None


def make_tracker(
    session: Session,
    names: Names,
    warmup: int,
    *,
    repeat: int | None = None,
    max_time_s: float | None = None,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Tracker:
    """A tracker of this kernel's code; once ``interrupted`` it explains nothing more."""
    from pmat_nb.consumers.last_error import cell_label
    from pmat_nb.consumers.leaks.pools import POOLS
    from pmat_nb.consumers.leaks.retained import Retainers
    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.leaks.records import Explanation
    from pmat_nb.engine.leaks.sites import Sites
    from pmat_nb.engine.leaks.tracker import Tracker

    owner: Any = session.namespace_owner
    retainers = Retainers(owner, names)
    shell = session.shell
    label = (lambda filename: cell_label(shell, filename)) if shell is not None else _no_cell

    def explain(sample: Any) -> Explanation:
        return Explanation() if interrupted() else retainers(sample)

    return Tracker(
        Counters(session.probe, POOLS),
        repeat=repeat,
        warmup=warmup,
        max_time_s=max_time_s,
        sites=Sites(label),
        explain=explain,
        names=names,
        members=retainers.members,
        progress=progress,
    )


def _label(session: Session, frame: FrameType) -> str:
    """Where a tracked loop stands: ``loop in In[4]``, or its file and line."""
    from pmat_nb.consumers.last_error import cell_label

    filename = frame.f_code.co_filename
    cell = None if session.shell is None else cell_label(session.shell, filename)
    return f"loop in {cell or f'{filename}:{frame.f_lineno}'}"


def _no_cell(filename: str) -> str | None:
    return None
