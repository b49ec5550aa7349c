"""The frozen records of leak detection: readings, growth, evidence, and the report's rows.

Bytes are ``int`` where read and ``float`` where they are per iteration. None is "unknown
here". ``LeakRow`` has exactly the columns of ``LeakReport.to_frame()``.
"""

# No annotations from __future__: named tuples would compile the text of each one again.
from typing import Literal, NamedTuple

__all__ = [
    "COLUMNS",
    "Evidence",
    "Explanation",
    "Growth",
    "GrowthKind",
    "Judgement",
    "LeakRow",
    "Reading",
    "RowDetail",
    "SiteGrowth",
    "TracedFrame",
    "Verdict",
]

GrowthKind = Literal[
    "constant", "decelerating", "stepping", "saw-tooth", "bounded", "none", "unknown"
]
Verdict = Literal["leak", "kept", "warm-up", "bounded", "noise", "undecided"]


class Reading(NamedTuple):
    """The counters at one moment.

    ``heap_bytes`` are in use in the C heap, ``small_bytes`` in Python's own allocator,
    ``blocks`` are its blocks, ``gc_counts`` the collector's counts by generation and
    ``pools`` bytes in use in pools of libraries by name, which may be part of the heap.
    ``anonymous_bytes`` are resident and of no file.
    """

    rss_bytes: int | None
    heap_bytes: int | None
    small_bytes: int | None
    blocks: int | None
    gc_counts: tuple[int, ...] = ()
    pools: tuple[tuple[str, int], ...] = ()
    anonymous_bytes: int | None = None

    @property
    def retained_bytes(self) -> int | None:
        """Bytes allocated in the C heap and by Python; RSS where neither is known."""
        known = [b for b in (self.heap_bytes, self.small_bytes) if b is not None]
        return sum(known) if known else self.rss_bytes


class Growth(NamedTuple):
    """How a series goes on. ``low`` and ``high`` bound ``per_iteration`` at 95%.

    ``late`` and ``early`` are the rates in the last and the first half of the series,
    ``jitter`` its median distance from a smooth course. ``settled_at`` is the iteration
    from which it is flat, None where it never is; ``range`` is its highest less its lowest.
    """

    kind: GrowthKind
    per_iteration: float
    low: float
    high: float
    early: float
    late: float
    jitter: float
    points: int
    settled_at: int | None = None
    range: float = 0.0


class Judgement(NamedTuple):
    """A verdict, how sure it is (0..1), and for ``undecided`` how many more runs may tell."""

    verdict: Verdict
    confidence: float
    more_iterations: int | None = None
    reason: str = ""


class SiteGrowth(NamedTuple):
    """What one site kept in one traced window.

    ``first`` and ``last`` are (bytes, blocks) alive after the first and after the last of
    its ``iterations``, all of them allocated in the window; ``start`` is the number of the
    window's first iteration.
    """

    start: int
    iterations: int
    first: tuple[int, int]
    last: tuple[int, int]

    @property
    def bytes_per_iteration(self) -> float:
        """Growth between the window's first and last iteration."""
        return (self.last[0] - self.first[0]) / max(1, self.iterations - 1)

    @property
    def blocks_per_iteration(self) -> float:
        """The same in blocks."""
        return (self.last[1] - self.first[1]) / max(1, self.iterations - 1)


class Evidence(NamedTuple):
    """All that is known of one site when it is judged.

    ``windows`` are what it kept in each traced window, zero where it kept nothing there.
    ``lengths`` are (iteration, length) of the container that grew by it, from before the
    first window on; ``alive`` of ``sampled`` objects were still alive ``age`` iterations
    later. ``total`` is the course of the whole process. ``bound`` is the most that what
    holds it can hold, by its own type; ``kept_by`` the user's variable that holds it by
    design. It grew on every ``period``-th iteration alone.
    """

    windows: tuple[SiteGrowth, ...]
    iterations: int
    lengths: tuple[tuple[int, int], ...] = ()
    alive: int = 0
    sampled: int = 0
    age: int = 0
    total: Growth | None = None
    bound: int | None = None
    kept_by: str = ""
    period: int = 1


class Explanation(NamedTuple):
    """What retains the objects of one site, in words.

    ``library`` names the counter (``Arrow``, ``C heap``) that shows what the objects hold
    out of tracemalloc's sight; ``bound`` and ``kept_by`` as in :class:`Evidence`.
    """

    type_name: str = ""
    retained_by: str = ""
    recommendation: str = ""
    kept_by: str = ""
    bound: int | None = None
    library: str = ""


class LeakRow(NamedTuple):
    """One line of a report: a site, what it keeps per iteration, and why."""

    site: str
    filename: str
    lineno: int
    source: str
    function: str
    kind: Literal["python", "native"]
    verdict: Verdict
    confidence: float
    bytes_per_iteration: float
    retained_bytes: int
    retained_blocks: int
    iterations: int
    retained_by: str
    recommendation: str


class TracedFrame(NamedTuple):
    """A line on the way to an allocation; ``is_user`` where it is the user's own code."""

    site: str
    function: str
    source: str
    is_user: bool


class RowDetail(NamedTuple):
    """What is known of a row beside its columns.

    ``traceback`` is innermost first and empty where the site itself is all of it;
    ``growth`` the course of what grew; ``spread`` half the distance between the windows'
    bytes per iteration, None for a single one; ``settled_at`` the iteration after which it
    grew no more; ``more_iterations`` how many might decide what is undecided; ``kept_by``
    the user's variable that holds it by design.
    """

    traceback: tuple[TracedFrame, ...] = ()
    growth: GrowthKind = "unknown"
    spread: float | None = None
    settled_at: int | None = None
    more_iterations: int | None = None
    kept_by: str = ""


COLUMNS = LeakRow._fields
