"""Inside a kernel that ``pmat-nb run`` drives: measures every cell, and says so in a file.

Whoever runs the notebook calls :func:`begin` and :func:`finish` in silent requests, which
leave no output, no name and no execution count behind. What is measured goes, a line at a
time and as it happens, to a private file of the runner's (``records``) and to the user's log:
both are complete up to the last line, however this kernel or its runner ends.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pmat_nb import session as sessions

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord
    from pmat_nb.engine.stop_record import StopRecord
    from pmat_nb.session.protection.limits import CellLimit
    from pmat_nb.session.run_log import RunLog
    from pmat_nb.session.session import Session

__all__ = ["Headless", "begin", "finish"]


def begin(options: str) -> None:
    """Load the extension without a word, and start recording; ``options`` are JSON.

    Keys: ``records`` (path), ``log`` (path or null), ``notebook`` (for the log's lines),
    ``limit_per_cell`` (size or null), ``runner`` (its process id), ``limit_source`` (the
    runner's option that set ``PMAT_MEMORY_MAX``, or null).
    """
    from IPython import get_ipython

    from .register import register

    shell: Any = get_ipython()
    session = sessions.running() if sessions.has_session(shell) else None
    if session is None:
        # Not as %load_ext does it: what there is to say goes to who reads the records, and
        # deaths of earlier kernels are told to who sits at the notebook.
        session = sessions.start(shell)
        register(shell, session)
        session.settings_changed()
    asked = json.loads(options)
    if asked.get("limit_source"):
        session.settings.call_variable("max_total", asked["limit_source"])
    session.keep("headless", lambda each: Headless(each, asked)).start()


def finish() -> None:
    """The last cell has run: check the gates, write the end, close the log."""
    session = sessions.running()
    headless: Headless | None = None if session is None else session.part_if_made("headless")
    if headless is not None:
        headless.finish()


class Headless:
    """The records and the log of one run; a part of the session."""

    def __init__(self, session: Session, options: dict[str, Any]) -> None:
        from pmat_nb.engine.log import LogWriter
        from pmat_nb.session.run_log import RunLog

        self._session = session
        self._options = options
        self._records = LogWriter(options["records"])
        path = options["log"]
        self._log: RunLog | None = RunLog(session, path, options["notebook"]) if path else None
        self._stop: StopRecord | None = None
        self._finished = False

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """The kernel ends, or the extension is unloaded."""
        self._records.close()
        if self._log is not None:
            self._log.close()

    def start(self) -> None:
        """Say what holds in this kernel, limit its cells, watch for the runner's end."""
        from pmat_nb.session.gating import gates_in_force

        session, protector = self._session, self._session.protector
        if protector is not None:
            protector.every_cell = _limit_of(self._options["limit_per_cell"])
        limit = session.pressure.limit()
        self._records.write(
            {
                "event": "start",
                "pid": os.getpid(),
                "rss_bytes": session.probe.rss_bytes(),
                "limit_bytes": limit.limit_bytes if limit else None,
                "limit_source": limit.source if limit else None,
                "notebook_key": session.recording.notebook().key,
                "problems": list(session.settings.problems),
                "gates": [gate._asdict() for gate in gates_in_force(session)],
            }
        )
        from pmat_nb.session.following import end_with

        end_with(int(self._options["runner"]), self._runner_has_died)
        if self._log is not None:
            session.faults.guard("the log")(self._log.start)()

    def _runner_has_died(self) -> None:
        """It was killed, and left its own folder behind."""
        import shutil
        from pathlib import Path

        self._session.close()
        shutil.rmtree(Path(self._options["records"]).parent, ignore_errors=True)

    def cell_ended(self, record: CellRecord) -> None:
        """Write what a cell cost; the reply to whoever asked for it comes after."""
        from pmat_nb.session.gating import level_of_cell

        stop, before = self._session.last_stop, self._stop
        self._stop = stop
        self._records.write(
            {
                "event": "cell",
                **record._asdict(),
                "pressure_level": level_of_cell(self._session, record),
                "stop": "" if stop is None or stop is before else _headline(stop),
            }
        )
        if self._log is not None:
            self._session.faults.guard("the log")(self._log.cell_ended)()

    def finish(self) -> None:
        """Check the gates and write the end, once; one that was interrupted may be asked again."""
        if self._finished:
            return
        from pmat_nb.session.gating import check_session

        session = self._session
        rss = session.probe.rss_bytes()
        if self._log is not None:
            session.faults.guard("the log")(self._log.cell_ended)(complete=True)
        checks = check_session(session)
        self._records.write(
            {
                "event": "end",
                "rss_bytes": rss,
                "gates": [check._asdict() for check in checks],
                "unprotected": session.protector.unavailable if session.protector else "",
                "faults": [f"{name}: {error}" for name, error in session.faults.seen.items()],
            }
        )
        self._finished = True
        self.close()


def _limit_of(size: str | None) -> CellLimit | None:
    if size is None:
        return None
    from pmat_nb.session.protection.limits import CellLimit
    from pmat_nb.units import parse_limit

    return CellLimit(parse_limit(size, option="--limit-per-cell"))


def _headline(stop: StopRecord) -> str:
    from pmat_nb.render.stop import stop_headline

    return stop_headline(stop)
