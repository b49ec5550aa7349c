"""``%pmat_configure``: change settings, save them, trust a project's file, show them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmat_nb.render.configuration import Configuration

    from .session import Session

__all__ = ["configure"]


def configure(
    session: Session, values: dict[str, Any], *, reset: bool, save: str | None, trust: bool
) -> Configuration:
    """Change settings by key; the report shows every setting with its source."""
    from pmat_nb.render.configuration import Configuration

    if reset:
        session.settings.reset()
    for key, value in values.items():
        session.settings.put(key, value)
    session.settings_changed()
    return Configuration(session.settings.rows())
