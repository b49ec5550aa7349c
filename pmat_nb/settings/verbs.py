"""Every command, in the order in which they are listed; each with its options declared once.

The magics' argument parsers, their help, Tab completion, the command line and the
reference docs derive from this table.
"""

from __future__ import annotations

from .find_verbs import GATE, LEAKS, PROFILE, RECOMMEND
from .manage_verbs import CLEANUP, CONFIGURE, POOLS, PRESSURE
from .option import Verb
from .see_verbs import DASHBOARD, HISTORY, STATS, STATUS, VARS, WHY
from .survive_verbs import LIMIT, RESTORE, SAVE

__all__ = ["VERBS", "verb"]

VERBS: tuple[Verb, ...] = (
    STATUS,
    STATS,
    VARS,
    WHY,
    LIMIT,
    SAVE,
    RESTORE,
    HISTORY,
    CLEANUP,
    POOLS,
    LEAKS,
    PROFILE,
    PRESSURE,
    RECOMMEND,
    GATE,
    DASHBOARD,
    CONFIGURE,
)


def verb(name: str) -> Verb:
    """The verb called ``name``; KeyError if there is none."""
    return next(v for v in VERBS if v.name == name)
