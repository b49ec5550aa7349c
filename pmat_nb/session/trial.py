"""Whether what a cell keeps is in variables that it names itself, or only garbage.

Around one run of the cell: counters read exactly, the named variables sized within a small
budget before and after, garbage collected after it. What is reached through attributes of
objects is not the variable's own: an object that hoards does so behind the user's back.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.records import Reading
    from pmat_nb.engine.leaks.watching import CellSeries, Suspect

    from .session import Session

__all__ = ["Trial"]

# This share of the growth explains it.
_EXPLAINS = 0.5
_BUDGET_S = 0.01
_MOST_NAMES = 50
# Runs after which a cell that did not grow again is left for later.
_MOST_RUNS = 6
# Above so many blocks a collection takes longer than half a second.
_COLLECTABLE_BLOCKS = 4_000_000
# Built-in containers and data of libraries; what is in other objects is theirs.
_DATA = ("builtins", "collections", "array", "numpy", "pandas", "polars", "pyarrow", "torch")
_PLAIN = (list, dict, set, frozenset, tuple, str, bytes, bytearray)


class _Extent(NamedTuple):
    """What a variable holds, in bytes if it could be sized in time, and its length."""

    nbytes: int | None
    length: int


class Trial:
    """Of one cell; ``begins`` and ``ended`` around each run until there is a ``verdict``."""

    def __init__(self, session: Session, cell: CellSeries, found: Suspect, source: str) -> None:
        from pmat_nb.consumers.usage import names_in
        from pmat_nb.engine.leaks.watching import RESIDENT

        names = names_in(source)
        self._session = session
        self._cell = cell
        self._rate = found.bytes_per_run or found.device_bytes_per_run
        self._resident = found.counter == RESIDENT
        self._names = sorted(names.mentioned | names.bound)[:_MOST_NAMES]
        self._extents: dict[str, _Extent] = {}
        self._gain: float | None = None
        self._end: Reading | None = None
        self._runs = 0
        # What it left until now must not pass for what the next run leaves.
        _collect(cell)
        # Made now, between cells, so that the run does not wait for the imports.
        session.reporter()
        self._sizes()

    def begins(self) -> None:
        """The cell is about to run."""
        self._extents = self._sizes()

    def ended(self, before: Reading, after: Reading) -> None:
        """It has run: what did it keep?"""
        self._runs += 1
        self._end = after
        if before.small_bytes is not None and after.small_bytes is not None:
            _learn_block_size(self._cell, before, after)
        self._gain = self._kept(before, after)

    def verdict(self, read: Callable[[], Reading]) -> tuple[str, str] | None:
        """The state and, for ``kept``, the variable; None until a run has told."""
        if self._gain is None or self._end is None:
            return None
        if self._gain < _EXPLAINS * self._rate:
            # Growth in steps: this run added nothing.
            return ("unchecked", "") if self._runs >= _MOST_RUNS else None
        name, grown = self._grown()
        if grown >= _EXPLAINS * self._gain:
            return "kept", name
        freed = 0.0
        if _collect(self._cell):
            freed = max(0.0, -self._kept(self._end, read()))
        if grown + freed >= _EXPLAINS * self._gain:
            return "garbage", ""
        return "suspect", ""

    def _kept(self, before: Reading, after: Reading) -> float:
        """Bytes by which the counters grew between two readings."""
        from pmat_nb.consumers.leaks.pools import within_heap

        if self._resident:
            return (after.rss_bytes or 0) - (before.rss_bytes or 0)
        left_out, pools = within_heap(), dict(before.pools)
        beside = sum(
            value - pools.get(name, 0) for name, value in after.pools if name not in left_out
        )
        return (after.retained_bytes or 0) - (before.retained_bytes or 0) + beside

    def _grown(self) -> tuple[str, float]:
        """The variable that grew most over the run, and by how much all of them grew."""
        grown: dict[str, float] = {}
        for name, now in self._sizes().items():
            before = self._extents.get(name, _Extent(0, 0))
            if now.nbytes is not None and before.nbytes is not None:
                grown[name] = now.nbytes - before.nbytes
            elif now.length > before.length:
                # Too large to size in time: that it got longer must do.
                grown[name] = float("inf")
        most = max(grown, key=lambda name: grown[name], default="")
        return most, sum(value for value in grown.values() if value > 0)

    def _sizes(self) -> dict[str, _Extent]:
        """Of the variables that hold data, each alone within its share of the budget."""
        from pmat_nb.engine.sizing import Root, size_roots

        namespace = self._session.namespace_owner.user_ns
        reporter = self._session.reporter()
        found = {name: namespace[name] for name in self._names if _is_data(namespace.get(name))}
        sizing = size_roots(
            [Root(name, value, "analysis") for name, value in found.items()],
            adapters=reporter.adapters,
            boundaries=reporter.boundaries(),
            budget_s=_BUDGET_S,
        )
        return {
            root.key: _Extent(
                root.charged_bytes + root.device_bytes if root.complete else None,
                _length(found[root.key]),
            )
            for root in sizing.roots
        }


def _is_data(value: Any) -> bool:
    kind = type(value)
    module = kind.__module__ if type(kind.__module__) is str else ""
    if module == "builtins":
        return kind in _PLAIN
    return module.partition(".")[0] in _DATA and not issubclass(kind, type)


def _length(value: Any) -> int:
    try:
        return len(value)
    except Exception:  # of a library's object, whatever it may raise
        return 0


def _learn_block_size(cell: CellSeries, before: Reading, after: Reading) -> None:
    blocks = (after.blocks or 0) - (before.blocks or 0)
    nbytes = (after.small_bytes or 0) - (before.small_bytes or 0)
    if blocks > 0 and nbytes > 0:
        cell.block_bytes = min(512.0, max(16.0, nbytes / blocks))


def _collect(cell: CellSeries) -> bool:
    """A full collection, where the user lets Python collect and it will not take long."""
    if not gc.isenabled() or sys.getallocatedblocks() > _COLLECTABLE_BLOCKS:
        return False
    gc.collect()
    return True
