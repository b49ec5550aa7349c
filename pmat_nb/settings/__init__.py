"""Every option of pmat_nb, declared once.

``values`` has what a session remembers, ``verbs`` the commands; this package only
declares and parses single values, reading and ranking sources is
``pmat_nb.configuration``'s work.
"""

from __future__ import annotations

from .option import FORMATS, Option, Value, Verb
from .text import spelled
from .values import GROUPS, POOL_NAMES, SETTINGS, setting
from .verbs import VERBS, verb

__all__ = [
    "FORMATS",
    "GROUPS",
    "POOL_NAMES",
    "SETTINGS",
    "VERBS",
    "Option",
    "Value",
    "Verb",
    "setting",
    "spelled",
    "verb",
]
