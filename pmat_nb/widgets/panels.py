"""What each tab shows: a session's facts as plain, JSON-ready values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from .tabs import history, leaks, live, pools, pressure, recommendations, variables

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["PANELS", "Panel"]


class Panel(NamedTuple):
    """A tab: its title, and what reads it, where it may at once also while a cell runs."""

    title: str
    read: Callable[[Session], dict[str, Any]]
    at_once: bool = True


# In the order of the tabs.
PANELS: dict[str, Panel] = {
    "live": Panel("Live", live.read),
    "pools": Panel("Pools", pools.read),
    "variables": Panel("Variables", variables.read, at_once=False),
    "leaks": Panel("Leaks", leaks.read, at_once=False),
    "recommendations": Panel("Recommendations", recommendations.read),
    "pressure": Panel("Pressure", pressure.read),
    "history": Panel("History", history.read),
}
