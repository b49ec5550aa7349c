"""The first stage: which cells keep more on every run, from counters read around each run.

Scope: pure bookkeeping over readings that the caller takes; no clock, no probe, nothing of
the user's is held. What a run keeps is the change of a counter while it runs, so growth
in other cells does not count; what is given back before the cell runs again (a name that
another cell rebinds, cycles that the collector finds) is taken off, at most all that the
run kept. The course of the sum is judged as everywhere else (``series``).

It says that a cell is suspect, never where it leaks: that is for the second stage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .records import Growth, Reading

__all__ = [
    "BLOCKS",
    "DEVICES",
    "FLOOR_BYTES",
    "HEAP",
    "RESIDENT",
    "WARMUP_RUNS",
    "CellSeries",
    "CellWatch",
    "Suspect",
    "suspicion",
]

HEAP, BLOCKS, RESIDENT = "C heap", "Python objects", "resident size"
DEVICES = ("torch cuda", "cupy")
# Runs whose growth is not counted: imports, first fills of caches.
WARMUP_RUNS = 2
# Bytes a run below which nobody is told: IPython itself keeps a few kilobytes of each
# (history, source, printed text).
FLOOR_BYTES = 16 * 1024
# The same of the resident size, which moves by whole arenas.
_RESIDENT_FLOOR_BYTES = 512 * 1024
# Reached by 7 points of constant growth, 12 of growth in steps.
_SUSPICIOUS = 0.65
_LEAST_POINTS = 7
_MOST_CELLS = 200
_MOST_POINTS = 100
# Bytes of one of Python's blocks until a run was measured exactly.
_BLOCK_BYTES = 64.0


class Suspect(NamedTuple):
    """A cell (or loop) that keeps more on each run, as its counters tell.

    ``runs`` is how often it ran, ``counted`` on how many of them it grew by what is said;
    ``bytes_per_run`` with ``low`` and ``high`` (95%) are estimated from counters and of the
    host alone, ``device_bytes_per_run`` beside them. ``since`` is the cell's label and
    ``since_at`` the time (epoch) of the first run that counts. ``state`` is ``suspect``,
    ``kept`` (its own variables, named by ``kept_by``, grow by as much), ``garbage`` (the
    collector gave it back) or ``unchecked``, before its next run tells them apart.
    """

    cell: str
    first_line: str
    code_hash: str
    runs: int
    counted: int
    bytes_per_run: int
    low_bytes_per_run: int
    high_bytes_per_run: int
    device_bytes_per_run: int
    kind: str
    counter: str
    confidence: float
    since: str
    since_at: float
    state: str = "unchecked"
    kept_by: str = ""


class _Course:
    """One counter of one cell: (run that was read, what such runs have kept by then)."""

    __slots__ = ("_end", "_gain", "_total", "points")

    def __init__(self) -> None:
        self.points: list[tuple[int, int]] = []
        self._total = 0
        self._gain = 0
        self._end: int | None = None

    @property
    def rise(self) -> int:
        """What it grew by over all its points."""
        return self.points[-1][1] - self.points[0][1] if self.points else 0

    def begins(self, level: int) -> None:
        """Take off what was given back since the last run, up to all that that one kept."""
        if self._end is None or not self.points:
            return
        back = min(max(0, self._end - level), self._gain)
        if back:
            self._total -= back
            self.points[-1] = (self.points[-1][0], self._total)

    def ends(self, run: int, before: int, level: int) -> None:
        """A run has ended; the first that comes here is where counting starts."""
        if self.points:
            self._total += level - before
        self._gain = max(0, level - before)
        self._end = level
        self.points.append((run, self._total))
        if len(self.points) > _MOST_POINTS:
            # The newest stays: what is given back is taken off it.
            del self.points[1:-1:2]


class CellSeries:
    """What is known of one cell, by its code."""

    __slots__ = (
        "_next_look",
        "_read",
        "block_bytes",
        "code_hash",
        "courses",
        "first_line",
        "kept_by",
        "label",
        "runs",
        "since",
        "since_at",
        "state",
    )

    def __init__(self) -> None:
        self.courses: dict[str, _Course] = {}
        self.runs = 1
        self.label = self.code_hash = self.first_line = self.since = self.kept_by = ""
        self.since_at = 0.0
        self.state = "unchecked"
        self.block_bytes = _BLOCK_BYTES
        self._next_look = _LEAST_POINTS
        self._read = 0

    def begins(self, before: Reading) -> None:
        """It runs again."""
        for name, level in _levels(before):
            if (course := self.courses.get(name)) is not None:
                course.begins(level)

    def ends(self, before: Reading, after: Reading, label: str, at: float) -> None:
        """That run is over; figures that either reading lacks are left out of it."""
        self.runs += 1
        self.label = label
        if self.runs < WARMUP_RUNS:
            return
        self._read += 1
        if self._read == 2:
            self.since, self.since_at = label, at
        starts = dict(_levels(before))
        for name, level in _levels(after):
            if name in starts:
                course = self.courses.setdefault(name, _Course())
                course.ends(self._read, starts[name], level)

    @property
    def counted(self) -> int:
        """Runs after the warm-up that were read."""
        return max(0, self._read - 1)

    def passes(self) -> None:
        """It runs again, unread."""
        self.runs += 1

    @property
    def due(self) -> bool:
        """Whether its course is worth judging: it grew, and it ran often enough since."""
        return any(
            len(course.points) >= self._next_look
            and course.rise * self.scale(name) > FLOOR_BYTES * (len(course.points) - 1)
            for name, course in self.courses.items()
            if name != RESIDENT
        ) or (
            # Whether the resident size counts is the judge's to say.
            RESIDENT in self.courses
            and len(self.courses[RESIDENT].points) >= self._next_look
            and self.courses[RESIDENT].rise > _RESIDENT_FLOOR_BYTES * self._next_look
        )

    def looked(self, *, trial: bool = False) -> None:
        """It was judged: the next time after a quarter more runs, twice as many after a trial."""
        points = max((len(course.points) for course in self.courses.values()), default=0)
        self._next_look = max(points + 1, 2 * points if trial else points * 5 // 4)
        if points * 2 > _MOST_POINTS:
            self._next_look = min(self._next_look, _MOST_POINTS)

    def scale(self, name: str) -> float:
        """Bytes of one unit of a counter."""
        return self.block_bytes if name == BLOCKS else 1.0


class CellWatch:
    """The series of the cells that ran last, by a key of the caller's for their code."""

    def __init__(self, most: int = _MOST_CELLS) -> None:
        self._cells: dict[int, CellSeries] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[CellSeries]:
        return iter(tuple(self._cells.values()))

    def again(self, key: int) -> CellSeries:
        """The series of code that runs once more, now the newest; the oldest goes."""
        cell = self._cells.pop(key, None) or CellSeries()
        self._cells[key] = cell
        if len(self._cells) > self._most:
            del self._cells[next(iter(self._cells))]
        return cell


def suspicion(
    cell: CellSeries, *, within_heap: Collection[str] = (), resident: bool = False
) -> Suspect | None:
    """The cell as a suspect if its counters go on growing by now, else None.

    ``within_heap`` names pools whose bytes are in the C heap too; ``resident``: count the
    resident size where nothing else grows, for libraries whose memory nothing else shows.
    """
    found = {}
    # A log's thread may ask while the cell runs.
    for name, course in tuple(cell.courses.items()):
        if name != RESIDENT and (growth := _going_on(course, cell.scale(name), FLOOR_BYTES)):
            found[name] = growth
    if not found and (resident or HEAP not in cell.courses) and RESIDENT in cell.courses:
        growth = _going_on(cell.courses[RESIDENT], 1.0, _RESIDENT_FLOOR_BYTES)
        if growth is not None:
            found[RESIDENT] = growth
    if not found:
        return None
    return _row(cell, found, within_heap)


def _row(cell: CellSeries, found: dict[str, Growth], within_heap: Collection[str]) -> Suspect:
    from .series import judge

    host = [
        growth
        for name, growth in found.items()
        if name not in DEVICES and not (name in within_heap and HEAP in found)
    ]
    largest = max(found, key=lambda name: found[name].per_iteration)
    return Suspect(
        cell=cell.label,
        first_line=cell.first_line,
        code_hash=cell.code_hash,
        runs=cell.runs,
        counted=cell.counted,
        bytes_per_run=round(sum(growth.per_iteration for growth in host)),
        low_bytes_per_run=round(sum(growth.low for growth in host)),
        high_bytes_per_run=round(sum(growth.high for growth in host)),
        device_bytes_per_run=round(sum(found[n].per_iteration for n in DEVICES if n in found)),
        kind=found[largest].kind,
        counter=largest,
        confidence=round(judge(found[largest]).confidence, 2),
        since=cell.since,
        since_at=cell.since_at,
        state=cell.state,
        kept_by=cell.kept_by,
    )


def _going_on(course: _Course, scale: float, floor: float) -> Growth | None:
    """Its growth where it goes on without end, as far as counters can tell."""
    from .calibration import LIMITS
    from .series import growth_of, judge

    if len(course.points) < _LEAST_POINTS:
        return None
    growth = growth_of([(run, kept * scale) for run, kept in course.points], floor=floor)
    judged = judge(growth)
    if judged.verdict != "leak" or judged.confidence < _SUSPICIOUS:
        return None
    # A cache that is nearly full has many flat runs too.
    slows = growth.late < LIMITS["decelerates"] * growth.early
    return None if slows or growth.per_iteration <= floor else growth


def _levels(reading: Reading) -> list[tuple[str, int]]:
    found = list(reading.pools)
    for name, value in (
        (HEAP, reading.heap_bytes),
        (BLOCKS, reading.blocks),
        (RESIDENT, reading.rss_bytes),
    ):
        if value is not None:
            found.append((name, value))
    return found
