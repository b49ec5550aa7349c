"""Ties a cell meter to IPython's events, and ties it again when a cell cuts it off."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pmat_nb.engine.cells import CellMeter, OpenCell

from .faults import Faults

__all__ = ["CellHooks", "input_number", "is_headed_by", "running_label"]


class CellHooks:
    """``pre_run_cell`` and ``post_run_cell`` for one shell.

    Cells may clear IPython's event hooks. An input transformer, which IPython calls
    before every cell by another way, puts them back. ``before`` is called last before
    a cell and ``after`` first after it, so that they enclose the cell alone; ``ahead`` and
    ``behind`` of a cell while none is measured.
    """

    def __init__(
        self,
        shell: Any,
        meter: CellMeter,
        faults: Faults,
        *,
        before: Callable[[Any], None],
        after: Callable[[Any], None],
        ahead: Callable[[], None] = lambda: None,
        behind: Callable[[], None] = lambda: None,
    ) -> None:
        self._shell = shell
        self._meter = meter
        self._cells: list[tuple[Any, OpenCell]] = []
        self._before = faults.guard("protection")(before)
        self._after = faults.guard("protection")(after)
        self._ahead = faults.guard("work between cells")(ahead)
        self._behind = faults.guard("work between cells")(behind)
        guard = faults.guard("cell accounting")
        self._pre = guard(self._begin)
        self._post = guard(self._end)

    def install(self) -> None:
        """Register with the shell's events and transformers; idempotent."""
        self._register_events()
        transformers = self._shell.input_transformers_post
        if self._reconnect not in transformers:
            transformers.append(self._reconnect)

    def remove(self) -> None:
        """Unregister everything; idempotent."""
        for event, hook in (("pre_run_cell", self._pre), ("post_run_cell", self._post)):
            if hook in self._shell.events.callbacks.get(event, ()):
                self._shell.events.unregister(event, hook)
        if self._reconnect in self._shell.input_transformers_post:
            self._shell.input_transformers_post.remove(self._reconnect)
        self._cells.clear()
        self._meter.abandon()

    def _register_events(self) -> None:
        callbacks = self._shell.events.callbacks
        for event, hook in (("pre_run_cell", self._pre), ("post_run_cell", self._post)):
            if hook not in callbacks.get(event, ()):
                self._shell.events.register(event, hook)

    def _reconnect(self, lines: list[str]) -> list[str]:
        try:
            self._register_events()
        except (AttributeError, KeyError):
            # A shell whose events were taken apart entirely: its cells still run.
            return lines
        return lines

    def _begin(self, info: Any) -> None:
        if not self._meter.busy:
            self._ahead()
        cell = self._meter.begin(info.raw_cell or "", _stack_depth())
        self._cells.append((info, cell))
        self._before(info)

    def _end(self, result: Any) -> None:
        self._after(result)
        info = getattr(result, "info", None)
        # Cells that never got their end stay in the list only until the next one ends.
        for index, (begun, cell) in enumerate(self._cells):
            if begun is info:
                del self._cells[index]
                number = result.execution_count if info.store_history else None
                self._meter.end(cell, number, failed=not result.success)
                break
        if not self._meter.busy:
            self._cells.clear()
            self._behind()


def input_number(shell: Any) -> int:
    """The number of the input that is run now, before IPython has stored it."""
    manager = getattr(shell, "history_manager", None)
    return len(getattr(manager, "input_hist_parsed", ()))


def running_label(shell: Any) -> str:
    """How IPython calls the cell that is running, once it has stored its input."""
    return f"In[{max(1, input_number(shell) - 1)}]"


def is_headed_by(source: str, line: str) -> bool:
    """Whether a cell begins with one of our magics' lines, alone or among others of ours."""
    for head in map(str.strip, source.splitlines()):
        if head == line.strip():
            return True
        if head and not head.startswith("%%pmat_"):
            return False
    return False


def _stack_depth() -> int:
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        depth += 1
    return depth
