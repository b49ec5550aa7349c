"""What a session that ends with the extension leaves to the next one in the same shell.

``%reload_ext`` is an unload and a load within one cell: what was set in the session goes on.
After ``%unload_ext`` a later ``%load_ext`` starts anew, and says what is no longer in force.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import UsageError
from pmat_nb.settings import setting, spelled

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Legacy"]


class Legacy:
    """Taken of ``shell``'s ``session`` before it closes, in the cell that ends it."""

    def __init__(self, session: Session, shell: Any) -> None:
        self._shell = weakref.ref(shell)
        self._cell_is_over = False
        # Also of silent cells; a cell's number is no mark of it: %reset begins to count anew.
        shell.events.register("post_execute", self._end_of_cell)
        self._values = session.settings.session_values()
        # How the standing limit was enforced: its ceiling, and whether it only warned.
        self._enforced: tuple[str, bool] | None = None
        if session.protector is not None:
            standing = session.protector.standing
            self._enforced = standing.ceiling, standing.warn_only
        self._cells = tuple(session.cells)

    def hand_to(self, session: Session) -> None:
        """Go on in ``session`` if it began in the cell that ended the one before."""
        if self._shell() is not session.shell:
            return
        if not self._cell_is_over:
            self._go_on(session)
        elif self._values:
            words = self._words()
            session.say(
                f"pmat_nb: set before %unload_ext and no longer in force: {words}; "
                f"%pmat_configure {words} sets it again"
            )

    def _end_of_cell(self) -> None:
        self._cell_is_over = True
        shell = self._shell()
        if shell is not None:
            shell.events.unregister("post_execute", self._end_of_cell)

    def _go_on(self, session: Session) -> None:
        session.cells.extend(self._cells)
        if not self._values:
            return
        try:
            session.settings.put_all(self._values)
        except UsageError as problem:
            session.say(f"pmat_nb: set before and no longer in force: {self._words()}: {problem}")
            return
        if session.protector is not None and self._enforced is not None:
            standing = session.protector.standing
            standing.ceiling, standing.warn_only = self._enforced
        session.settings_changed()

    def _words(self) -> str:
        options = {setting(key): value for key, value in self._values.items()}
        return " ".join(_word(option.spelled, spelled(option, v)) for option, v in options.items())


def _word(name: str, value: str) -> str:
    return f"{name} {value!r}" if " " in value else f"{name} {value}"
