"""Allocations of C code with their lines, through memray.

memray is optional (``pip install 'pmat_nb[native]'``) and imported when it is asked for.
Its limits are those of this module: one tracker a process, Linux and macOS, a profile
function of its own for as long as it runs. What it records goes to a file of the user's
alone, removed when it has been read (:mod:`.native_reader`). Its own HTML pages load scripts
from the network, which is why none of them is shown.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from pmat_nb.engine.leaks.sites import Place, Sites, is_machinery
from pmat_nb.engine.profile.building import MOST_SITES
from pmat_nb.engine.profile.records import SiteUse
from pmat_nb.errors import UnavailableError, UsageError

__all__ = [
    "NO_PYTHON",
    "SMALL_OBJECTS",
    "Life",
    "NativeCapture",
    "NativeState",
    "NativeUse",
    "check_available",
    "site_uses",
]

# Where the stack has no Python frame: a thread that C code started.
NO_PYTHON: Place = ("", 0)
# Blocks that Python's own allocator cuts up: whose line asked for one is chance.
SMALL_OBJECTS: Place = ("", -1)
_NAMES = {NO_PYTHON: "threads of C code", SMALL_OBJECTS: "Python's small objects"}
_READER = Path(__file__).with_name("native_reader.py")
_PATIENCE_S = 180


class NativeUse(NamedTuple):
    """Bytes of one line; ``reserved_bytes`` of them were mapped and need not be in memory."""

    place: Place
    bytes: int
    blocks: int
    reserved_bytes: int
    functions: str


class NativeState(NamedTuple):
    """All that was alive at one moment: its sum, and the largest by line."""

    total_bytes: int
    uses: list[NativeUse]


_NONE = NativeUse(NO_PYTHON, 0, 0, 0, "")


class Life(NamedTuple):
    """Blocks of one line that were allocated by one moment (``time.time()``) and freed by
    another: ``born_s`` is None after the last moment known, ``died_s`` where they live on.
    """

    place: Place
    functions: str
    born_s: float | None
    died_s: float | None
    bytes: int
    blocks: int


def check_available(called: str) -> None:
    """Whether memray is there and free.

    Raises:
        UsageError: it is not installed, or is tracking already.
    """
    capture = NativeCapture(called=called)
    try:
        capture.start()
    finally:
        capture.close()


class NativeCapture:
    """``start``, then ``stop``, then read; ``close`` removes the file, always.

    ``lives`` keeps every allocation apart, which the file pays for: without it only the
    state at the peak and at the end is known. ``interval_s`` is the resolution in time.
    """

    def __init__(
        self, *, called: str = "--native", lives: bool = False, interval_s: float = 0.01
    ) -> None:
        self._called = called
        self._lives = lives
        self._interval_ms = max(1, round(interval_s * 1000))
        self._folder: Path | None = None
        self._tracker: Any = None

    @property
    def _path(self) -> Path:
        assert self._folder is not None
        return self._folder / "allocations"

    def start(self) -> None:
        """Record from here on.

        Raises:
            UsageError: memray is not installed, or is tracking already.
        """
        try:
            import memray
        except ImportError:
            raise UsageError(
                f"{self._called}: memray is not installed; pip install 'pmat_nb[native]'"
            ) from None
        forms = memray.FileFormat
        # Nobody else may enter the folder.
        self._folder = Path(tempfile.mkdtemp(prefix="pmat_nb-"))
        try:
            tracker = memray.Tracker(
                destination=memray.FileDestination(self._path, compress_on_exit=False),
                native_traces=True,
                follow_fork=False,
                memory_interval_ms=self._interval_ms,
                file_format=forms.ALL_ALLOCATIONS if self._lives else forms.AGGREGATED_ALLOCATIONS,
            )
            self._path.chmod(0o600)
            tracker.__enter__()
        except RuntimeError:
            self.close()
            raise UsageError(
                f"{self._called}: memray is tracking this process already, and can do so only "
                "once; end that first"
            ) from None
        self._tracker = tracker

    def stop(self) -> None:
        """Stop recording; stopping twice is fine."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            tracker.__exit__(None, None, None)

    def close(self) -> None:
        """Stop, and remove the file."""
        self.stop()
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def states(self, sites: Sites) -> tuple[NativeState, NativeState]:
        """What was alive at the peak, and what at the end.

        Raises:
            UnavailableError: what was recorded cannot be read.
        """
        found = self._read("states")
        peak, kept = (
            NativeState(found[name]["total"], _uses(found[name]["rows"], sites))
            for name in ("peak", "kept")
        )
        return peak, kept

    def lives(self, sites: Sites) -> list[Life]:
        """Births and deaths, for a capture with ``lives``.

        Raises:
            UnavailableError: what was recorded cannot be read.
        """
        found = []
        for _, frames, functions, spans in self._read("lives")["rows"]:
            place = _place(frames, sites)
            if place is not None:
                found += [Life(place, functions, *span) for span in spans]
        return found

    def _read(self, what: str) -> dict[str, Any]:
        command = [sys.executable, "-I", str(_READER), str(self._path), what, *sys.path]
        try:
            run = subprocess.run(command, capture_output=True, timeout=_PATIENCE_S, check=True)
        except (OSError, subprocess.SubprocessError) as problem:
            said = getattr(problem, "stderr", None) or b""
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise UnavailableError(
                f"what memray recorded cannot be read: {last or type(problem).__name__}"
            ) from None
        found: dict[str, Any] = json.loads(run.stdout)
        return found


def site_uses(
    at_peak: Iterable[NativeUse], kept: Iterable[NativeUse], sites: Sites
) -> tuple[SiteUse, ...]:
    """A row for each line that held anything at the peak or at the end, largest first."""
    peaks = {use.place: use for use in at_peak}
    left = {use.place: use for use in kept}
    rows = [
        _site_use(place, peaks.get(place, _NONE), left.get(place, _NONE), sites)
        for place in peaks.keys() | left.keys()
    ]
    rows.sort(key=lambda row: -max(row.peak_bytes, row.kept_bytes))
    return tuple(rows[:MOST_SITES])


def _site_use(place: Place, peak: NativeUse, kept: NativeUse, sites: Sites) -> SiteUse:
    site = sites.site(place)
    return SiteUse(
        site=_NAMES.get(place, site.name),
        filename=site.filename,
        lineno=site.lineno,
        source=site.source,
        function=site.function,
        peak_bytes=peak.bytes,
        peak_blocks=peak.blocks,
        kept_bytes=kept.bytes,
        kept_blocks=kept.blocks,
        temporary_bytes=max(0, peak.bytes - kept.bytes),
        native=peak.functions or kept.functions,
        reserved_bytes=peak.reserved_bytes,
    )


def _uses(rows: Iterable[Any], sites: Sites) -> list[NativeUse]:
    sums: defaultdict[Place, list[int]] = defaultdict(lambda: [0, 0, 0])
    functions: defaultdict[Place, Counter[str]] = defaultdict(Counter)
    for size, blocks, mapped, frames, named in rows:
        place = SMALL_OBJECTS if frames is None else _place(frames, sites)
        if place is None:
            continue
        found = sums[place]
        found[0], found[1], found[2] = found[0] + size, found[1] + blocks, found[2] + mapped
        if named and place != SMALL_OBJECTS:
            functions[place][named] += size
    return [
        NativeUse(place, size, blocks, mapped, _commonest(functions.get(place)))
        for place, (size, blocks, mapped) in sums.items()
    ]


def _place(listed: Iterable[tuple[str, int]], sites: Sites) -> Place | None:
    """The nearest line of the user's; None for what is ours or the kernel's own doing."""
    frames = tuple((str(filename), int(line)) for filename, line in listed)
    if not frames:
        return NO_PYTHON
    place = sites.place(frames)
    users = place is not None and sites.is_user(place[0])
    return place if users or not is_machinery(frames) else None


def _commonest(found: Counter[str] | None) -> str:
    return found.most_common(1)[0][0] if found else ""
