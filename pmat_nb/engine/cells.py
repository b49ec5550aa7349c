"""What each cell costs: time, resident memory before and after, and its peak.

A :class:`CellMeter` is told when cells begin and end; it knows nothing of IPython.
Several cells may be open at once (``run_cell`` inside a cell, a cell on a subshell
thread). There is one high-water mark per process, so every reset of it first folds
the mark into all open cells: an outer cell's peak is never lost to an inner one, and
cells that really overlap share their peaks.

It does not say what a cell's memory is made of; that is attribution's work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from .records import CellRecord, PeakKind

__all__ = ["CellMeter", "OpenCell", "first_line_of"]

_FIRST_LINE_LENGTH = 120
# The most that work of ours may be of what a cell took and still be left in its peak: known as a
# bound only, it is half of that as a rule.
_LITTLE = 0.05


class PeakProbe(Protocol):
    """The part of the probe that a meter needs."""

    def rss_bytes(self) -> int | None:
        """Resident bytes now."""

    def reset_peak(self) -> bool:
        """Reset the high-water mark; False where that is refused."""

    def peak_rss_bytes(self) -> int | None:
        """The high-water mark."""


class OpenCell:
    """A cell that has begun and not ended."""

    __slots__ = (
        "depth",
        "nested",
        "peak_bytes",
        "rss_before_bytes",
        "source",
        "started",
        "started_at",
        "thread",
    )

    def __init__(self, source: str, depth: int) -> None:
        self.source = source
        self.depth = depth
        self.nested = 0
        self.thread = threading.get_ident()
        self.peak_bytes: int | None = None
        self.rss_before_bytes: int | None = None
        self.started = 0.0
        self.started_at = 0.0


class CellMeter:
    """Opens and closes cells and hands a :class:`CellRecord` to ``on_cell``.

    ``exact_peak`` is asked at each beginning, so that the setting acts at once.
    Where the high-water mark cannot be reset the peak is the highest sample, marked
    ``sampled``; :meth:`sample` is how a background thread adds to it.
    """

    def __init__(
        self,
        probe: PeakProbe,
        on_cell: Callable[[CellRecord, str], None],
        *,
        exact_peak: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.perf_counter,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._probe = probe
        self._on_cell = on_cell
        self._exact_peak = exact_peak
        self._clock = clock
        self._wall = wall
        self._open: list[OpenCell] = []
        self._exact = False

    @property
    def busy(self) -> bool:
        """Whether any cell is open."""
        return bool(self._open)

    @property
    def depth(self) -> int:
        """How many cells are open, one in the other."""
        return len(self._open)

    @property
    def sources(self) -> tuple[str, ...]:
        """Of the cells that are open, the outermost first."""
        return tuple(cell.source for cell in self._open)

    def begin(self, source: str, depth: int = 0) -> OpenCell:
        """Open a cell. ``depth`` is the Python stack's, to tell nested from lost.

        An open cell of this thread that is not below us on the stack never got its
        end (somebody removed the hook): it is closed with its end unknown.
        """
        cell = OpenCell(source, depth)
        self._close_lost(cell)
        rss = self._probe.rss_bytes()
        self._fold_peak(rss)
        for outer in self._open:
            outer.nested += 1
        self._exact = self._exact_peak() and self._probe.reset_peak()
        self._open.append(cell)
        cell.rss_before_bytes = cell.peak_bytes = rss
        cell.started_at = self._wall()
        cell.started = self._clock()
        return cell

    def end(
        self, cell: OpenCell, number: int | None = None, *, failed: bool = False
    ) -> CellRecord | None:
        """Close ``cell``, whose execution count was ``number``; None if it is not open.

        The number comes last because IPython's versions differ in when they count up.
        """
        ended = self._clock()
        if cell not in self._open:
            return None
        rss = self._probe.rss_bytes()
        self._fold_peak(rss)
        self._open.remove(cell)
        return self._finish(cell, number, ended - cell.started, rss, failed)

    def sample(self, rss_bytes: int | None) -> None:
        """Add a background sample to the peaks of the open cells."""
        for cell in tuple(self._open):
            cell.peak_bytes = _highest(cell.peak_bytes, rss_bytes)

    @property
    def innermost(self) -> OpenCell | None:
        """The open cell that began last."""
        return self._open[-1] if self._open else None

    def is_open(self, cell: OpenCell) -> bool:
        """Whether it has begun and not ended."""
        return cell in self._open

    def peak_so_far(self, cell: OpenCell) -> int | None:
        """The highest of an open cell until now; any thread may ask."""
        self._fold_peak(self._probe.rss_bytes())
        return cell.peak_bytes

    @contextmanager
    def aside(self, at_most_bytes: int) -> Iterator[None]:
        """Work of our own within a cell, which takes ``at_most_bytes``: that is no cell's peak.

        A cell may go on meanwhile, in code without the interpreter lock. What it takes is seen
        where it is more than ours; where ours is little beside it, that is left in the peak.
        """
        self._fold_peak(self._probe.rss_bytes())
        try:
            yield
        finally:
            self._leave_out(at_most_bytes)

    def abandon(self) -> None:
        """Forget open cells, as a forked child must."""
        self._open.clear()

    def _leave_out(self, own_bytes: int) -> None:
        """The system's mark may have what was ours; to set it back loses what comes between."""
        cell = self.innermost
        mark = self._probe.peak_rss_bytes() if self._exact else None
        if cell is None or mark is None or mark <= (cell.peak_bytes or 0):
            return
        if own_bytes <= _LITTLE * (mark - (cell.rss_before_bytes or 0)):
            own_bytes = 0
        else:
            self._probe.reset_peak()
        self.sample(mark - own_bytes)

    def _fold_peak(self, rss: int | None) -> None:
        if self._open:
            mark = self._probe.peak_rss_bytes() if self._exact else None
            self.sample(_highest(rss, mark))

    def _close_lost(self, cell: OpenCell) -> None:
        for other in tuple(self._open):
            if other.thread == cell.thread and other.depth >= cell.depth:
                self._open.remove(other)
                self._finish(other, None, self._clock() - other.started, None, False)

    def _finish(
        self,
        cell: OpenCell,
        number: int | None,
        duration_s: float,
        rss_after: int | None,
        failed: bool,
    ) -> CellRecord:
        kind: PeakKind | None = None
        if cell.peak_bytes is not None:
            kind = "exact" if self._exact else "sampled"
        record = CellRecord(
            execution_count=number,
            label="In[-]" if number is None else f"In[{number}]",
            code_hash=_hash(cell.source),
            first_line=first_line_of(cell.source),
            started_at=cell.started_at,
            duration_s=duration_s,
            rss_before_bytes=cell.rss_before_bytes,
            rss_after_bytes=rss_after,
            peak_bytes=cell.peak_bytes,
            peak_kind=kind,
            failed=failed,
            nested=cell.nested,
        )
        self._on_cell(record, cell.source)
        return record


def first_line_of(source: str) -> str:
    """The first line of code, below comments and our cell magics, cut to 120 characters."""
    for line in source.split("\n", 50):
        stripped = line.strip()
        if stripped and not stripped.startswith(("#", "%%pmat_")):
            return stripped[:_FIRST_LINE_LENGTH]
    return source.strip()[:_FIRST_LINE_LENGTH].split("\n", 1)[0]


def _hash(source: str) -> str:
    # Not at the top: it loads OpenSSL, four milliseconds that loading need not pay.
    import hashlib

    return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _highest(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)
