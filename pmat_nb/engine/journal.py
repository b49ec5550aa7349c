"""What a kernel was doing, kept where a SIGKILL cannot take it.

Before each cell one small record goes into a file of the session's own by a single
``pwrite``: the page cache survives the process. A clean end removes the file, so a
file whose process is gone is the trace of a death. Reading such traces, together with
what the guard saw (``engine/guard/process/certificate.py``), is :func:`read_deaths`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Death", "Journal", "Last", "last_cell", "read_deaths"]

_SUFFIX = ".journal"
_CERTIFICATE = ".certificate"
_ROOM = 8192


class Death(NamedTuple):
    """A kernel that did not end by itself.

    ``record`` is the last journal entry, ``certificate`` what the guard wrote (empty
    where it did not live to write it).
    """

    session_id: str
    record: Mapping[str, Any]
    certificate: Mapping[str, Any]


class Last(NamedTuple):
    """The cell that a living kernel began last, at ``since`` (seconds since the epoch)."""

    label: str
    first_line: str
    since: float
    ended: bool


class Journal:
    """One session's file in ``folder`` (made 0700 by the caller).

    ``write`` costs microseconds, whatever the record, and raises OSError when the disk
    refuses.
    """

    def __init__(self, folder: Path, session_id: str) -> None:
        self.path = folder / f"{session_id}{_SUFFIX}"
        self.certificate_path = folder / f"{session_id}{_CERTIFICATE}"
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pid = os.getpid()
        self._length = 0
        self._fits = False

    def write(self, record: bytes) -> None:
        """Replace the record, a JSON object; one that does not fit in 8 kB is left out."""
        self._fits = len(record) < _ROOM
        if self._fd >= 0 and self._fits and os.getpid() == self._pid:
            # Over all of the last one, and no further: each byte costs the cell's time.
            os.pwrite(self._fd, record.ljust(self._length), 0)
            self._length = len(record)

    def write_head(self, head: bytes) -> None:
        """Replace the first bytes of the record by as many; nothing if it was left out."""
        if self._fd >= 0 and self._fits and os.getpid() == self._pid:
            os.pwrite(self._fd, head, 0)

    def close(self) -> None:
        """A clean end: no trace is left. Idempotent; nothing in a forked child."""
        if self._fd < 0 or os.getpid() != self._pid:
            return
        os.close(self._fd)
        self._fd = -1
        for path in (self.path, self.certificate_path):
            path.unlink(missing_ok=True)


def read_deaths(folder: Path, is_alive: Any, *, notebook: str) -> list[Death]:
    """The deaths of ``notebook``'s kernels, oldest first, and their files removed.

    ``is_alive`` gets a record and says whether its process runs (None: cannot tell,
    which counts as alive). Damaged files are removed as well.
    """
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        record = _read(path)
        if record and (record.get("notebook") != notebook or is_alive(record) is not False):
            continue
        certificate = path.with_suffix(_CERTIFICATE)
        if record:
            found.append(Death(path.stem, record, _read(certificate)))
        path.unlink(missing_ok=True)
        certificate.unlink(missing_ok=True)
    return sorted(found, key=lambda death: float(death.record.get("at", 0)))


def last_cell(folder: Path, process: Mapping[str, object]) -> Last | None:
    """What the kernel with these ``machine``, ``pid`` and ``start_cs`` ran last.

    Told at the beginning of each cell, so it holds also where the kernel is stuck in it.
    None before its first cell, and where no journal could be kept.
    """
    newest = None
    for path in folder.glob(f"*{_SUFFIX}"):
        record = _read(path)
        if any(record.get(key) != value for key, value in process.items()):
            continue
        label, at = record.get("cell"), record.get("at")
        # After the extension was loaded again there are two: the later one counts.
        if isinstance(label, str) and isinstance(at, float) and (not newest or at > newest.since):
            ended = record.get("ended") is not False
            newest = Last(label, str(record.get("first_line") or ""), at, ended)
    return newest


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
