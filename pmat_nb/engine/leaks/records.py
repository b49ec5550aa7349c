"""The frozen records of leak detection: readings, growth, evidence, and the report's rows.

Bytes are ``int`` where read and ``float`` where they are per iteration. None is "unknown
here". ``LeakRow`` has exactly the columns of ``LeakReport.to_frame()``.
"""

# No annotations from __future__: named tuples would compile the text of each one again.
from typing import Literal, NamedTuple

__all__ = [
    "COLUMNS",
    "Finding",
    "Growth",
    "GrowthKind",
    "Judgement",
    "LeakRow",
    "Reading",
    "SiteGrowth",
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
    """

    rss_bytes: int | None
    heap_bytes: int | None
    small_bytes: int | None
    blocks: int | None
    gc_counts: tuple[int, ...] = ()
    pools: tuple[tuple[str, int], ...] = ()

    @property
    def retained_bytes(self) -> int | None:
        """Bytes allocated in the C heap and by Python; RSS where neither is known."""
        known = [b for b in (self.heap_bytes, self.small_bytes) if b is not None]
        return sum(known) if known else self.rss_bytes


class Growth(NamedTuple):
    """How a series goes on. ``low`` and ``high`` bound ``per_iteration`` at 95%.

    ``late`` and ``early`` are the rates in the last and the first half of the series,
    ``jitter`` its median distance from a smooth course. ``settled_at`` is the iteration
    from which it is flat, None where it never is.
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


class Finding(NamedTuple):
    """What is known of the objects that a site kept.

    ``lengths`` are (iteration, length) of the container that holds them; ``bound`` is the
    most it can hold, by its own type; ``alive`` of the ``sampled`` objects were alive
    ``age`` iterations later. ``kept_by`` is the user's variable where it holds them by
    design. ``native_bytes`` is what each iteration's objects hold in pools of libraries.
    """

    type_name: str = ""
    retained_by: str = ""
    kind: str = ""
    kept_by: str = ""
    recommendation: str = ""
    lengths: tuple[tuple[int, int], ...] = ()
    bound: int | None = None
    alive: int = 0
    sampled: int = 0
    age: int = 0
    native_bytes: float = 0.0


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


COLUMNS = LeakRow._fields
