"""The pressure over time, and the responses to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

__all__ = ["PressureMonitor"]


class PressureMonitor:
    """The pressure over time, and the responses to it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def settings_changed(self) -> None:
        """Take over settings that were changed."""

    def close(self) -> None:
        """Give back what it holds."""

    def report(self, **options: Any) -> Any:
        """What the magic shows."""
        raise NotImplementedError
