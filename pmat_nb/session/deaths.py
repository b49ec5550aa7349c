"""The journal before each cell, and what became of a kernel that died in one.

The journal names the cell, what the kernel held and its largest variables as last
sized. After a death the next ``%load_ext`` of the same notebook turns it, with the
guard's certificate, into one notice and one event of the history.
"""

from __future__ import annotations

import json
import os
import time
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.cells import first_line_of
from pmat_nb.engine.paths import make_private, state_dir

if TYPE_CHECKING:
    from pmat_nb.engine.journal import Death, Journal

    from .session import Session

__all__ = ["DeathWatch", "cause_text", "death_text", "oom_killed"]

_VARIABLES = 8
# A death this long ago is history, not news.
_NEWS_S = 7 * 86400.0


class DeathWatch:
    """Keeps the journal of one session. ``start`` raises OSError without a folder."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._journal: Journal | None = None
        self._base = ""
        self._last: tuple[str, str | None, int | None] = ("", None, None)
        self._sized_at: float | None = None
        self._variables = '"variables":[],"sized_at":null'

    def start(self) -> None:
        """Open the journal; the guard's certificate will lie beside it."""
        from pmat_nb.engine.history.process import this_process
        from pmat_nb.engine.journal import Journal

        process = this_process()
        self._journal = Journal(_folder(), os.urandom(8).hex())
        fixed = {
            "notebook": self._session.recording.notebook().key,
            "machine": process.machine,
            "pid": process.pid,
            "start_cs": process.start_cs,
        }
        self._base = json.dumps(fixed)[1:-1]
        self.note("", None)

    @property
    def certificate_path(self) -> str | None:
        """Where the guard writes; None without a journal."""
        return str(self._journal.certificate_path) if self._journal is not None else None

    def note_end(self) -> None:
        """After a cell: the same cell, ended."""
        source, label, limit = self._last
        if self._journal is None:
            return
        if limit != self._limit() or self._sized_at != self._last_sized():
            self.note(source, label, ended=True)
        else:
            self._journal.write_head(self._head(ended=True))

    def note(self, source: str, label: str | None, *, ended: bool = False) -> None:
        """Before a cell (``label``), or before the first one (None): what is known now.

        On the path of every cell: only what changed is made into JSON anew.
        """
        if self._journal is None:
            return
        limit = self._limit()
        self._last = (source, label, limit)
        line = first_line_of(source) if self._session.records_lines() else ""
        rest = (
            f'{self._base},"cell":{_quoted(label)},"first_line":{_quoted(line)},'
            f'"limit_bytes":{_number(limit)},{self._sizes()}}}'
        )
        self._journal.write(self._head(ended=ended) + rest.encode())

    def _head(self, *, ended: bool) -> bytes:
        """What changes when a cell ends, always of the same length."""
        rss = _number(self._session.probe.rss_bytes())
        state = "true" if ended else "false"
        return f'{{"at":{time.time():17.3f},"ended":{state:>5},"rss_bytes":{rss:>19},'.encode()

    def _limit(self) -> int | None:
        protector = self._session.protector
        return protector.standing.limit_bytes if protector else None

    def _last_sized(self) -> float | None:
        reporter = self._session.reporter_if_made()
        return reporter.sized_at if reporter is not None else None

    def _sizes(self) -> str:
        """The largest variables as last sized, and when that was."""
        reporter = self._session.reporter_if_made()
        sized_at = self._last_sized()
        if reporter is not None and sized_at != self._sized_at:
            rows = [[r.name[:80], r.retained_bytes] for r in reporter.largest(_VARIABLES)]
            self._sized_at = sized_at
            self._variables = f'"variables":{json.dumps(rows)},"sized_at":{sized_at:.3f}'
        return self._variables

    def close(self) -> None:
        """A clean end."""
        if self._journal is not None:
            self._journal.close()


def _quoted(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def collect(session: Session) -> list[Death]:
    """Deaths of this notebook's kernels that nobody was told of yet."""
    folder = _folder()
    # At every load, and nearly always there is nothing: then none of it is imported.
    if not any(folder.glob("*.journal")):
        return []
    from pmat_nb.engine.journal import read_deaths

    return read_deaths(folder, _is_alive, notebook=session.recording.notebook().key)


def announce(session: Session, death: Death) -> None:
    """Tell the user once, and enter the death into the history."""
    from .keeping import saved_names

    text = death_text(death, saved_names(session.recording.notebook().key))
    if time.time() - float(death.record.get("at", 0)) < _NEWS_S:
        session.notice(f"death {death.session_id}", text)
    writer = session.recording.writer()
    if writer is not None:
        writer.record_event("death", {"text": text, **death.record, **death.certificate})


def death_text(death: Death, saved: tuple[str, ...]) -> str:
    """What happened, in at most two lines."""
    from pmat_nb.render.format import brief, moment
    from pmat_nb.render.format import limit as limit_text
    from pmat_nb.render.texts import clean, cut

    record, seen = death.record, death.certificate
    where = "between cells"
    if record.get("cell"):
        line = cut(clean(str(record.get("first_line") or "")), 50)
        place = "after" if record.get("ended") else "in"
        where = f"{place} {record['cell']}{f' ({line})' if line else ''}"
    held = seen.get("last_tree_bytes") or record.get("rss_bytes")
    limit = record.get("limit_bytes")
    amount = f" with {brief(held)}" + (f", limit {limit_text(limit)}" if limit else "")
    when = moment(float(seen.get("died_at") or record.get("at") or 0))
    text = (
        f"pmat_nb: the last kernel of this notebook died {where} at {when}{amount}; "
        f"{cause_text(seen)}."
    )
    known = {name for name, _ in record.get("variables") or ()}
    if saved:
        of = f" of {len(known | set(saved))}" if known else ""
        text += f"\n{len(saved)}{of} variables were saved: %pmat_restore"
    return text


def cause_text(seen: Any) -> str:
    """How a process ended, in words, from a certificate of its guard."""
    if not seen:
        return "nothing is known of how it ended"
    if where := oom_killed(seen):
        return f"the {where}'s OOM killer acted at that time"
    number = (seen.get("exit") or {}).get("signal")
    if number:
        import signal

        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        return f"{name} ended it; no OOM killer acted"
    code = (seen.get("exit") or {}).get("code")
    if code is not None:
        return f"it ended itself with exit code {code}"
    return "how it ended could not be read, but no OOM killer acted"


def oom_killed(seen: Any) -> str:
    """Whose OOM killer acted when a process ended, ``container`` or ``machine``; empty: none."""
    before, after = seen.get("oom_kills_before") or {}, seen.get("oom_kills_after") or {}
    for place, name in (("cgroup", "container"), ("host", "machine")):
        if (after.get(place) or 0) > (before.get(place) or 0):
            return name
    return ""


def _is_alive(record: Any) -> bool | None:
    from pmat_nb.engine.history.process import ProcessKey, is_alive

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
