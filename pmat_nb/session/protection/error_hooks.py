"""Where an error leaves a cell, or a thread of it: there a stop takes the error's place.

The shell's ``showtraceback`` is wrapped because that is where an error reaches the user while
its frames are still there; ``threading.excepthook`` because a thread may end of the ceiling.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import MemoryLimitExceeded

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

    from .protector import Protector

__all__ = ["ErrorHooks"]


class ErrorHooks:
    """Both hooks of one session; what an error stands for is the protector's to say."""

    def __init__(self, session: Session, protector: Protector) -> None:
        self._session = session
        self._protector = protector
        self._show: Callable[..., Any] | None = None
        self._thread_hook: Callable[[Any], Any] = threading.excepthook

    def install(self) -> None:
        """Wrap what the shell and the threads have now."""
        shell: Any = self._session.shell
        self._show = shell.showtraceback
        shell.showtraceback = self._showtraceback
        self._thread_hook, threading.excepthook = threading.excepthook, self._on_thread_error

    def remove(self) -> None:
        """Take the wrappers back unless somebody has wrapped them in turn; idempotent."""
        shell: Any = self._session.shell
        if shell.__dict__.get("showtraceback") == self._showtraceback:
            del shell.showtraceback
        if threading.excepthook == self._on_thread_error:
            threading.excepthook = self._thread_hook

    def show(self, stopped: MemoryLimitExceeded) -> None:
        """Show a stop that nothing has raised, as the shell shows an error."""
        if self._show is not None:
            self._show((type(stopped), stopped, None))

    def _showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> Any:
        show = self._show
        assert show is not None
        self._end_profile()
        error = exc_tuple[1] if exc_tuple is not None else sys.exc_info()[1]
        if error is None or not self._protector.has_open_cell:
            return show(exc_tuple, *args, **kwargs)
        try:
            seen = self._protector.settle_error(error)
        except Exception as problem:
            self._session.faults.report("the report of a stop", problem)
            return show(exc_tuple, *args, **kwargs)
        if seen is not error or isinstance(seen, MemoryLimitExceeded):
            exc_tuple = (type(seen), seen, seen.__traceback__)
        return show(exc_tuple, *args, **kwargs)

    def _end_profile(self) -> None:
        """Before anything is made of the error: what that takes is not the cell's."""
        session = self._session
        if (profiling := session.part_if_made("profiling")) is not None:
            session.faults.guard("profiling")(profiling.error_shown)()

    def _on_thread_error(self, args: Any) -> None:
        self._protector.note_thread_error(args.exc_value)
        self._thread_hook(args)
