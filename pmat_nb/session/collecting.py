"""Schedules garbage collections between cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Collector"]


class Collector:
    """Schedules garbage collections between cells."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def settings_changed(self) -> None:
        """Take over settings that were changed."""

    def close(self) -> None:
        """Give back what it holds."""
