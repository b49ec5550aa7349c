"""The memory gates of a session: what they look at, gathered; judged in ``engine/runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pressure import LEVELS, classify
from pmat_nb.engine.runs.gates import GateBounds, GateCell, GateCheck, GateFigures, check_gates

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.engine.runs.gates import GateBounds as Bounds

    from .session import Session

__all__ = [
    "check_session",
    "follow_files",
    "gate_bounds",
    "gates_are_on",
    "gates_in_force",
    "level_of_cell",
    "unread_gates",
]


def gates_are_on(session: Session) -> bool:
    """Whether ``[quality.gates.memory] enabled`` lets them be checked."""
    return session.settings.get("gate_enabled") is True


def follow_files(session: Session) -> None:
    """Read the settings' files anew where one was written since.

    Not under ``pmat-nb run``: what it judges by is not the notebook's to change.
    """
    from .configuring import read_files
    from .sources import settings_files

    if session.part_if_made("headless") is None and session.settings.have_changed(
        settings_files(session)
    ):
        read_files(session)
        session.settings_changed()


def unread_gates(session: Session) -> tuple[str, ...]:
    """What is wrong with a gate that somebody has set, in words: it must not pass."""
    return session.settings.gate_problems()


def gate_bounds(session: Session) -> Bounds:
    """The bounds in force."""

    def size(key: str) -> int | None:
        value: Any = session.settings.get(f"gate_{key}")
        return value if isinstance(value, int) else None

    level = str(session.settings.get("gate_max_pressure_level")).upper()
    return GateBounds(
        max_memory_usage_bytes=size("max_memory_usage"),
        max_pressure_level=level if level in LEVELS else None,
        max_cell_memory_bytes=size("max_cell_memory"),
        max_cell_growth_bytes=size("max_cell_growth"),
        max_notebook_growth_bytes=size("max_notebook_growth"),
        require_cleanup_after=session.settings.get("gate_require_cleanup_after") is True,
    )


def check_session(session: Session) -> tuple[GateCheck, ...]:
    """Every gate that is set, on all cells of this session and the one that is running.

    Where ``require_cleanup_after`` is set this cleans up (``%pmat_cleanup --compact``).
    """
    bounds = gate_bounds(session)
    if not gates_are_on(session):
        return ()
    cells = [_cell(session, record) for record in session.cells]
    if (running := _running(session)) is not None:
        cells.append(running)
    end, cleaned = session.probe.rss_bytes(), None
    if bounds.require_cleanup_after:
        session.cleaner.clean(compact=True)
        cleaned = session.probe.rss_bytes()
    return check_gates(bounds, GateFigures(_at_start(session), end, cleaned, tuple(cells)))


def gates_in_force(session: Session) -> tuple[GateCheck, ...]:
    """Every gate that is set with its bound; nothing is measured."""
    if not gates_are_on(session):
        return ()
    return check_gates(gate_bounds(session), GateFigures(None, None, None, ()))


def _at_start(session: Session) -> int | None:
    """RSS at load, or before the first cell where the extension was reloaded since."""
    if session.cells and session.cells[0].started_at < session.loaded_at:
        return session.cells[0].rss_before_bytes
    return session.at_load.rss_bytes


def level_of_cell(session: Session, record: CellRecord) -> str | None:
    """The highest pressure level while a cell ran: of the samples, and at its peak."""
    ended_at = record.started_at + record.duration_s
    found = _levels_between(session, record.started_at, ended_at)
    return _highest([*found, _level_at(session, _peak(record))])


def _cell(session: Session, record: CellRecord) -> GateCell:
    return GateCell(
        record.label,
        record.first_line,
        record.rss_before_bytes,
        record.rss_after_bytes,
        _peak(record),
        record.peak_bytes,
        level_of_cell(session, record),
    )


def _running(session: Session) -> GateCell | None:
    cell = session.meter.innermost
    if cell is None:
        return None
    from pmat_nb.engine.cells import first_line_of

    from .hooks import running_label

    peak = session.meter.peak_so_far(cell)
    level = _highest(
        [*_levels_between(session, cell.started_at, float("inf")), _level_at(session, peak)]
    )
    label, line = running_label(session.shell), first_line_of(cell.source)
    return GateCell(label, line, cell.rss_before_bytes, None, peak, peak, level)


def _peak(record: CellRecord) -> int | None:
    known = [x for x in (record.peak_bytes, record.tree_peak_bytes) if x is not None]
    return max(known, default=None)


def _levels_between(session: Session, start: float, end: float) -> list[str | None]:
    return [x.level for x in tuple(session.pressure.samples) if start <= x.at <= end]


def _level_at(session: Session, peak_bytes: int | None) -> str | None:
    """The level that a peak alone makes; the container and the host are in the samples."""
    limit = session.pressure.limit()
    if peak_bytes is None or limit is None or not limit.limit_bytes:
        return None
    return classify(peak_bytes / limit.limit_bytes, None, session.pressure.bounds)


def _highest(levels: list[str | None]) -> str | None:
    known = [LEVELS.index(level) for level in LEVELS if level in levels]
    return LEVELS[max(known)] if known else None
