"""The frozen records of pressure: samples, collections, responses, and what is shown of them.

Apart from the other records because nothing of this is needed while the extension loads.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from .pressure import Headroom, Threshold
from .records import GcState, Level, Limit, Pressure
from .responses.plan import PlannedStep

__all__ = [
    "Collection",
    "GcAdvice",
    "LevelPlan",
    "PressureRecord",
    "PressureSample",
    "ResponseRun",
    "StepRun",
    "Trend",
]


class PressureSample(NamedTuple):
    """Pressure at one moment (``time.time()``); None where unknown. ``psi`` is in percent."""

    at: float
    fraction: float | None
    level: Level | None
    tree_bytes: int | None
    kernel: float | None
    container: float | None
    host: float | None
    pools: float | None
    psi: float | None


class Trend(NamedTuple):
    """Change of ``tree_bytes`` over the last ``span_s`` seconds, with its 95% bounds.

    ``steady``: the bounds do not exclude that it does not change at all.
    """

    bytes_per_s: float
    low: float
    high: float
    span_s: float
    steady: bool


class Collection(NamedTuple):
    """One full garbage collection of ours: when, how long, and what it freed.

    ``objects`` were unreachable; ``freed_bytes`` is RSS before less RSS after. ``reason``
    is ``interval`` or ``pressure``.
    """

    at: float
    duration_s: float
    objects: int
    freed_bytes: int | None
    reason: str
    beside_a_cell: bool = False


class GcAdvice(NamedTuple):
    """A change that was measured to make full collections cheaper.

    ``collection_s`` is a full collection with the present heap, ``after_s`` the same with
    the change; ``share`` is the part of the cells' time that automatic ones take.
    """

    text: str
    collection_s: float
    after_s: float | None
    share: float


class StepRun(NamedTuple):
    """One step of a response and what came of it.

    ``state``: ``done``, ``shown`` (not carried out), ``failed`` or ``left out``. Bytes
    are what was expected, and RSS before less RSS after.
    """

    action: str
    what: str
    state: Literal["done", "shown", "failed", "left out"]
    estimated_bytes: int | None = None
    freed_bytes: int | None = None
    duration_s: float | None = None
    note: str = ""


class ResponseRun(NamedTuple):
    """The responses of one level, as they were carried out (or shown)."""

    at: float
    level: Level
    simulated: bool
    steps: tuple[StepRun, ...]
    freed_bytes: int | None
    beside_a_cell: bool = False


class LevelPlan(NamedTuple):
    """What happens at a level; ``source`` is who configured it."""

    level: Level
    enter: float
    steps: tuple[PlannedStep, ...]
    source: str


class PressureRecord(NamedTuple):
    """Pressure now, where it goes, and what is done about it.

    ``simulated`` is the level that was asked for instead of the measured one, whose
    responses are then ``asked``. ``runs`` and ``collections`` are the latest, oldest first.
    """

    at: float
    pressure: Pressure
    tree_bytes: int | None
    limit: Limit | None
    bounds: tuple[Threshold, ...]
    headroom: Headroom | None
    trend: Trend | None
    auto_respond: bool
    exit_kernel: bool
    plans: tuple[LevelPlan, ...]
    runs: tuple[ResponseRun, ...]
    gc: GcState
    collections: tuple[Collection, ...]
    samples: tuple[PressureSample, ...]
    gc_share: float | None = None
    simulated: Level | None = None
    asked: ResponseRun | None = None
    waits_s: float | None = None
    notes: tuple[str, ...] = ()
    gc_advice: tuple[GcAdvice, ...] = ()
