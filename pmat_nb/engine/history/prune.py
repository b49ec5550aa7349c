"""Keeping the history folder small.

Scope: which session files may go, oldest first, and removing them. Never touched
are files that are not ours, and files whose kernel lives. Whether it does is known
only for kernels of this machine and boot; a file from elsewhere (another host on a
shared home, or before a reboot) counts as live until nothing was written to it for
:data:`FOREIGN_GRACE_S`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .process import ProcessKey, is_alive
from .schema import is_our_file, process_of

__all__ = ["FOREIGN_GRACE_S", "PruneReport", "prune"]

FOREIGN_GRACE_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was removed, what is left (files, bytes), and what could not be."""

    removed: tuple[str, ...]
    freed_bytes: int
    kept: int
    kept_bytes: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    written_at: float
    size_bytes: int


def prune(
    folder: Path | str,
    *,
    max_sessions: int | None = None,
    max_age_s: float | None = None,
    max_bytes: int | None = None,
    clock: Callable[[], float] = time.time,
    alive: Callable[[ProcessKey], bool | None] = is_alive,
) -> PruneReport:
    """Remove the oldest ended sessions until each given bound holds.

    Live kernels' files stay and count, so a bound may remain exceeded. Never
    raises: what cannot be removed is listed in ``problems``.
    """
    problems: list[str] = []
    files = _our_files(Path(folder), problems)
    left, left_bytes = len(files), sum(file.size_bytes for file in files)
    now = clock()
    removed: list[str] = []
    freed_bytes = 0
    for file in sorted(files, key=lambda found: (found.written_at, found.path.name)):
        surplus = (
            (max_sessions is not None and left > max_sessions)
            or (max_age_s is not None and now - file.written_at > max_age_s)
            or (max_bytes is not None and left_bytes > max_bytes)
        )
        if surplus and not _is_live(file, now, alive) and _remove(file, problems):
            removed.append(file.path.name)
            freed_bytes += file.size_bytes
            left -= 1
            left_bytes -= file.size_bytes
    return PruneReport(tuple(removed), freed_bytes, left, left_bytes, tuple(problems))


def _our_files(folder: Path, problems: list[str]) -> list[_File]:
    files = []
    try:
        candidates = list(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(f"{folder} cannot be read: {error.strerror or error}")
        return []
    for path in candidates:
        try:
            if is_our_file(path):
                found = path.stat()
                size = found.st_size + _journal_bytes(path)
                files.append(_File(path, found.st_mtime, size))
        except FileNotFoundError:
            continue  # another kernel pruned it
        except OSError as error:
            problems.append(f"{path.name} cannot be read: {error.strerror or error}")
    return files


def _journal_bytes(path: Path) -> int:
    journal = Path(f"{path}-journal")
    return journal.stat().st_size if journal.is_file() else 0


def _is_live(file: _File, now: float, alive: Callable[[ProcessKey], bool | None]) -> bool:
    process = process_of(file.path)
    answer = None if process is None else alive(process)
    return now - file.written_at < FOREIGN_GRACE_S if answer is None else answer


def _remove(file: _File, problems: list[str]) -> bool:
    try:
        # The journal goes last: without it a half-written file would be taken as whole.
        file.path.unlink(missing_ok=True)
        Path(f"{file.path}-journal").unlink(missing_ok=True)
    except OSError as error:
        problems.append(f"{file.path.name} cannot be removed: {error.strerror or error}")
        return False
    return True
