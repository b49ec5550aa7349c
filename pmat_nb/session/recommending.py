"""``%pmat_recommend``: what the finders prove, applied as code and measured, and undone.

The only code that runs is what a row shows. Nothing of the user's objects is kept between
the listing and ``--apply``; each row is proven again just before it runs.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.advice.base import Advice, Cell, Finder, Scene, Tools
from pmat_nb.consumers.advice.overlaps import exclusions
from pmat_nb.consumers.advice.registry import default_finders
from pmat_nb.engine.recommendation_records import (
    Applied,
    ApplyRecord,
    Recommendation,
    RecommendRecord,
)
from pmat_nb.errors import UsageError

from .marking import Marks, difference, marks_of

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.render.recommendations import ApplyReport, Recommendations

    from .session import Session

__all__ = ["Recommender"]

_BUDGET_S = 10.0
# Less than that is not worth a line.
_LEAST_BYTES = 64 << 10
_RUNS = 20
_AGAIN = "%pmat_recommend lists what holds now"


class Recommender:
    """Lists, applies and undoes; remembers the last list by what it says, not by objects."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._listed: dict[int, tuple[Recommendation, Advice]] = {}
        self._undoable: list[tuple[Recommendation, ...]] = []
        # What each row that can be undone left its names as.
        self._marks: dict[Recommendation, Marks] = {}
        # The last list, which of this session's lists it is, and what was done, oldest first.
        self.last: RecommendRecord | None = None
        self.listing = 0
        self.runs: deque[ApplyRecord] = deque(maxlen=_RUNS)

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """Forget what was listed and what could be undone."""
        self._listed.clear()
        self._undoable.clear()
        self._marks.clear()
        self.runs.clear()
        self.last = None

    @property
    def undoable(self) -> tuple[tuple[Recommendation, ...], ...]:
        """The rows of each ``--apply`` that can be taken back, the next one last."""
        return tuple(self._undoable)

    def report(self, *, lossy: bool = False, top: int | None = None) -> Recommendations:
        """Ask every finder, and number what they prove, the largest saving first."""
        from pmat_nb.render.recommendations import Recommendations

        started = time.perf_counter()
        notes: list[str] = []
        scene = self._scene(lossy, started, notes)
        found = sorted(self._ask(scene, notes), key=_worth, reverse=True)
        self._listed = {
            number: (_numbered(number, advice, other), advice)
            for number, (advice, other) in enumerate(zip(found, exclusions(found), strict=True), 1)
        }
        record = RecommendRecord(
            rows=tuple(row for row, _ in self._listed.values()),
            complete=not scene.out_of_time(),
            duration_s=time.perf_counter() - started,
            rss_bytes=self._session.probe.rss_bytes(),
            lossy=lossy,
            notes=tuple(notes),
        )
        self.last, self.listing = record, self.listing + 1
        return Recommendations(record, top=top)

    def apply(self, rows: Sequence[int]) -> ApplyReport:
        """Run the rows of the last list by number, each measured by itself.

        Raises:
            UsageError: nothing was listed, or there is no such row.
        """
        chosen = [self._row(number) for number in dict.fromkeys(rows)]
        record = self._measured([partial(self._apply, *one) for one in chosen], False)
        done = tuple(one.row for one in record.applied if one.state == "done" and one.row.undo)
        if done:
            self._undoable.append(done)
        return self._shown(record)

    def undo(self) -> ApplyReport:
        """Take back the last ``--apply``, its last row first.

        A row whose variables are not those that it left is passed over.

        Raises:
            UsageError: nothing that was applied can be undone.
        """
        if not self._undoable:
            raise UsageError(
                "%pmat_recommend --undo: nothing was applied that can be undone; "
                "each row of %pmat_recommend says beforehand whether it can"
            )
        rows = self._undoable.pop()
        runs = [partial(self._undo, row) for row in reversed(rows)]
        return self._shown(self._measured(runs, True))

    # --- listing ------------------------------------------------------------------

    def _scene(self, lossy: bool, started: float, notes: list[str]) -> Scene:
        session = self._session
        reporter = session.reporter()
        reporter.size(_BUDGET_S / 4)
        stats = reporter.record()
        return Scene(
            shell=session.namespace_owner,
            stats=stats,
            sizes={row.name: row for row in stats.variables},
            cells=tuple(_cells(session)),
            lossy=lossy,
            out_of_time=lambda: time.perf_counter() - started > _BUDGET_S,
            pools=stats.pools,
            tools=_tools(session),
            tell=notes.append,
        )

    def _ask(self, scene: Scene, notes: list[str]) -> Iterator[Advice]:
        for finder in default_finders():
            if scene.out_of_time():
                notes.append(f"not looked at, the time was up: {finder.name}")
                continue
            guard = self._session.faults.guard(f"recommendations: {finder.name}")
            found: list[Advice] | None = guard(partial(_all_of, finder, scene))()
            for advice in found or ():
                if advice.risk == "lossy" and not scene.lossy:
                    continue
                if advice.estimated_bytes is None or advice.estimated_bytes >= _LEAST_BYTES:
                    yield advice

    # --- applying -----------------------------------------------------------------

    def _row(self, number: int) -> tuple[Recommendation, Advice]:
        if not self._listed:
            raise UsageError("%pmat_recommend --apply: nothing is listed yet; %pmat_recommend")
        if number not in self._listed:
            last = max(self._listed)
            raise UsageError(
                f"%pmat_recommend --apply: there is no row {number}; rows are 1 to {last}"
            )
        return self._listed[number]

    def _apply(self, row: Recommendation, advice: Advice) -> Applied:
        if not row.applies:
            return Applied(row, "yours", why=f"it is for you to write: {row.action}")
        if why := advice.check():
            return Applied(row, "changed", why=f"{why}; {_AGAIN}")
        applied = self._run(row, row.action, "done")
        if applied.state == "done" and row.undo:
            self._marks[row] = self._marked(row)
        return applied

    def _undo(self, row: Recommendation) -> Applied:
        if why := difference(self._marks.pop(row, {}), self._session.namespace_owner.user_ns):
            return Applied(row, "left", why=why)
        return self._run(row, row.undo, "undone")

    def _marked(self, row: Recommendation) -> Marks:
        owner = self._session.namespace_owner
        code = getattr(owner, "transform_cell", str)(f"{row.action}\n{row.undo}\n")
        return marks_of(code, owner.user_ns)

    def _run(self, row: Recommendation, code: str, state: Any) -> Applied:
        namespace = self._session.namespace_owner.user_ns
        ours = [one for one, marks in self._marks.items() if not difference(marks, namespace)]
        # A row may be the first to save anything: what its import takes is not the row's.
        if "%pmat_save" in code or "%pmat_restore" in code:
            from .keeping import bring_in

            bring_in()
        before, given_out, started = self._settled()
        try:
            _execute(self._session.namespace_owner, code)
        except Exception as error:
            return Applied(row, "failed", why=f"{type(error).__name__}: {error}")
        took = time.perf_counter() - started
        # What we change ourselves is not another's doing.
        self._marks.update({one: self._marked(one) for one in ours})
        after, given_out_after, _ = self._settled()
        return Applied(
            row,
            state,
            measured_bytes=_less(before, after),
            allocated_bytes=_less(given_out, given_out_after),
            duration_s=took,
        )

    def _measured(self, runs: Iterable[Callable[[], Applied]], undoing: bool) -> ApplyRecord:
        before, _, _ = self._settled()
        applied = tuple(run() for run in runs)
        after, _, _ = self._settled()
        return ApplyRecord(applied, undoing, before, after)

    def _settled(self) -> tuple[int | None, int | None, float]:
        """(resident bytes, bytes given out by allocators, the time) without garbage."""
        from pmat_nb.consumers.allocators import releasers
        from pmat_nb.consumers.leaks.pools import POOLS
        from pmat_nb.engine.leaks.counters import Counters

        probe = self._session.probe
        gc.collect()
        probe.trim_heap()
        for release in releasers().values():
            release()
        reading = Counters(probe, POOLS).exact()
        given_out = reading.retained_bytes
        if given_out is not None:
            given_out += sum(nbytes for _, nbytes in reading.pools)
        return probe.rss_bytes(), given_out, time.perf_counter()

    def _shown(self, record: ApplyRecord) -> ApplyReport:
        self.runs.append(record)
        from pmat_nb.render.recommendations import ApplyReport

        return ApplyReport(record)


def _tools(session: Session) -> Tools:
    """What our own parts can tell finders."""
    from .pool_reports import budgets, tunings

    collector, settings = session.collector, session.settings

    def interval_s() -> float | None:
        found = settings.get("gc_interval")
        return float(found) if isinstance(found, (int, float)) else None

    return Tools(
        budgets=lambda: budgets(session, session.pools),
        tunings=lambda: tunings(session.pools),
        caches=session.pools.infos,
        collections=lambda: tuple(collector.recent),
        interval_s=interval_s,
        gc_advice=collector.advice,
    )


def _all_of(finder: Finder, scene: Scene) -> list[Advice]:
    # As a list, so that one that fails half way leaves nothing half told.
    return list(finder.find(scene))


def _worth(advice: Advice) -> tuple[int, bool]:
    return (advice.estimated_bytes or 0, advice.risk == "none")


def _numbered(number: int, advice: Advice, other: int | None) -> Recommendation:
    """``other`` is the place, from 0, of the row that this one is instead of."""
    told = {name: getattr(advice, name) for name in Recommendation._fields[1:-1]}
    return Recommendation(number, **told, instead_of=None if other is None else other + 1)


def _cells(session: Session) -> Iterator[Cell]:
    """The inputs of this session in order, with the last run of each that was measured."""
    records: dict[int | None, CellRecord] = {
        record.execution_count: record for record in session.cells
    }
    manager = getattr(session.shell, "history_manager", None)
    for number, source in enumerate(getattr(manager, "input_hist_raw", ())):
        if number and source:
            yield Cell(number, source, records.get(number))


def _execute(owner: Any, code: str) -> None:
    """Run code as a cell of the user's would run, without history, value or hooks."""
    transform = getattr(owner, "transform_cell", str)
    exec(compile(transform(code), "<%pmat_recommend>", "exec"), owner.user_ns)


def _less(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else before - after
