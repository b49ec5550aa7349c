"""A kernel's latest sample, where another process of the same user can read it.

One file per kernel, 0600 in a folder of the user's own, replaced whole at each writing, so
that it can be read while the kernel is busy, or stuck in a call that holds the GIL: then the
sample is old, and says since when. Process id and start time tell the file of a kernel that
has ended; whoever reads removes it. A file is data of this user's and nobody else's: one that
belongs to another user, or that is a link, is passed over.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .history.process import ProcessKey, is_alive
from .paths import Folder, make_private, runtime_dir, state_dir
from .pressure import classify, thresholds
from .record_json import from_plain, to_plain
from .records import Pressure
from .stats_records import StatsRecord

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Beacon", "Sign", "beacon_dirs", "read_signs", "remove_stale"]

SCHEMA = 1
_SUFFIX = ".beacon"
# A file that is larger was not written by us.
_MOST_BYTES = 4 * 1024**2
# Of another boot or container it cannot be told whether the process lives.
_UNKNOWN_AGE_S = 7 * 86400.0


class Sign(NamedTuple):
    """What a kernel said of itself last.

    ``at`` is when (seconds since the epoch). ``sample`` is cheap and new, with None for what
    takes longer to find out; ``detail`` is everything as of its own time, once somebody has
    asked this kernel for it. ``busy``: whether a cell ran; which one, tells the journal
    (``engine/journal.py``). ``left_out`` are processes below the kernel that are ours;
    ``bounds`` is where MEDIUM, HIGH and CRITICAL begin.
    """

    machine: str
    pid: int
    start_cs: int
    at: float
    kernel_id: str
    connection_file: str
    notebook: str
    notebook_key: str
    notebook_source: str
    python: str
    pmat: str
    busy: bool
    left_out: tuple[int, ...]
    bounds: tuple[float, ...]
    sample: StatsRecord
    detail: StatsRecord | None

    @property
    def process(self) -> ProcessKey:
        """The kernel's process, for good."""
        return ProcessKey(self.machine, self.pid, self.start_cs)

    def record(self) -> StatsRecord:
        """The latest with all that is known: ``sample``, or ``detail`` where that is as new."""
        if self.detail is not None and self.detail.timestamp >= self.sample.timestamp:
            return self.detail
        return self.sample

    def pressure_now(self, tree_bytes: int | None) -> Pressure:
        """The pressure with what the kernel holds now, where that is more than it last said."""
        said, limit = self.record().pressure, self.record().limit
        if tree_bytes is None or limit is None or not limit.limit_bytes:
            return said
        fraction = tree_bytes / limit.limit_bytes
        if said.fraction is not None and fraction <= said.fraction:
            return said
        level = classify(fraction, said.level, thresholds(*self.bounds))
        return said._replace(fraction=fraction, level=level)


class Beacon:
    """Writes one kernel's file. Not thread-safe: one thread writes.

    The folder is made again where it has gone (a runtime folder goes at logout).
    """

    def __init__(self, process: ProcessKey, folder: Callable[[], Folder] | None = None) -> None:
        self._process = process
        self._find = folder or own_dir
        self._path: Path | None = None
        self._pid = os.getpid()

    def write(self, head: Mapping[str, Any], sample: str, detail: str | None) -> None:
        """Replace the file; ``sample`` and ``detail`` are JSON already.

        Raises:
            OSError: it cannot be written.
        """
        if os.getpid() != self._pid:
            return
        own = {
            "schema": SCHEMA,
            "machine": self._process.machine,
            "pid": self._process.pid,
            "start_cs": self._process.start_cs,
            "at": time.time(),
        }
        said = json.dumps({**own, **head}, separators=(",", ":"))[:-1]
        text = f'{said},"sample":{sample},"detail":{detail or "null"}}}'
        try:
            self._replace(text.encode())
        except FileNotFoundError:
            self._path = None
            self._replace(text.encode())

    def close(self) -> None:
        """Take the file away; idempotent, and nothing in a forked child."""
        if self._path is not None and os.getpid() == self._pid:
            with suppress(OSError):
                self._path.unlink()
            self._path = None

    def _replace(self, data: bytes) -> None:
        path = self._path or self._new_path()
        part = path.with_name(f".{path.name}.new")
        with suppress(FileNotFoundError):
            part.unlink()
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        part.replace(path)
        self._path = path

    def _new_path(self) -> Path:
        folder = self._find()
        if folder.path is None:
            raise OSError(folder.reason)
        key = self._process
        return folder.path / f"{key.machine}-{key.pid}-{key.start_cs}{_SUFFIX}"


def encode(record: StatsRecord) -> str:
    """A record as JSON, for :meth:`Beacon.write`."""
    return json.dumps(to_plain(record), separators=(",", ":"))


def own_dir() -> Folder:
    """Where this process writes its beacon."""
    parent = runtime_dir()
    if parent.path is None:
        return parent
    path = parent.path / "beacons"
    reason = make_private(path)
    return Folder(None, reason) if reason else Folder(path)


def beacon_dirs() -> tuple[Path, ...]:
    """Where kernels of this user may have written: which one depends on their environment."""
    parents = [runtime_dir(create=False).path]
    state = state_dir(create=False).path
    parents.append(None if state is None else state / "run")
    found = [parent / "beacons" for parent in parents if parent is not None]
    return tuple(dict.fromkeys(path for path in found if _is_own_folder(path)))


def read_signs(*, now: Callable[[], float] = time.time) -> list[Sign]:
    """What every living kernel of this user said last; files of ended ones are removed."""
    remove_stale(now=now)
    signs = [sign for path in _files() if (sign := _read(path)) is not None]
    # Of another container or machine that shares the home: not here.
    return sorted((s for s in signs if is_alive(s.process)), key=lambda sign: sign.pid)


def remove_stale(*, dry_run: bool = False, now: Callable[[], float] = time.time) -> list[Path]:
    """Remove the files of kernels that have ended; which ones.

    Of another boot or container it is unknown: those go when they are a week old.
    """
    gone = []
    for path in _files():
        alive = None if (key := _key_of(path)) is None else is_alive(key)
        with suppress(OSError):
            if alive is False or (alive is None and _age(path, now()) > _UNKNOWN_AGE_S):
                if not dry_run:
                    path.unlink()
                gone.append(path)
    return gone


def _age(path: Path, now: float) -> float:
    return now - path.lstat().st_mtime


def _files() -> Iterator[Path]:
    for folder in beacon_dirs():
        with suppress(OSError):
            yield from (p for p in sorted(folder.iterdir()) if p.name.endswith(_SUFFIX))


def _key_of(path: Path) -> ProcessKey | None:
    machine, _, rest = path.name.removesuffix(_SUFFIX).partition("-")
    pid, _, start_cs = rest.partition("-")
    if not (pid.isdecimal() and start_cs.isdecimal()):
        return None
    return ProcessKey(machine, int(pid), int(start_cs))


def _read(path: Path) -> Sign | None:
    """What a file says; None for one that is damaged, not ours, or of another layout."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not _is_own(found) or found.st_size > _MOST_BYTES:
                return None
            said = json.loads(file.read(_MOST_BYTES))
        if said.get("schema") != SCHEMA:
            return None
        sign = from_plain(Sign, said)
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return sign if _key_of(path) == sign.process else None


def _is_own(found: os.stat_result) -> bool:
    if not stat.S_ISREG(found.st_mode):
        return False
    return os.name == "nt" or found.st_uid == os.geteuid()


def _is_own_folder(path: Path) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISDIR(found.st_mode) and (os.name == "nt" or found.st_uid == os.geteuid())
    return False
