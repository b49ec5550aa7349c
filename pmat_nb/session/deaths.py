"""The journal before each cell, and what became of a kernel that died in one.

The journal names the cell, what the kernel held and its largest variables as last
sized. After a death the next ``%load_ext`` of the same notebook turns it, with the
guard's certificate, into one notice and one event of the history.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.history.process import ProcessKey, is_alive, this_process
from pmat_nb.engine.journal import Death, Journal, read_deaths
from pmat_nb.engine.paths import make_private, state_dir

if TYPE_CHECKING:
    from .session import Session

__all__ = ["DeathWatch", "death_text"]

_VARIABLES = 8
# A death this long ago is history, not news.
_NEWS_S = 7 * 86400.0


class DeathWatch:
    """Keeps the journal of one session. ``start`` raises OSError without a folder."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._journal: Journal | None = None
        self._base: dict[str, object] = {}

    def start(self) -> None:
        """Open the journal; the guard's certificate will lie beside it."""
        process = this_process()
        self._journal = Journal(_folder(), os.urandom(8).hex())
        self._base = {
            "notebook": self._session.notebook().key,
            "machine": process.machine,
            "pid": process.pid,
            "start_cs": process.start_cs,
        }
        self.note("", None)

    @property
    def certificate_path(self) -> str | None:
        """Where the guard writes; None without a journal."""
        return str(self._journal.certificate_path) if self._journal is not None else None

    def note(self, source: str, label: str | None) -> None:
        """Before a cell (``label``), or after it (None): what is known now."""
        if self._journal is None:
            return
        from pmat_nb.engine.cells import first_line_of

        session = self._session
        reporter = session.reporter_if_made()
        rows = reporter.largest(_VARIABLES) if reporter is not None else ()
        self._journal.write(
            {
                **self._base,
                "at": time.time(),
                "cell": label,
                "first_line": first_line_of(source) if session.records_lines() else "",
                "rss_bytes": session.probe.rss_bytes(),
                "limit_bytes": session.protector.standing_bytes if session.protector else None,
                "variables": [[row.name[:80], row.retained_bytes] for row in rows],
                "sized_s_ago": reporter.sizing_age_s() if reporter is not None else None,
            }
        )

    def close(self) -> None:
        """A clean end."""
        if self._journal is not None:
            self._journal.close()


def collect(session: Session) -> list[Death]:
    """Deaths of this notebook's kernels that nobody was told of yet."""
    return read_deaths(_folder(), _is_alive, notebook=session.notebook().key)


def announce(session: Session, death: Death) -> None:
    """Tell the user once, and enter the death into the history."""
    from .keeping import saved_names

    text = death_text(death, saved_names(session.notebook().key))
    if time.time() - float(death.record.get("at", 0)) < _NEWS_S:
        session.notice(f"death {death.session_id}", text)
    writer = session.writer()
    if writer is not None:
        writer.record_event("death", {"text": text, **death.record, **death.certificate})


def death_text(death: Death, saved: tuple[str, ...]) -> str:
    """What happened, in at most two lines."""
    from pmat_nb.render.format import brief, moment
    from pmat_nb.render.texts import clean, cut

    record, seen = death.record, death.certificate
    where = "between cells"
    if record.get("cell"):
        line = cut(clean(str(record.get("first_line") or "")), 50)
        where = f"in {record['cell']}{f' ({line})' if line else ''}"
    held = seen.get("last_tree_bytes") or record.get("rss_bytes")
    limit = record.get("limit_bytes")
    amount = f" with {brief(held)}" + (f", limit {brief(limit)}" if limit else "")
    text = (
        f"pmat_nb: the last kernel of this notebook died {where} at "
        f"{moment(float(seen.get('died_at') or record.get('at') or 0))}{amount}; {_cause(seen)}."
    )
    known = {name for name, _ in record.get("variables") or ()}
    if saved:
        of = f" of {len(known | set(saved))}" if known else ""
        text += f"\n{len(saved)}{of} variables were saved: %pmat_restore"
    return text


def _cause(seen: Any) -> str:
    if not seen:
        return "nothing is known of how it ended"
    before, after = seen.get("oom_kills_before") or {}, seen.get("oom_kills_after") or {}
    for place, name in (("cgroup", "container"), ("host", "machine")):
        if (after.get(place) or 0) > (before.get(place) or 0):
            return f"the {name}'s OOM killer acted at that time"
    number = (seen.get("exit") or {}).get("signal")
    if number:
        import signal

        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return f"{name} ended it; no OOM killer acted"
    return "it was not the OOM killer"


def _is_alive(record: Any) -> bool | None:
    try:
        key = ProcessKey(str(record["machine"]), int(record["pid"]), int(record["start_cs"]))
    except (KeyError, TypeError, ValueError):
        return False
    return is_alive(key)


def _folder() -> Path:
    state = state_dir()
    if state.path is None:
        raise OSError(state.reason)
    folder = state.path / "journal"
    if reason := make_private(folder):
        raise OSError(reason)
    return folder
