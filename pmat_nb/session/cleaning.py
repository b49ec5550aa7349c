"""Plans and carries out a cleanup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Cleaner"]


class Cleaner:
    """Plans and carries out a cleanup."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def settings_changed(self) -> None:
        """Take over settings that were changed."""

    def close(self) -> None:
        """Give back what it holds."""

    def clean(self, target: str | None, **options: Any) -> Any:
        """``%pmat_cleanup``: plan, carry out, measure."""
        raise NotImplementedError
