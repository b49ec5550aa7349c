"""Arms the cell that ``%%pmat_leaks --repeat N`` heads."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import UsageError
from pmat_nb.session.hooks import is_headed_by

from .cell import RepeatedCell, RepeatWish

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.report import LeakRecord
    from pmat_nb.session.session import Session

__all__ = ["Repeater"]


class Repeater:
    """The cell to be repeated next, and the one that is."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._armed: tuple[str, RepeatWish] | None = None
        self._running: tuple[Any, RepeatedCell] | None = None

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """Leave no tracing behind."""
        self._armed = None
        running, self._running = self._running, None
        if running is not None:
            running[1].close(unloaded=True)

    @property
    def is_running(self) -> bool:
        """Whether a cell is being repeated now."""
        return self._running is not None

    def references_to(self, value: object) -> int:
        """How many references to an object the repeated cell's tracker holds now."""
        return 0 if self._running is None else self._running[1].references_to(value)

    def arm_next(self, first_line: str, wish: RepeatWish) -> None:
        """Repeat the next cell if it begins with ``first_line``.

        Raises:
            UsageError: something is tracked already.
        """
        if self._session.leaks.tracking:
            raise UsageError(
                "%%pmat_leaks: %pmat_leaks start is tracking; %pmat_leaks stop ends it"
            )
        if self._running is not None:
            raise UsageError("%%pmat_leaks: the cell around this one is being repeated already")
        self._armed = first_line, wish

    def begin(self, info: Any) -> None:
        """A cell begins: the one that is armed, or another."""
        armed, self._armed = self._armed, None
        if armed is None or not is_headed_by(info.raw_cell or "", armed[0]):
            return
        from pmat_nb.session.leaking import make_tracker

        make = functools.partial(make_tracker, self._session)
        cell = RepeatedCell(self._session, armed[1], make, self._keep)
        self._running = info, cell
        cell.install()

    def end(self, info: Any) -> None:
        """A cell has ended, however it did."""
        if self._running is not None and self._running[0] is info:
            cell = self._running[1]
            self._running = None
            cell.close()

    def _keep(self, record: LeakRecord) -> None:
        from pmat_nb.render.leaks import LeakReport

        self._session.leaks.keep_last(LeakReport(record))
