"""``with limit_block(...)``: a memory limit around a block of plain Python."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Literal

from pmat_nb.errors import MemoryLimitExceeded

from . import codes, stop
from .client import Guard
from .report import GuardReport
from .token import Token

__all__ = ["default_guard", "limit_block"]

_default: list[Guard] = []


def default_guard() -> Guard:
    """The guard that blocks share where none is named."""
    if not _default:
        _default.append(Guard())
    return _default[0]


class limit_block:  # noqa: N801 - used as a statement, like contextlib.suppress
    """Limit what a block may add to the process tree, or (``total``) the tree itself.

    Raises ``MemoryLimitExceeded`` at the end of the block whenever the limit was
    found exceeded, also where the block's own code swallowed the stop or finished
    just then; an exception of the block is its cause. After the block ``report`` says
    what was seen. In a coroutine the awaiting task is cancelled, and the cancellation
    becomes ``MemoryLimitExceeded`` here.
    """

    def __init__(
        self,
        limit_bytes: int,
        *,
        scope: Literal["cell", "total"] = "cell",
        ceiling: bool = True,
        warn_only: bool = False,
        guard: Guard | None = None,
    ) -> None:
        self.report: GuardReport | None = None
        self._limit_bytes = limit_bytes
        self._scope: Literal["cell", "total"] = scope
        self._ceiling = ceiling
        self._warn_only = warn_only
        self._guard = guard
        self._token: Token | None = None
        self._task: Any = None

    def __enter__(self) -> limit_block:
        guard = self._guard = self._guard or default_guard()
        home = _calling_frame()
        self._task, cancel = _current_task()
        token = guard.arm(
            self._limit_bytes,
            self._scope,
            ceiling=self._ceiling,
            warn_only=self._warn_only,
            in_scope=_is_above(home),
            cancel=cancel,
            active=False,
        )
        handler = codes.block_handler(home.f_code, home.f_lasti)
        if handler is not None:
            token.block_handler = (home.f_code, handler)
        self._token = token
        token.active = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        token, self._token = self._token, None
        if token is None or self._guard is None:
            return
        token.active = False
        self.report = self._guard.disarm(token)
        token.in_scope = token.cancel = None
        failure = self._outcome(token, error)
        if failure is error and error is not None:
            stop.clean_traceback(error)
        elif failure is not None:
            raise failure from error

    def _outcome(self, token: Token, error: BaseException | None) -> BaseException | None:
        """What the block ends with: its own error, or the stop."""
        report = self.report
        assert report is not None and self._guard is not None
        if isinstance(error, MemoryLimitExceeded):
            return error  # its own, or that of a block inside it, which says enough
        if report.stopped and not self._warn_only:
            if _is_cancellation(error) and self._task is not None:
                self._task.uncancel()
            elif isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
                return error
            return token.error(self._guard._clock_ns())
        if error is not None and self._guard.ceiling_caused(error, token):
            token.tree_bytes = report.peak_tree_bytes
            return token.refused_error(self._guard._clock_ns(), error)
        return error


def _calling_frame() -> FrameType:
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__") == "contextlib":
        frame = frame.f_back
    return frame


def _is_above(home: FrameType) -> Callable[[FrameType], bool]:
    def in_scope(frame: FrameType) -> bool:
        each: FrameType | None = frame
        while each is not None:
            if each is home:
                return True
            each = each.f_back
        return False

    return in_scope


def _current_task() -> tuple[Any, Callable[[], object] | None]:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None, None
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return None, None
    if task is None:
        return None, None
    loop = task.get_loop()
    return task, lambda: loop.call_soon_threadsafe(task.cancel)


def _is_cancellation(error: BaseException | None) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)
