"""The contract of a finder: it looks at one kind of waste, and proves what it recommends.

What every finder keeps to, and the conformance suite checks:

1. ``find`` changes nothing: no name, no value, no column, no import, nothing displayed.
2. It proves before it says: the change was tried on the real data, or on a sample that
   ``basis`` states, and values, nulls and order compared equal (or, for ``lossy``, the error
   is stated in ``why``).
3. An advice keeps no object of the user's: it names where things are, and ``check`` looks
   there again. What is not as it was found is not applied.
4. ``action`` and ``undo`` are whole statements that run in the user's namespace and leave
   no name of ours there.
5. It looks at the clock: past ``scene.out_of_time`` it stops, and what it has is yielded.
6. It may fail: who asks reports it once and goes on without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pmat_nb.engine.recommendation_records import Risk
from pmat_nb.engine.records import CellRecord
from pmat_nb.engine.stats_records import PoolRecord, StatsRecord, VariableSize

if TYPE_CHECKING:
    from pmat_nb.engine.pools.advice import Budget, Tuning
    from pmat_nb.engine.pools.entry import CacheInfo
    from pmat_nb.engine.pressure_records import Collection, GcAdvice

__all__ = ["About", "Advice", "Cell", "Finder", "Scene", "Tools"]

# (variable, label of a column; None: all of it)
About = tuple[tuple[str, str | int | None], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that has run: its number, its source as typed, and its last run's cost.

    ``record`` is None where it ran before the extension was loaded.
    """

    number: int
    source: str
    record: CellRecord | None


@dataclass(frozen=True, slots=True)
class Tools:
    """What our own parts know: asked for when a finder looks, and again when it checks.

    ``caches`` are ours by address. ``collections`` are our last full ones, ``interval_s``
    how often they are wanted (None: never). ``gc_advice`` takes a few collections' time.
    """

    budgets: Callable[[], Sequence[Budget]]
    tunings: Callable[[], Sequence[Tuning]]
    caches: Callable[[], Sequence[tuple[str, CacheInfo]]]
    collections: Callable[[], Sequence[Collection]]
    interval_s: Callable[[], float | None]
    gc_advice: Callable[[], Sequence[GcAdvice]]


def _untold(text: str) -> None:
    """Nobody is there to be told."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All that finders may look at. ``cells`` are in the order of running, oldest first.

    ``sizes`` are the largest variables by name, as just sized; ``shell`` has ``user_ns``.
    ``tell`` takes a line for the end of the list: what was not looked at, and why.
    """

    shell: Any
    stats: StatsRecord
    sizes: Mapping[str, VariableSize]
    cells: Sequence[Cell]
    lossy: bool
    out_of_time: Callable[[], bool]
    pools: Sequence[PoolRecord] = field(default=())
    tools: Tools | None = None
    tell: Callable[[str], None] = _untold

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's names."""
        found: dict[str, Any] = self.shell.user_ns
        return found


@dataclass(frozen=True, slots=True)
class Advice:
    """A recommendation before it has its number; fields as in ``Recommendation``.

    ``check`` proves it again just before it is applied: it returns why it does not hold
    any more, or an empty text. ``about`` is the user's data that would take less: savings of
    two advices about the same data cannot both be had.
    """

    kind: str
    what: str
    why: str
    action: str
    estimated_bytes: int | None
    basis: str
    risk: Risk
    where: str
    check: Callable[[], str]
    applies: bool = True
    undo: str = ""
    undo_note: str = ""
    about: About = ()


class Finder(Protocol):
    """Finds one kind of waste."""

    @property
    def name(self) -> str:
        """What it looks for, in words; unique among the finders."""

    def find(self, scene: Scene) -> Iterable[Advice]:
        """What it recommends, proven; in any order."""
