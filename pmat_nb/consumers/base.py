"""The contract of a consumer: one thing that holds memory in a kernel.

A consumer names what it holds and hands out the objects to start sizing from; it
sizes nothing. Sizes are got elsewhere, over all consumers in one walk, so that a
buffer that two of them reach is charged once.

What every consumer keeps to, and the conformance suite checks:

1. ``held()`` never changes what it looks at: no import, no call into the user's
   code, no lock taken for long, no attribute set. Twice in a row it names the same.
2. A library is looked at only if the kernel has loaded it (``sys.modules.get``).
3. Nothing handed out is kept: a consumer holds the shell it reads, never a root.
4. It is cheap: it lists, it does not walk. Walks belong to sizing.
5. It may fail. `Watched` catches that, reports it once and switches it off; the
   user's cell goes on.

A consumer that can give something back also has ``steps``. What each step keeps to:

6. Planning changes nothing; only ``Step.run`` acts, on the main thread between cells.
7. It loses no data: no variable of the user's, nothing that cannot be had again by
   running the same code again, no file that we did not create.
8. It is idempotent: run again, it finds nothing to do and does no harm.
9. It is honest: its estimate is marked as one, what came back is measured outside, and
   what it could not give back it says in words (the return value of ``run``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

__all__ = [
    "Consumer",
    "Held",
    "MeasuresWaste",
    "Reclaims",
    "Step",
    "Waste",
    "Watched",
    "Wish",
]


# No comparison and no repr: both would run those of the roots, which is the user's code.
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Held:
    """One named thing that a consumer holds.

    ``roots`` are the objects to size it from. ``extra_bytes`` come on top of what
    is reachable from them (a table that must not be walked itself). ``address`` is
    how magics target it (``cache:Out``); several may share one address. ``kind``
    says whether ``extra_bytes`` were measured or estimated. With ``contents`` true, what a
    root holds counts here even where the root is a variable: the variable is a cache.
    """

    name: str
    roots: tuple[object, ...]
    detail: str = ""
    address: str | None = None
    extra_bytes: int = 0
    kind: Literal["measured", "estimated"] = "measured"
    contents: bool = False


@dataclass(frozen=True, slots=True)
class Waste:
    """How much of what was looked at is of no use (design: waste of a pool).

    ``seen_bytes`` were looked at, ``unused_bytes`` of them are waste; they may be
    charged to another pool. ``estimated``: scaled up from a sample. ``complete``:
    false where a time budget ended the look, so both are lower bounds.
    """

    unused_bytes: int
    seen_bytes: int
    estimated: bool
    complete: bool

    @property
    def fraction(self) -> float | None:
        """Unused / seen, 0..1; None when there is nothing."""
        return self.unused_bytes / self.seen_bytes if self.seen_bytes else None


@runtime_checkable
class Consumer(Protocol):
    """One thing that holds memory; ``pool`` is the pool that it is charged to."""

    @property
    def name(self) -> str:
        """What it is, in words; unique among the consumers of a session."""

    @property
    def pool(self) -> str:
        """The name of a pool."""

    def held(self) -> Iterable[Held]:
        """What it holds now; empty when its library is not loaded."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a cleanup may do.

    ``cache_age_s``: of caches only what was not used for that long; None: no such bound.
    ``named``: the very thing was named as a target.
    """

    aggressive: bool = False
    compact: bool = False
    cache_age_s: float | None = None
    named: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One thing that can be given back; nothing happens before ``run`` is called.

    ``target`` is the address it answers to: ``cache:Out``, ``temp:figures``, ``string``.
    ``estimated_bytes`` is None where only the last sizing of that address can tell.
    ``run`` returns why less may have come back than hoped, or an empty text. With ``left``
    it is not run: that says why the thing is left alone, and what would change it.
    """

    target: str
    what: str
    run: Callable[[], str]
    estimated_bytes: int | None = None
    left: str = ""

    @classmethod
    def leave(cls, target: str, what: str, why: str, estimated_bytes: int | None = None) -> Step:
        """Something that could be given back, but not under this wish."""
        return cls(target, what, str, estimated_bytes, why)


@runtime_checkable
class Reclaims(Protocol):
    """A consumer that can give back something of what it holds."""

    def steps(self, wish: Wish) -> Iterable[Step]:
        """What it would do under this wish, in the order to do it; cheap to ask."""


@runtime_checkable
class MeasuresWaste(Protocol):
    """A consumer that can also tell the waste of its pool."""

    def waste(self, budget_s: float) -> Waste | None:
        """The waste now, within about ``budget_s`` seconds; None where unknown."""


class Watched:
    """A consumer that never raises: its first failure is reported and ends it.

    Attributes:
        failure: what went wrong, None while it works.
        duration_s: seconds that the last ``held()`` took.
    """

    def __init__(
        self,
        consumer: Consumer,
        report: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = consumer.name
        self.pool = consumer.pool
        self.failure: str | None = None
        self.duration_s = 0.0
        self._consumer = consumer
        self._report = report
        self._clock = clock

    def held(self) -> tuple[Held, ...]:
        """What the consumer holds; empty once it has failed."""
        if self.failure is not None:
            return ()
        started = self._clock()
        try:
            return tuple(self._consumer.held())
        except Exception as error:
            self._switch_off(error)
            return ()
        finally:
            self.duration_s = self._clock() - started

    def waste(self, budget_s: float) -> Waste | None:
        """The consumer's waste; None where it measures none or has failed."""
        if self.failure is not None or not isinstance(self._consumer, MeasuresWaste):
            return None
        try:
            return self._consumer.waste(budget_s)
        except Exception as error:
            self._switch_off(error)
            return None

    @property
    def reclaims(self) -> bool:
        """Whether the consumer can give something back by itself."""
        return isinstance(self._consumer, Reclaims)

    def steps(self, wish: Wish) -> tuple[Step, ...]:
        """What the consumer can give back; empty where it cannot or has failed."""
        if self.failure is not None or not isinstance(self._consumer, Reclaims):
            return ()
        try:
            # As one sequence, so that a failure half way leaves nothing half asked.
            return tuple(self._consumer.steps(wish))
        except Exception as error:
            self._switch_off(error)
            return ()

    def _switch_off(self, error: Exception) -> None:
        # The error itself is not kept: its traceback would keep what was looked at.
        self.failure = f"{self.name} is not measured any more: {type(error).__name__}: {error}"
        if self._report is not None:
            self._report(self.failure)
