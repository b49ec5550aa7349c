"""Moments for the live tab: small, and cheap to take.

A moment costs about 0.1 ms: resident bytes and the pressure, as the session's own sampler
measures them, and what the managed pools count. What is dear, the parts of the memory, is
as last sized. Bytes are ``int`` or None for unknown, as everywhere; ``at`` and the times
of cells and marks are in seconds since the epoch.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from pmat_nb.render.format import brief
from pmat_nb.render.palette import hue_of
from pmat_nb.session.hooks import input_number

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.session.session import Session

__all__ = ["Moments"]

_KEPT = 900
_MARKS = 40
_ONE_MOVE_S = 10.0
# A tick of the feed sees at most so many cells that ended since the one before.
_CELLS = 10
_TITLES = {
    "libraries": "libraries",
    "slack": "allocator, free",
    "unattributed": "not attributed",
}


class Moments:
    """Takes moments of a session, and keeps those of the last quarter of an hour."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # (at, resident bytes, limit), oldest first.
        self._kept: deque[tuple[float, int | None, int | None]] = deque(maxlen=_KEPT)
        # (time of the sizing, parts as [key, bytes]), oldest first.
        self._stacks: deque[tuple[float, list[list[Any]]]] = deque(maxlen=_KEPT)
        self._marks: deque[list[Any]] = deque(maxlen=_MARKS)
        self._limits: dict[str, int | None] = {}
        self._seen: object = None
        self._last_cell: CellRecord | None = session.last_cell
        self._orders = 0
        self.revision = 0
        # How each part of the memory is shown: [key, title, colour].
        self.parts: list[list[str]] = []

    def note_change(self) -> None:
        """Something was changed from here: what pages have read is out of date."""
        self._orders += 1

    def take(self, at: float) -> dict[str, Any]:
        """The kernel now: memory, limit, pressure, budgets, and the cells since the last."""
        session = self._session
        rss = session.probe.rss_bytes()
        readings = session.pressure.readings(rss)
        pressure = session.pressure.measure(readings)
        budgets = self._budgets()
        marks = self._noted(at, {name: row[2] for name, row in budgets.items()})
        cells = self._ended()
        self._revise()
        limit = session.pressure.limit()
        limit_bytes = limit.limit_bytes if limit else None
        self._kept.append((at, rss, limit_bytes))
        return {
            "at": round(at, 2),
            "rss": rss,
            "tree": readings.tree_bytes,
            "limit": limit_bytes,
            "source": limit.source if limit else None,
            "level": pressure.level,
            "fraction": None if pressure.fraction is None else round(pressure.fraction, 4),
            "bounds": [[bound.level, bound.enter] for bound in session.pressure.bounds],
            "sized": round(self._stacks[-1][0], 2) if self._stacks else None,
            "stack": self._stacks[-1][1] if self._stacks else [],
            "pools": budgets,
            "running": self._running(),
            "cells": cells,
            "marks": marks,
            "revision": self.revision,
        }

    def size(self) -> None:
        """Take over the last sizing, if there is one and it is new; about 20 ms."""
        sized_at = self._session.reporter().sized_at
        if sized_at is None or (self._stacks and self._stacks[-1][0] == sized_at):
            return
        record = self._session.reporter().record()
        known = [used for used in (record.baseline_bytes, record.imports_bytes) if used is not None]
        stack: list[list[Any]] = [["libraries", sum(known)]] if known else []
        stack += [[pool.name, pool.used_bytes] for pool in record.pools]
        stack += [["slack", record.slack_bytes or 0]]
        self._stacks.append((sized_at, stack))
        titles = {**_TITLES, **{pool.name: pool.shown_as for pool in record.pools}}
        keys = [*(key for key, _ in stack), "unattributed"]
        self.parts = [[key, titles[key], hue_of(key)] for key in keys]

    def past(self) -> dict[str, Any]:
        """What is kept, in columns; from the session's own sampler what was before."""
        kept = tuple(self._kept)
        first = kept[0][0] if kept else float("inf")
        before = tuple(self._session.sampler.recent)[-_KEPT:]
        early = [(one.at, one.rss_bytes, None) for one in before if one.at < first]
        at, rss, limit = zip(*early, *kept, strict=True) if early or kept else ((), (), ())
        return {
            "at": [round(one, 2) for one in at],
            "rss": rss,
            "limit": limit,
            "stacks": [[round(at, 2), stack] for at, stack in self._stacks],
            "cells": [_cell(one) for one in tuple(self._session.cells)[-60:] if _is_named(one)],
            "marks": list(self._marks),
        }

    def _budgets(self) -> dict[str, list[int | None]]:
        """Per managed pool: bytes used, capacity and limit."""
        managed = self._session.pools.managed()
        found: dict[str, list[int | None]] = {
            name: [pool.used_bytes, pool.capacity_bytes, pool.limit_bytes]
            for name, pool in managed.items()
        }
        advisory = self._session.settings.get("analysis_pool")
        return {"analysis": [None, None, advisory if isinstance(advisory, int) else None], **found}

    def _noted(self, at: float, limits: dict[str, int | None]) -> list[list[Any]]:
        """Marks for the limits that were changed since the last moment."""
        new = [
            [round(at, 2), name, f"{name} limit {_size(limits[name])}"]
            for name in limits
            if self._limits and self._limits.get(name, "") != limits[name]
        ]
        self._limits = limits
        for mark in new:
            # A slider that is moved leaves one mark.
            if self._marks and _is_one_move(self._marks[-1], mark):
                self._marks.pop()
            self._marks.append(mark)
        return new

    def _ended(self) -> list[list[Any]]:
        """The cells that have ended since the last moment."""
        found: list[list[Any]] = []
        for record in reversed(tuple(self._session.cells)[-_CELLS:]):
            if record is self._last_cell:
                break
            if _is_named(record):
                found.append(_cell(record))
        self._last_cell = self._session.last_cell
        return found[::-1]

    def _running(self) -> list[Any] | None:
        """The label and the start of the cell that runs."""
        open_cell = self._session.meter.innermost
        if open_cell is None:
            return None
        # IPython's versions differ in when they count up; its inputs are stored by now.
        number = input_number(self._session.shell) - 1
        return [f"In[{number}]" if number > 0 else "a cell", round(open_cell.started_at, 2)]

    def _revise(self) -> None:
        """Count up where anything that the tabs show may have changed."""
        session = self._session
        cleaner = session.part_if_made("cleaner")
        seen = (
            self._orders,
            session.settings.session_values(),
            self._limits,
            session.last_cell,
            session.reporter().sized_at,
            None if cleaner is None else cleaner.cleaned_at,
        )
        if seen != self._seen:
            self._seen = seen
            self.revision += 1


def _cell(record: CellRecord) -> list[Any]:
    end = record.started_at + record.duration_s
    return [record.label, round(record.started_at, 2), round(end, 2)]


def _is_one_move(before: list[Any], mark: list[Any]) -> bool:
    return bool(before[1] == mark[1] and mark[0] - before[0] < _ONE_MOVE_S)


def _is_named(record: CellRecord) -> bool:
    return record.execution_count is not None


def _size(limit_bytes: int | None) -> str:
    return "off" if limit_bytes is None else brief(limit_bytes)
