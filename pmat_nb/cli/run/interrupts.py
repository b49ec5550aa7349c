"""Ctrl-C and SIGTERM as the cancelling of a task: its ``finally`` clauses still run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

__all__ = ["until_interrupted"]


def until_interrupted(work: Coroutine[Any, Any, Any]) -> None:
    """Run ``work`` to its end; a signal cancels it, a second one does nothing more."""

    async def run() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(number, _cancel_once(task))
        await task

    with asyncio.Runner() as runner:
        runner.run(run())


def _cancel_once(task: asyncio.Future[Any]) -> Any:
    def cancel() -> None:
        if not asked:
            asked.append(True)
            task.cancel()

    asked: list[bool] = []
    return cancel
