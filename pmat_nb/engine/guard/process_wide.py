"""Every guard of this process ends with it, and no forked child believes it has one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .life import GuardLife

__all__ = ["register"]

_guards: list[GuardLife] = []


def register(guard: GuardLife) -> None:
    """Close this guard at the process's end, disown it in children."""
    if not _guards:
        import atexit

        atexit.register(_close_all)
        os.register_at_fork(after_in_child=_disown_all)
    if guard not in _guards:
        _guards.append(guard)


def _close_all() -> None:
    for guard in list(_guards):
        guard.close()


def _disown_all() -> None:
    for guard in _guards:
        guard.disown()
