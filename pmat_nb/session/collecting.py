"""Schedules full garbage collections between cells, and measures what each gives back.

Python's own collector goes on as it is. A collection here is an explicit one, so it also
happens where the user has switched the automatic ones off (``gc.disable()``); only in
the middle of a cell, at pressure HIGH and above, is that heeded. ``gc-interval off`` ends
it. Full collections by others (Python's own, ``gc.collect()`` in a cell) count as runs.
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from pmat_nb.engine.collecting import Reason, Schedule
from pmat_nb.engine.pressure_records import Collection, GcAdvice
from pmat_nb.engine.records import CellRecord, GcState, Level
from pmat_nb.engine.responses.cooldown import Cooldown
from pmat_nb.units import MIB

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Collector"]

_KEPT = 64
_TASK = "garbage collection"
_HELPS_BYTES = 16 * MIB
_WORTH_ADVICE = 0.05
_CHEAPER = 0.8
_TRIED_THRESHOLDS = (50_000, 20, 20)
_TRIED_OBJECTS = 200_000


class Collector:
    """One per session; ``tick`` comes from the sampler's thread, the rest from any."""

    def __init__(
        self,
        session: Session,
        *,
        clock: Callable[[], float] = time.time,
        collect: Callable[[], int] = gc.collect,
    ) -> None:
        self._session = session
        self._clock = clock
        self._collect = collect
        self._since = clock()
        self._seen = _full_collections()
        self._automatic = 0
        self._cells_s = 0.0
        self._cells_since_run = 0
        self._fraction: float | None = None
        self._pause = Cooldown()
        self._collecting = False
        self.last_run_at: float | None = None
        self.recent: deque[Collection] = deque(maxlen=_KEPT)
        self.settings_changed()

    def settings_changed(self) -> None:
        """Take over settings that were changed."""
        get = self._session.settings.get
        interval, threshold = get("gc_interval"), get("gc_threshold")
        self._schedule = Schedule(
            float(interval) if isinstance(interval, (int, float)) else None,
            float(threshold) if isinstance(threshold, (int, float)) else 1.0,
        )

    def close(self) -> None:
        """Nothing is held."""

    # --- what is shown --------------------------------------------------------------

    def state(self) -> GcState:
        """The collector now, with the last full run and when ours comes next."""
        self._look_for_others()
        due_at = self._schedule.next_at(self._last_at(), self._fraction, self._pause)
        return self._session.probe.gc(self.last_run_at, due_at)

    def share(self) -> float | None:
        """The part of the cells' time that automatic full collections took, estimated.

        Their number times what ours took lately; None before there is either.
        """
        if not self.recent or self._cells_s <= 0:
            return None
        took_s = sum(run.duration_s for run in self.recent) / len(self.recent)
        return min(1.0, self._automatic * took_s / self._cells_s)

    def advice(self) -> tuple[GcAdvice, ...]:
        """What was just measured to make collections cheaper; empty where they are cheap.

        Takes a few collections' time. Leaves frozen objects and thresholds as they were.
        """
        share = self.share()
        if share is None or share < _WORTH_ADVICE:
            return ()
        collection_s = _timed(self._collect)
        found = [_try_freezing(self._collect, collection_s, share), _try_thresholds(share)]
        return tuple(advice for advice in found if advice is not None)

    # --- collecting -----------------------------------------------------------------

    def note_cell(self, record: CellRecord) -> None:
        """A cell has ended."""
        self._cells_s += record.duration_s
        self._cells_since_run += 1

    def tick(self, fraction: float | None, level: Level | None) -> None:
        """Every second or so: collect, or have it done after the cell, where it is due."""
        self._look_for_others()
        self._fraction = fraction
        now, busy = self._clock(), self._session.meter.busy
        reason = self._schedule.due(now, self._last_at(), fraction, self._pause)
        if reason is None or self._collecting:
            return
        if reason == "interval" and not busy and not self._cells_since_run:
            # Nothing ran since the last one: an idle kernel is left alone.
            self._since = now
        elif not busy or level not in ("HIGH", "CRITICAL"):
            self._session.between_cells.post(_TASK, lambda: self.run(reason))
        elif gc.isenabled():
            self.run(reason, beside_a_cell=True)

    def run(self, reason: Reason, *, beside_a_cell: bool = False) -> Collection:
        """Collect all generations now, and note what came of it."""
        rss_bytes = self._session.probe.rss_bytes
        self._collecting = True
        try:
            before, started = rss_bytes(), time.perf_counter()
            objects = self._collect()
            took_s, after = time.perf_counter() - started, rss_bytes()
        finally:
            self._collecting = False
        freed = None if before is None or after is None else before - after
        at = self._clock()
        made = Collection(at, took_s, objects, freed, reason, beside_a_cell)
        self.recent.append(made)
        self._seen, self.last_run_at, self._cells_since_run = _full_collections(), at, 0
        self._pause.ran(at, helped=(freed or 0) >= _HELPS_BYTES)
        return made

    def _last_at(self) -> float:
        return max(self._since, self.last_run_at or self._since)

    def _look_for_others(self) -> None:
        """Full collections that were not ours."""
        seen = _full_collections()
        if seen > self._seen and not self._collecting:
            self._automatic += seen - self._seen
            self._seen, self.last_run_at = seen, self._clock()


def _full_collections() -> int:
    return int(gc.get_stats()[-1]["collections"])


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _try_freezing(collect: Callable[[], int], collection_s: float, share: float) -> GcAdvice | None:
    if gc.get_freeze_count():
        return None  # frozen by the user: unfreezing could not tell theirs from ours
    gc.freeze()
    try:
        after_s = _timed(collect)
    finally:
        gc.unfreeze()
    if after_s > _CHEAPER * collection_s:
        return None
    text = "gc.freeze() once your data is loaded: later collections pass over what is there now"
    return GcAdvice(text, collection_s, after_s, share)


def _try_thresholds(share: float) -> GcAdvice | None:
    """The same allocations with the thresholds in force and with larger ones."""
    before = gc.get_threshold()
    if not gc.isenabled() or before[0] == 0 or before[0] >= _TRIED_THRESHOLDS[0]:
        return None
    plain_s = _timed(_allocate)
    gc.set_threshold(*_TRIED_THRESHOLDS)
    try:
        tuned_s = _timed(_allocate)
    finally:
        gc.set_threshold(*before)
    if tuned_s > _CHEAPER * plain_s:
        return None
    text = f"gc.set_threshold{_TRIED_THRESHOLDS}: fewer collections while objects are made"
    return GcAdvice(text, plain_s, tuned_s, share)


def _allocate() -> None:
    kept: list[list[int]] = []
    for _ in range(_TRIED_OBJECTS):
        kept.append([])
