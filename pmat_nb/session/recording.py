"""Where a session's cells and events are written: the history of its notebook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmat_nb.engine.history.notebook import Notebook
    from pmat_nb.engine.history.rows import SessionRow
    from pmat_nb.engine.history.store import HistoryWriter

    from .session import Session

__all__ = ["Recording"]


class Recording:
    """Makes the writer when the first row comes, in the process that loaded the extension."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pid = os.getpid()
        self._writer: HistoryWriter | None = None
        self._row: SessionRow | None = None
        self._notebook: Notebook | None = None

    def writer(self) -> HistoryWriter | None:
        """The history's writer; None where the history is off or not of this process."""
        session = self._session
        if os.getpid() != self._pid or session.settings.get("history") is not True:
            return None
        if self._writer is None and not session.faults.off("history"):
            self._writer = session.faults.guard("history")(self._make_writer)()
        if self._writer is not None:
            mode: Any = session.settings.get("record_source")
            self._writer.source_mode = mode
        return self._writer

    def notebook(self) -> Notebook:
        """Which notebook this kernel belongs to, as found out when it was first asked."""
        if self._notebook is None:
            from pmat_nb.engine.history.notebook import identify_notebook

            namespace = self._session.namespace_owner.user_ns
            self._notebook = identify_notebook(os.environ, namespace, self._session.folder)
        return self._notebook

    def session_id(self) -> str | None:
        """The id of this session's rows in the history; None before the first."""
        return self._row.session_id if self._row is not None else None

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        if self._writer is not None:
            self._writer.close()

    def _make_writer(self) -> HistoryWriter:
        from pmat_nb.engine.history.store import HistoryWriter

        kept = self._session.settings.get("history_sessions")
        return HistoryWriter(
            None,
            self._make_row,
            on_error=lambda reason: self._session.say(f"pmat_nb: {reason}"),
            max_sessions=kept if isinstance(kept, int) else None,
        )

    def _make_row(self) -> SessionRow:
        # In the writer's thread, so that the first cell does not wait for it.
        from pmat_nb import __version__
        from pmat_nb.engine.history.rows import new_session

        self._row = new_session(
            self.notebook(), pmat_version=__version__, clock=lambda: self._session.loaded_at
        )
        return self._row
