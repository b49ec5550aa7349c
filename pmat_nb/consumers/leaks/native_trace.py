"""Which lines keep memory of C code, run after run: a window of iterations under memray.

A block counts where it was allocated in one iteration and is alive two iterations later, as
the last result of a run is not. Blocks of Python's own allocator are left out; of the others
what the tracker has already, by line, is taken off. memray sees calls between libraries:
none of functions that were looked up at run time (``ctypes.CDLL(None).malloc``).
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pmat_nb.consumers.native import NO_PYTHON, Life, NativeCapture
from pmat_nb.engine.leaks.evidence import FLOOR_BYTES
from pmat_nb.engine.leaks.records import LeakRow, RowDetail
from pmat_nb.engine.leaks.report import LeakRecord
from pmat_nb.engine.leaks.sites import Place, Sites

__all__ = ["ITERATIONS", "LEAST_ITERATIONS", "NativeGrowth", "NativeTrace", "growing", "with_lines"]

# Runs under memray; fewer than the least tell nothing.
ITERATIONS, LEAST_ITERATIONS = 8, 5
# Iterations at the start (caches) and at the end (last results) that are not judged.
_HEAD, _TAIL = 1, 2
# The share of judged iterations in which a line kept something.
_OFTEN = 0.5
# Two measurements of one growth agree to this share.
_SAME = 0.25
_INTERVAL_S = 0.002
_MOST_ROWS = 10
_NOT_SEEN = "memray saw no line for the most of it: it was taken by ways that it does not watch"


class NativeGrowth(NamedTuple):
    """What one line keeps per iteration; ``functions`` are those of C that allocated."""

    place: Place
    functions: str
    bytes_per_iteration: float
    blocks_per_iteration: float


class NativeTrace:
    """``start``, ``mark`` after each iteration, ``finish``; ``close`` in any case."""

    def __init__(
        self, sites: Sites, *, called: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._sites = sites
        self._clock = clock
        self._capture = NativeCapture(called=called, lives=True, interval_s=_INTERVAL_S)
        self.marks: list[float] = []

    def start(self) -> None:
        """The first iteration begins.

        Raises:
            UsageError: memray is not installed, or is tracking already.
        """
        self._capture.start()

    def mark(self) -> None:
        """An iteration is over. memray dates by moments some ms apart: one lies in between."""
        time.sleep(3 * _INTERVAL_S)
        self.marks.append(self._clock())
        time.sleep(3 * _INTERVAL_S)

    def finish(self) -> list[NativeGrowth]:
        """What grew, the most first.

        Raises:
            UnavailableError: what memray recorded cannot be read.
        """
        self._capture.stop()
        if len(self.marks) < LEAST_ITERATIONS:
            return []
        return growing(self._capture.lives(self._sites), self.marks)

    def close(self) -> None:
        """Stop, and remove what was recorded; closing twice is fine."""
        self._capture.close()


def growing(lives: Iterable[Life], marks: Sequence[float]) -> list[NativeGrowth]:
    """Lines that kept something in most iterations; ``marks`` are their ends."""
    judged = range(_HEAD, len(marks) - _TAIL)
    sizes: defaultdict[Place, Counter[int]] = defaultdict(Counter)
    blocks: Counter[Place] = Counter()
    functions: defaultdict[Place, Counter[str]] = defaultdict(Counter)
    for life in lives:
        if life.born_s is None:
            continue
        iteration = bisect_left(marks, life.born_s)
        if iteration not in judged or not _outlives(life, marks, iteration):
            continue
        sizes[life.place][iteration] += life.bytes
        blocks[life.place] += life.blocks
        functions[life.place][life.functions] += life.bytes
    found = [
        NativeGrowth(
            place,
            functions[place].most_common(1)[0][0],
            sum(by_iteration.values()) / len(judged),
            blocks[place] / len(judged),
        )
        for place, by_iteration in sizes.items()
        if len(by_iteration) >= _OFTEN * len(judged)
    ]
    return sorted(found, key=lambda growth: -growth.bytes_per_iteration)


def _outlives(life: Life, marks: Sequence[float], iteration: int) -> bool:
    """Whether it is alive when two further iterations have ended."""
    return life.died_s is None or life.died_s > marks[iteration + _TAIL]


def with_lines(record: LeakRecord, found: Iterable[NativeGrowth], sites: Sites) -> LeakRecord:
    """The record with a row for each line whose native growth is not in it yet.

    A row without a line gives them its verdict and goes, if they account for most of it;
    where the counters did not judge, the lines are ``undecided``.
    """
    told: Counter[Place] = Counter()
    for row in record.rows:
        if row.lineno:
            told[row.filename, row.lineno] += round(row.bytes_per_iteration)
    rest = []
    for growth in found:
        known = told[growth.place]
        more = growth.bytes_per_iteration - known
        if more > FLOOR_BYTES + _SAME * known:
            rest.append(growth._replace(bytes_per_iteration=more))
    rest = rest[:_MOST_ROWS]
    summary = next((r for r in record.rows if r.kind == "native" and not r.lineno), None)
    rows = [_row(record, growth, sites, summary) for growth in rest]
    covered = sum(row.bytes_per_iteration for row in rows)
    replaced = summary is not None and rows and covered >= 0.5 * summary.bytes_per_iteration
    listed: list[tuple[LeakRow, RowDetail]] = []
    details = [*record.details, *(RowDetail() for _ in record.rows[len(record.details) :])]
    for row, detail in zip(record.rows, details, strict=True):
        if row is not summary:
            listed.append((row, detail))
        elif not replaced:
            listed.append((row._replace(recommendation=_NOT_SEEN), detail))
        if row is summary:
            listed += [(one, detail) for one in rows]
    if summary is None:
        listed += [(one, RowDetail()) for one in rows]
    return record._replace(
        rows=tuple(row for row, _ in listed), details=tuple(detail for _, detail in listed)
    )


def _row(
    record: LeakRecord, growth: NativeGrowth, sites: Sites, summary: LeakRow | None
) -> LeakRow:
    site = sites.site(growth.place)
    return LeakRow(
        site="threads of C code" if growth.place == NO_PYTHON else site.name,
        filename=site.filename,
        lineno=site.lineno,
        source=site.source,
        function=site.function,
        kind="native",
        verdict="undecided" if summary is None else summary.verdict,
        confidence=0.5 if summary is None else summary.confidence,
        bytes_per_iteration=growth.bytes_per_iteration,
        retained_bytes=round(growth.bytes_per_iteration * record.iterations),
        retained_blocks=round(growth.blocks_per_iteration * record.iterations),
        iterations=record.iterations,
        retained_by=f"C code: {growth.functions}" if growth.functions else "C code",
        recommendation="free what this line has C code allocate, or let go of what owns it",
    )
