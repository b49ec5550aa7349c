"""What each tab shows: a session's facts as plain, JSON-ready values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .tabs import live, pools

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["PANELS", "Panel"]


class Panel(NamedTuple):
    """A tab: its title, and what reads it."""

    title: str
    read: Callable[[Session], dict[str, Any]]


# In the order of the tabs.
PANELS: dict[str, Panel] = {
    "live": Panel("Live", live.read),
    "pools": Panel("Pools", pools.read),
}
