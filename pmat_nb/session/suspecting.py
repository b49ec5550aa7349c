"""The watch stage: counters around every cell that runs again, and what they make of it.

A run costs two readings of counters (some 50 µs; cells that follow each other within less
than a tenth of a second are read now and then). Only when a cell's counters go on growing
is more done, once: around its next run counters are read exactly and the variables that it
names are sized, before and after, and garbage is collected between cells. What its own
variables or garbage explain is no suspect.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.leaks.pools import POOLS
from pmat_nb.engine.leaks.counters import Allowance, Counters

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.records import Reading
    from pmat_nb.engine.leaks.report import LeakRecord
    from pmat_nb.engine.leaks.watching import CellSeries, CellWatch, Suspect
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.render.leaks import LeakReport
    from pmat_nb.render.suspects import SuspectReport

    from .session import Session
    from .trial import Trial

__all__ = ["FEATURE", "Suspects"]

FEATURE = "the leak watch"
# Codes whose first run is remembered, so that a second one is known as such.
_MOST_SEEN = 1_000
_MOST_LOOPS = 20
_MOST_TRIALS = 20
_MOST_LOGGED = 100
_OUR_OWN = ("%pmat", "%%pmat_leaks", "%load_ext", "%reload_ext", "%unload_ext")


class Suspects:
    """One per session, made at the first cell; everything else at the first re-run."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._seen: dict[int, None] = {}
        self._watch: CellWatch | None = None
        self._counters = Counters(session.probe, POOLS)
        self._info: Any = None
        self._cell: CellSeries | None = None
        self._before: Reading | None = None
        self._after: Reading | None = None
        self._allowance = Allowance()
        self._trials: dict[CellSeries, Trial] = {}
        # Cells to look at between cells, with their source.
        self._due: dict[CellSeries, str] = {}
        self._loops: deque[Suspect] = deque(maxlen=_MOST_LOOPS)
        self._loop_report: LeakReport | None = None
        self._logged: deque[dict[str, Any]] = deque(maxlen=_MOST_LOGGED)

    def settings_changed(self) -> None:
        """Nothing here depends on settings but the notice, which asks."""

    def close(self) -> None:
        """Nothing is left running."""
        self._trials.clear()
        self._due.clear()

    # --- around a cell ---------------------------------------------------------------

    def begins(self, info: Any) -> None:
        """An outermost cell begins: read the counters if its code ran before."""
        self._cell = self._before = self._after = None
        self._info = info
        source = info.raw_cell or ""
        if source.startswith(_OUR_OWN) or not source.strip():
            return
        key = hash(source)
        if key not in self._seen:
            self._remember(key)
            return
        self._cell = cell = self._cells().again(key)
        trial = self._trials.get(cell)
        if trial is not None:
            trial.begins()
        if trial is None and not self._allowance.covers_a_cell():
            cell.passes()
            return
        self._before = self._around()
        cell.begins(self._before)

    def ends(self, result: Any) -> None:
        """It is over, and not yet entered anywhere."""
        if self._before is not None and getattr(result, "info", None) is self._info:
            self._after = self._around()

    def entered(self, record: CellRecord, source: str) -> None:
        """Its record is there: judge it, between cells, where that is due."""
        cell, before, after = self._cell, self._before, self._after
        if cell is None or before is None or after is None:
            return  # not watched, or run by a cell that still runs
        self._cell = self._before = self._after = self._info = None
        if not cell.code_hash:
            cell.code_hash, cell.first_line = record.code_hash, record.first_line
        cell.ends(before, after, record.label, record.started_at)
        self._log(cell, before, after)
        if (trial := self._trials.get(cell)) is not None:
            trial.ended(before, after)
        if trial is not None or cell.due:
            self._due[cell] = source
            self._session.between_cells.post(FEATURE, self._look)

    def _around(self) -> Reading:
        """One of the two readings around a cell."""
        if self._cell in self._trials:
            return self._counters.exact()
        return self._allowance.spend(lambda: self._counters.watch(whatever_it_costs=True))

    def _cells(self) -> CellWatch:
        if self._watch is None:
            from pmat_nb.engine.leaks.watching import CellWatch

            self._watch = CellWatch()
            # The first reading imports things, which no cell shall have kept.
            self._counters.exact()
        return self._watch

    def _remember(self, key: int) -> None:
        self._seen[key] = None
        if len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    # --- between cells -----------------------------------------------------------------

    def _look(self) -> None:
        due, self._due = self._due, {}
        for cell, source in due.items():
            trial = self._trials.get(cell)
            if trial is None:
                self._consider(cell, source)
            elif (verdict := trial.verdict(self._counters.exact)) is not None:
                del self._trials[cell]
                cell.state, cell.kept_by = verdict
                cell.looked(trial=True)
                self._tell(cell)

    def _consider(self, cell: CellSeries, source: str) -> None:
        """Judge its course; what goes on growing is tried at its next run."""
        suspect = self._suspicion(cell)
        cell.looked()
        if suspect is not None and cell.state != "suspect":
            from .trial import Trial

            self._trials[cell] = Trial(self._session, cell, suspect, source)
            if len(self._trials) > _MOST_TRIALS:
                # Cells that were edited since, as a rule, and never come back.
                del self._trials[next(iter(self._trials))]

    def _suspicion(self, cell: CellSeries) -> Suspect | None:
        from pmat_nb.consumers.leaks.pools import has_uncounted, within_heap
        from pmat_nb.engine.leaks.watching import suspicion

        return suspicion(cell, within_heap=within_heap(), resident=has_uncounted())

    def _tell(self, cell: CellSeries) -> None:
        suspect = self._suspicion(cell) if cell.state == "suspect" else None
        if suspect is not None:
            from pmat_nb.render.suspects import notice

            self._session.notice(f"suspect {cell.code_hash}", notice(suspect), level="all")

    # --- loops ----------------------------------------------------------------------------

    def note_loop(self, label: str, report: LeakReport, *, at: float) -> None:
        """A loop that was tracked by ``pmat.track_leaks()`` is over."""
        self._loop_report = report
        found = _of_loop(label, report.record, at)
        kept = [loop for loop in self._loops if loop.cell != label]
        self._loops = deque([*kept, *([found] if found else [])], maxlen=_MOST_LOOPS)

    # --- what is shown ----------------------------------------------------------------------

    def rows(self) -> tuple[Suspect, ...]:
        """Those whose growth goes on by now, the largest first; explained ones last."""
        cells = self._watch or ()
        found = [row for cell in cells if (row := self._suspicion(cell)) is not None]
        ranks = {"suspect": 0, "unchecked": 0, "kept": 1, "garbage": 2}
        both = [*found, *self._loops]
        return tuple(sorted(both, key=lambda row: (ranks[row.state], -row.bytes_per_run)))

    def report(self, *, top: int | None = None) -> SuspectReport:
        """``%pmat_leaks`` alone: the suspects and the last report."""
        from pmat_nb.render.suspects import SuspectReport

        watched = len(self._watch or ())
        return SuspectReport(self.rows(), self._last(), watched=watched, top=top)

    def last_report(self) -> LeakReport | SuspectReport:
        """``%pmat_stats --leak-report``: the last report; the suspects where there is none."""
        return self._last() or self.report()

    def write_report(self, file: str) -> None:
        """Write it as the file's ending says, and say in a line what was written.

        Raises:
            UsageError: another ending than .json, .csv and .parquet, no pyarrow, a folder.
            StateFileError: the file cannot be written.
        """
        from pmat_nb.render.output import write_by_ending

        last = self._last()
        path = write_by_ending(last or self.report(), file, called="--leak-report")
        what = "the last leak report" if last else "the suspected cells, for want of a report,"
        print(f"pmat_nb: wrote {what} to {path}")

    def _last(self) -> LeakReport | None:
        leaks = self._session.part_if_made("leaks")
        return (None if leaks is None else leaks.latest) or self._loop_report

    def log_figures(self) -> dict[str, Any]:
        """For a log's line: counters now, of the cells run again since the last, suspects."""
        now = self._counters.watch()
        cells = [self._logged.popleft() for _ in range(len(self._logged))]
        return {
            "counters": {
                "heap_used_bytes": now.heap_bytes,
                "allocated_blocks": now.blocks,
                "gc_counts": list(now.gc_counts),
                "pools": dict(now.pools),
            },
            "cells": cells,
            "suspects": [row._asdict() for row in self.rows()],
        }

    def _log(self, cell: CellSeries, before: Reading, after: Reading) -> None:
        if self._session.part_if_made("tracker") is None:
            return
        self._logged.append(
            {
                "label": cell.label,
                "code_hash": cell.code_hash,
                "run": cell.runs,
                "retained_bytes": _less(after.retained_bytes, before.retained_bytes),
                "heap_bytes": _less(after.heap_bytes, before.heap_bytes),
                "allocated_blocks": _less(after.blocks, before.blocks),
                "rss_bytes": _less(after.rss_bytes, before.rss_bytes),
            }
        )


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def _of_loop(label: str, record: LeakRecord, at: float) -> Suspect | None:
    """A loop whose report has leaks; its figures are those of the report."""
    from pmat_nb.engine.leaks.watching import Suspect

    leaks = [row for row in record.rows if row.verdict == "leak"]
    if not leaks:
        return None
    rate = round(sum(row.bytes_per_iteration for row in leaks))
    return Suspect(
        cell=label,
        first_line=leaks[0].source,
        code_hash="",
        runs=record.iterations,
        counted=max(0, record.iterations - record.warmup),
        bytes_per_run=rate,
        low_bytes_per_run=rate,
        high_bytes_per_run=rate,
        device_bytes_per_run=0,
        kind=record.total.kind,
        counter="traced",
        confidence=leaks[0].confidence,
        since="",
        since_at=at,
        state="suspect",
    )
