"""``pmat-nb history``: what was recorded, of one notebook or of all; no kernel is needed."""

from __future__ import annotations

import os.path
import time
from pathlib import Path
from shlex import quote
from typing import Any

from pmat_nb.engine.history.forecast import forecast_cells
from pmat_nb.engine.history.process import is_alive
from pmat_nb.engine.history.reader import read_history
from pmat_nb.engine.history.rows import History, SessionRow
from pmat_nb.engine.paths import history_dir
from pmat_nb.errors import UsageError
from pmat_nb.render.history import HistoryReport
from pmat_nb.settings import Verb

from .codes import Code
from .finding import choose, loaded_kernels
from .printing import deliver

__all__ = ["command"]


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Read the history's files, those of kernels that run too, and show them."""
    if options["plot"] and options["output"] in (None, "-"):
        raise UsageError("--plot: say where to, for example pmat-nb history --plot -o cells.png")
    key = _notebook(options)
    found = _read(key)
    forecasts, limit_bytes = None, None
    if options["forecast"]:
        latest = _latest(found, key)
        limit_bytes = latest.limit_bytes
        runs = [row for row in found.cells if row.session_id == latest.session_id]
        forecasts = forecast_cells(runs, limit_bytes)
    report = HistoryReport(
        found,
        nothing=_nothing(options["notebook"], key) if not found.sessions else "",
        view="deaths" if options["deaths"] else "sessions" if options["sessions"] else "cells",
        forecasts=forecasts,
        limit_bytes=limit_bytes,
        running=_running(found.sessions),
    )
    if options["plot"]:
        _draw(report, str(options["output"]))
    else:
        deliver(report, options["format"], options["output"])
    return Code.FINE


def _notebook(options: dict[str, Any]) -> str | None:
    """The key of the notebook that is asked for; None for all."""
    if options["notebook"] is not None and options["kernel"] is not None:
        raise UsageError("--kernel and --notebook: one or the other names the notebook")
    if options["notebook"] is not None:
        # As the kernel made its key: without touching a file.
        return os.path.normpath(Path.cwd() / Path(options["notebook"]).expanduser())
    if options["kernel"] is None:
        return None
    kernel = choose(options["kernel"], loaded_kernels())
    return kernel.sign.notebook_key if kernel.sign is not None else None


def _read(key: str | None) -> History:
    folder = history_dir(create=False)
    if folder.path is None:
        return History(problems=(folder.reason,))
    return read_history(folder.path, notebook=key)


def _nothing(name: str | None, key: str | None) -> str:
    """What is said of a notebook without records; of all it is the report's to say."""
    if name is None or key is None:
        return ""
    # Where a front end does not name the notebook, its folder is what is known. Whose runs
    # those were nobody can tell: they are named, not shown as this notebook's.
    parent = str(Path(key).parent)
    unnamed = len(_read(parent).sessions)
    if not unnamed:
        return f"nothing recorded for {name}"
    sessions = f"{unnamed} session{'' if unnamed == 1 else 's'}"
    return (
        f"nothing recorded for {name}; of {sessions} in its folder the notebook is not known: "
        f"pmat-nb history --notebook {quote(parent)}"
    )


def _latest(found: History, key: str | None) -> SessionRow:
    if key is None:
        raise UsageError(
            "--forecast: of which notebook? For example pmat-nb history --forecast "
            "--notebook tour.ipynb"
        )
    if not found.sessions:
        raise UsageError(f"--forecast: nothing is recorded of {key!r}")
    return max(found.sessions, key=lambda row: row.started_at)


def _running(sessions: tuple[SessionRow, ...]) -> dict[str, float]:
    now = time.time()
    return {
        row.session_id: now - row.started_at
        for row in sessions
        if row.ended_at is None and is_alive(row.process) is True
    }


def _draw(report: HistoryReport, target: str) -> None:
    path = Path(target).expanduser()
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise UsageError(
            f"-o: {target!r} does not end in .png, .svg or .pdf; for example cells.png"
        )
    report.plot().savefig(path, dpi=150, bbox_inches="tight")
