"""The asyncio side of a cell: stops one that awaits, and tells which tasks it started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["CellTasks", "tasks_of"]


class CellTasks(NamedTuple):
    """``cancel`` stops a cell that awaits and what it started, ``started`` lists the latter."""

    cancel: Callable[[], object]
    started: Callable[[], list[Any]]


def tasks_of(shell: Any, info: Any) -> CellTasks | None:
    """The tasks of a cell that begins now. None outside an event loop.

    Whether it does await is found out only when a stop comes: it means parsing.
    """
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None
    if task is None:
        return None
    loop = task.get_loop()
    before = asyncio.all_tasks(loop)

    def started() -> list[Any]:
        return [
            each
            for each in asyncio.all_tasks(loop) - before
            if _runs_users_code(each, shell.user_ns)
        ]

    def cancel() -> None:
        code = info.raw_cell
        if shell.should_run_async(code, transformed_cell=_transformed(shell, info)):
            # What it started goes too, or it would go on growing with nobody to stop it.
            for each in started():
                each.add_done_callback(_let_go)
                loop.call_soon_threadsafe(each.cancel)
            loop.call_soon_threadsafe(task.cancel)

    return CellTasks(cancel, started)


def _runs_users_code(task: Any, namespace: Any) -> bool:
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame is not None and frame.f_globals is namespace


def _let_go(task: Any) -> None:
    """Drop the variables that a cancelled task keeps with its traceback."""
    import traceback

    try:
        error = task.exception()
    except BaseException as cancelled:
        error = cancelled
    if error is not None:
        traceback.clear_frames(error.__traceback__)


def _transformed(shell: Any, info: Any) -> str:
    transformed = getattr(info, "transformed_cell", None)
    if isinstance(transformed, str):
        return transformed
    from IPython.core.inputtransformer2 import TransformerManager

    # Not the shell's own manager: its transformers have side effects.
    manager: Any = TransformerManager
    return str(manager().transform_cell(info.raw_cell.split("\n", 1)[-1]))
