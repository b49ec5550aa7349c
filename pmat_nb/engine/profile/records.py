"""The frozen records of a profile. Bytes are ``int``, seconds ``float``, None is unknown."""

# No annotations from __future__: named tuples would compile the text of each one again.
from typing import Literal, NamedTuple

from pmat_nb.engine.records import PeakKind

__all__ = ["Engine", "LineGrowth", "Place", "Point", "ProfileRecord", "SiteUse", "Spot"]

Engine = Literal["tracemalloc", "memray"]
# File name and line number.
Place = tuple[str, int]


class Spot(NamedTuple):
    """Where blocks were allocated: the user's line, and the library's below it if it was there.

    Where no line of the user's is known the library's line stands alone.
    """

    filename: str
    lineno: int
    within: Place | None = None


class Point(NamedTuple):
    """A sample. ``line`` is the line of the profiled code that ran: ``In[3]:2``, or empty."""

    at_s: float
    rss_bytes: int | None
    traced_bytes: int | None
    line: str


class LineGrowth(NamedTuple):
    """Growth between samples, given to the line that ran at the later one: an estimate."""

    site: str
    filename: str
    lineno: int
    source: str
    rss_growth_bytes: int
    traced_growth_bytes: int
    duration_s: float


class SiteUse(NamedTuple):
    """What a line had allocated that was alive at the peak, and at the end.

    ``peak_bytes`` are those of the snapshot nearest to the peak, ``kept_bytes`` those that
    were alive after the code had run and garbage was collected; ``temporary_bytes`` is what
    had gone. ``native`` names C functions (memray only); ``reserved_bytes`` is the part of
    ``peak_bytes`` that was mapped, which need not be in memory; None where not told apart.
    ``estimated_bytes`` are those, at the peak or at the end, that samples of the stack gave
    to this line, and no traceback.
    """

    site: str
    filename: str
    lineno: int
    source: str
    function: str
    peak_bytes: int
    peak_blocks: int
    kept_bytes: int
    kept_blocks: int
    temporary_bytes: int
    within: str = ""
    called_from: str = ""
    native: str = ""
    reserved_bytes: int | None = None
    estimated_bytes: int = 0


class ProfileRecord(NamedTuple):
    """One profiled run.

    ``peak_bytes`` is resident memory at its highest, ``exact`` or ``sampled``; it includes
    ``tracer_bytes``, the most that tracing held for itself. ``peak_from_s`` and ``peak_to_s`` bound
    the moment of the peak, ``peak_line`` is where it was.

    ``traced_peak_bytes`` is the highest sum of traced blocks, ``sites_bytes`` the sum at the
    snapshot that ``sites`` come from; both None where nothing was traced. ``kept_bytes``
    are traced blocks alive at the end. ``outside_bytes`` is growth of resident memory that
    neither traced blocks nor the tracer account for, as a lower bound.

    ``unseen`` is what came between that snapshot and the highest sample, by the line that
    ran meanwhile: (site, bytes), an estimate.

    ``longest_gap_s`` is the longest time between samples: a peak inside it is known by its
    height alone.
    """

    label: str
    first_line: str
    engine: Engine
    duration_s: float
    interval_s: float
    rss_before_bytes: int | None
    rss_after_bytes: int | None
    peak_bytes: int | None
    peak_kind: PeakKind | None
    peak_from_s: float | None
    peak_to_s: float | None
    peak_line: str
    tracer_bytes: int | None
    traced_peak_bytes: int | None
    sites_bytes: int | None
    kept_bytes: int | None
    outside_bytes: int | None
    samples: int
    longest_gap_s: float
    points: tuple[Point, ...]
    lines: tuple[LineGrowth, ...]
    sites: tuple[SiteUse, ...]
    unseen: tuple[tuple[str, int], ...] = ()
    failed: bool = False
    notes: tuple[str, ...] = ()
