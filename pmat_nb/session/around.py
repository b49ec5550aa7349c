"""What a session does right before and right after each cell, and with a cell's record.

IPython's events come in by `CellHooks`, the record by the cell meter. A part that nobody has
asked for is not made here, and one that fails is switched off alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .hooks import input_number

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord

    from .deaths import DeathWatch
    from .session import Session

__all__ = ["AroundCells"]

_SOURCES = 10_000


class AroundCells:
    """Tells the parts of one session that a cell begins, ends, is over, and what it took."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._death_watch: DeathWatch | None = None
        self._note_cell: Callable[[str, str], None] | None = None
        self._note_end: Callable[[], None] = lambda: None
        # Its own failure is not the protection's.
        self._watch_for_leaks = session.faults.guard("the leak watch")(self._watch_cell)

    def begins(self, info: Any) -> None:
        """The last thing before a cell; ``info`` is what IPython's event brings."""
        session = self._session
        self._watch_for_death(info)
        if session.meter.depth <= 1:
            session.cell_request = getattr(session.shell, "get_parent", lambda: None)()
            self._watch_for_leaks("begins", info)
        self._tell_repeater("begin", info)
        if (leaks := session.part_if_made("leaks")) is not None:
            session.faults.guard("leak tracking")(leaks.cell_begins)(info.raw_cell or "")
        self._tell_profiling("begin", info)
        if session.protector is not None:
            session.protector.begin(info)

    def ends(self, result: Any) -> None:
        """The first thing after a cell, the protection first of all."""
        session = self._session
        if session.protector is not None:
            session.protector.end(result)
        self._tell_profiling("end", getattr(result, "info", None))
        self._tell_repeater("end", getattr(result, "info", None))
        self._watch_for_leaks("ends", result)
        if session.meter.depth <= 1 and self._death_watch is not None:
            self._note_end()

    def are_over(self) -> None:
        """No cell is open any more."""
        session = self._session
        if (pressure := session.part_if_made("pressure")) is not None:
            pressure.cell_ended()
        session.between_cells.cell_ended()

    def measured(self, record: CellRecord, source: str) -> None:
        """The meter has closed a cell: keep its record, write it down, and pass it on."""
        session = self._session
        if session.protector is not None:
            record = record._replace(tree_peak_bytes=session.protector.take_peak())
        session.last_cell = record
        session.cells.append(record)
        if record.execution_count is not None:
            session.cell_sources.append((record.execution_count, source))
            # Parsed when somebody asks; until then no more than a long session's worth.
            del session.cell_sources[:-_SOURCES]
        writer = session.recording.writer()
        if writer is not None:
            writer.record_cell(record, source)
        if (collector := session.part_if_made("collector")) is not None:
            collector.note_cell(record)
        self._watch_for_leaks("entered", record, source)
        self._tell_profiling("cell_entered", record)
        if (leaks := session.part_if_made("leaks")) is not None:
            session.faults.guard("leak tracking")(leaks.cell_ended)(record, source)
        if (headless := session.part_if_made("headless")) is not None:
            session.faults.guard("the records of the run")(headless.cell_ended)(record)
        session.sampler.start()

    def certificate_path(self) -> str | None:
        """Where the guard writes what it knows if this kernel dies in a cell."""
        return self._death_watch.certificate_path if self._death_watch is not None else None

    def close(self) -> None:
        """A clean end: the journal of cells is closed."""
        if self._death_watch is not None:
            self._death_watch.close()

    def _watch_for_death(self, info: Any) -> None:
        """Journal the cell that begins; the journal itself is made at the first one."""
        if self._note_cell is None:
            from .deaths import DeathWatch

            self._death_watch = DeathWatch(self._session)
            guard = self._session.faults.guard("the death journal")
            guard(self._death_watch.start)()
            self._note_cell = guard(self._death_watch.note)
            self._note_end = guard(self._death_watch.note_end)
        self._note_cell(info.raw_cell or "", f"In[{input_number(self._session.shell)}]")

    def _watch_cell(self, step: str, *arguments: Any) -> None:
        """Counters around a cell: ``begins``, ``ends`` or ``entered``."""
        getattr(self._session.suspects, step)(*arguments)

    def _tell_repeater(self, step: str, info: Any) -> None:
        if (repeater := self._session.part_if_made("repeater")) is not None:
            self._session.faults.guard("leak tracking")(getattr(repeater, step))(info)

    def _tell_profiling(self, step: str, told: Any) -> None:
        if (profiling := self._session.part_if_made("profiling")) is not None:
            self._session.faults.guard("profiling")(getattr(profiling, step))(told)
