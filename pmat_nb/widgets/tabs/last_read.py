"""A tab's last reading: given again while nothing has changed, and where reading is dear."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["LastRead"]

# Readings that follow each other have this share of a core: after 0.25 s, 25 s without one.
_SHARE = 0.01


class LastRead:
    """Plain, JSON-ready figures of one tab; nothing of the user's objects is kept."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._data: dict[str, Any] | None = None
        self._cell: object = None
        self._touched = False
        self._at = self._rest_until = 0.0

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """Forget it."""
        self._data = None

    def touched(self) -> None:
        """An order has changed what is shown: read it anew the next time."""
        self._touched = True

    def get(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The figures, with ``at`` and ``cell``: as of when.

        ``behind_s``: cells ran since then, and so many seconds on they may be read again.
        """
        cell = self._session.last_cell
        due = self._data is None or self._touched or cell is not self._cell
        wanted = self._data is None or self._touched
        if due and (wanted or time.monotonic() >= self._rest_until):
            started = time.perf_counter()
            self._data, self._cell, self._touched = make(), cell, False
            took = time.perf_counter() - started
            self._at, self._rest_until = time.time(), time.monotonic() + took / _SHARE
            due = False
        label = getattr(self._cell, "label", None)
        rest_s = max(0.0, self._rest_until - time.monotonic()) if due else None
        return {**(self._data or {}), "at": self._at, "cell": label, "behind_s": rest_s}
