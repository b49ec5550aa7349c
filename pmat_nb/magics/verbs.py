"""Which function carries out each command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .commands import find, gates, manage, see, survive, tune

__all__ = ["CELL_COMMANDS", "COMMANDS"]

COMMANDS: dict[str, Callable[..., Any]] = {
    "status": see.status,
    "stats": see.stats,
    "vars": see.variables,
    "why": see.why,
    "history": see.history,
    "limit": survive.limit,
    "save": survive.save,
    "restore": survive.restore,
    "cleanup": manage.cleanup,
    "pools": manage.pools,
    "pressure": manage.pressure,
    "configure": manage.configure,
    "leaks": find.leaks,
    "profile": find.profile,
    "recommend": tune.recommend,
    "gate": gates.gate,
    "dashboard": tune.dashboard,
}

# What a cell magic does with its line before the cell that it heads runs.
CELL_COMMANDS: dict[str, Callable[..., None]] = {
    "limit": survive.limit_cell,
    "leaks": find.leaks_cell,
    "profile": find.profile_cell,
}
