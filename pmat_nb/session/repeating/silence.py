"""Keeps what a further run prints, displays and fails with from the user.

Methods of the streams and publishers are shadowed, as IPython does to record output: the
objects stay the same, so that log handlers and whoever else holds them are quiet too.
Nothing is stored. What child processes and C code write to the file descriptors
themselves is not seen here and does appear.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["Silence"]

_ABSENT: Any = object()
_LONGEST = 120


class Silence:
    """A context manager for one further run after the other.

    ``settle`` turns an error into the stop of the memory limit that it stands for, if so.

    Attributes:
        swallowed: whether anything was printed or displayed.
        failure: the first error of a further run, in words.
        interrupted: whether a run ended with an interrupt.
        ended: the error that ends the repeating and that the user was shown.
    """

    def __init__(self, shell: Any, settle: Callable[[BaseException], BaseException]) -> None:
        self._shell = shell
        self._settle = settle
        self._before: list[tuple[Any, str, Any, Any]] = []
        self.swallowed = False
        self.failure = ""
        self.interrupted = False
        self.ended: BaseException | None = None

    def __enter__(self) -> Silence:
        shell = self._shell
        self._shadow(sys.stdout, "write", self._write)
        self._shadow(sys.stderr, "write", self._write)
        self._shadow(shell.display_pub, "publish", self._publish)
        self._shadow(shell.display_pub, "clear_output", self._nothing)
        self._shadow(getattr(shell, "payload_manager", None), "write_payload", self._nothing)
        self._shadow(shell, "showtraceback", self._showtraceback)
        # A value would be kept in Out, run after run.
        self._shadow(sys, "displayhook", self._nothing)
        return self

    def __exit__(self, *_: object) -> None:
        self.lift()

    def lift(self) -> None:
        """Everything is as before; idempotent."""
        while self._before:
            owner, name, before, ours = self._before.pop()
            if owner.__dict__.get(name) is not ours:
                continue  # the cell has put something else there
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    def _shadow(self, owner: Any, name: str, ours: Any) -> None:
        own = getattr(owner, "__dict__", None)
        if own is None:
            return
        self._before.append((owner, name, own.get(name, _ABSENT), ours))
        try:
            setattr(owner, name, ours)
        except (AttributeError, TypeError):  # a stream of somebody's own
            self._before.pop()

    def _write(self, text: str, *_: object) -> int:
        self.swallowed = True
        return len(text)

    def _publish(self, *_: object, **__: object) -> None:
        self.swallowed = True

    def _nothing(self, *_: object, **__: object) -> None:
        """In place of what shows or stores something."""

    def _showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        error = exc_tuple[1] if exc_tuple is not None else sys.exc_info()[1]
        if not isinstance(error, BaseException):
            return
        seen = self._settle(error)
        if is_interrupt(seen):
            self.interrupted = True
        elif ends(seen):
            self.ended = seen
            self.lift()
            shown = exc_tuple if seen is error else (type(seen), seen, seen.__traceback__)
            self._shell.showtraceback(shown, *args, **kwargs)
        elif not self.failure:
            text = f"{type(seen).__name__}: {seen}".partition("\n")[0]
            self.failure = text[:_LONGEST]


def is_interrupt(error: BaseException | None) -> bool:
    """Whether somebody interrupted the cell: ipykernel cancels one that awaits."""
    if isinstance(error, KeyboardInterrupt):
        return True
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


def ends(error: BaseException | None) -> bool:
    """Whether a cell that fails so is not to be run again."""
    return isinstance(error, MemoryError) or (
        error is not None and not isinstance(error, Exception)
    )
