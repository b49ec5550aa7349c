"""``pmat.scratch``: working memory that is used again instead of allocated anew.

A loop that needs the same large temporary array each time pays for fresh pages each
time: the system zeroes them, the loop touches them. A scratch buffer is given back at
the end of its block and handed to the next one that fits.

After its block a buffer must not be used. What can be told of a mistake: the array that
was handed out becomes read-only, a buffer that some other view still shows is never
handed out again, and with ``debug`` it is filled with a pattern (NaN for floats) whose
damage is reported at the next chance.
"""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pmat_nb.consumers.base import Held, Step, Waste, Wish
from pmat_nb.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from pmat_nb.engine.pools.pool import Pool

__all__ = ["ALIGNMENT_BYTES", "ScratchPool"]

# A cache line, and enough for every vector instruction in use.
ALIGNMENT_BYTES = 64
_PATTERN = 0xFF  # all ones: a NaN in every float format


class _Block:
    """One allocation; ``data`` is its aligned part, as bytes."""

    __slots__ = ("charged", "data", "lent", "poisoned", "used_at", "whole")

    def __init__(self, nbytes: int) -> None:
        import numpy as np

        self.whole = np.empty(nbytes + ALIGNMENT_BYTES, dtype=np.uint8)
        start = -self.whole.ctypes.data % ALIGNMENT_BYTES
        self.data = self.whole[start : start + nbytes]
        self.used_at = 0.0
        self.poisoned = False
        self.charged = False
        # The arrays that were handed out; a name may keep one beyond its block.
        self.lent: list[weakref.ref[Any]] = []

    @property
    def nbytes(self) -> int:
        return int(self.data.nbytes)

    def lend(self, nbytes: int, kind: Any, sizes: tuple[int, ...]) -> Any:
        """An array that shows the first ``nbytes``."""
        array = self.data[:nbytes].view(kind).reshape(sizes)
        self.lent = [ref for ref in self.lent if ref() is not None]
        self.lent.append(weakref.ref(array))
        return array

    def is_shown_elsewhere(self) -> bool:
        """Whether views of the arrays that were handed out are still in use."""
        lent = sum(ref() is not None for ref in self.lent)
        # Every view refers to ``whole``: ``data`` and those lent; beside them this block
        # and the call itself.
        return sys.getrefcount(self.whole) > lent + 3


class ScratchPool:
    """Buffers by size, within the budget of the pool ``temp``.

    Attributes:
        checkouts: how often a buffer was asked for.
        reused: how often an unused one served.
        in_use_bytes: lent at the moment.
    """

    name = "scratch buffers"
    pool = "temp"

    def __init__(self, budget: Pool, report: Callable[[str], None]) -> None:
        self._budget = budget
        self._report = report
        # One lock for both: a reclaim of the pool's comes back here.
        self._lock = budget.lock
        self._free: list[_Block] = []
        self.in_use_bytes = 0
        self.checkouts = 0
        self.reused = 0
        budget.reclaimers.append(self.trim)

    @contextmanager
    def scratch(
        self,
        shape: int | tuple[int, ...],
        dtype: Any = "float64",
        *,
        zero: bool = False,
        debug: bool = False,
    ) -> Iterator[np.ndarray[Any, Any]]:
        """An array for the time of a ``with`` block.

        Args:
            shape: as for ``numpy.empty``.
            dtype: any but ``object``, whose references would outlive the block.
            zero: fill it with zeros first; otherwise it holds whatever was there.
            debug: look for use after the block (costs a pass over the buffer).

        Raises:
            UsageError: a negative shape, or a dtype that holds objects.
        """
        block, array = self._take(shape, dtype)
        if zero:
            block.data[: array.nbytes] = 0
        try:
            yield array
        finally:
            # The caller still has the name: whoever writes through it learns of it.
            array.flags.writeable = False
            del array
            self._give_back(block, debug)

    @property
    def reuse_rate(self) -> float | None:
        """Share of the requests that were met without an allocation; None before any."""
        return self.reused / self.checkouts if self.checkouts else None

    @property
    def free_bytes(self) -> int:
        """Bytes kept for later requests."""
        return sum(block.nbytes for block in self._free)

    def _take(self, shape: Any, dtype: Any) -> tuple[_Block, Any]:
        kind, sizes, nbytes = _layout(shape, dtype)
        with self._lock:
            self.checkouts += 1
            block = self._fitting(nbytes)
            self.reused += block is not None
        if block is None:
            block = self._allocate(_rounded(nbytes))
        elif block.poisoned:
            self._look_for_damage(block)
        with self._lock:
            self.in_use_bytes += block.nbytes
        return block, block.lend(nbytes, kind, sizes)

    def _allocate(self, nbytes: int) -> _Block:
        # Charged before it is made, so that the pool lets go of what is unused first.
        # What the pool has no room for is lent all the same, but not kept.
        with self._lock:
            charged = self._budget.make_room(nbytes)
            if charged:
                self._budget.charge(nbytes)
        try:
            block = _Block(nbytes)
        except MemoryError:
            if charged:
                self._budget.charge(-nbytes)
            raise
        block.charged = charged
        return block

    def _fitting(self, nbytes: int) -> _Block | None:
        """The smallest free block that holds ``nbytes`` and is not twice as large."""
        fits = [b for b in self._free if nbytes <= b.nbytes <= max(4096, 2 * nbytes)]
        if not fits:
            return None
        best = min(fits, key=lambda block: block.nbytes)
        self._free.remove(best)
        return best

    def _give_back(self, block: _Block, debug: bool) -> None:
        shown = block.is_shown_elsewhere()
        if debug and not shown:
            block.data.fill(_PATTERN)
        block.poisoned = debug
        with self._lock:
            self.in_use_bytes -= block.nbytes
            block.used_at = self._budget.clock()
            if block.charged and not shown:
                self._free.append(block)
            elif block.charged:
                self._budget.charge(-block.nbytes)
        if shown:
            self._tell(
                f"a view of a scratch buffer of {block.nbytes:,} bytes is still in use after "
                "its block; the buffer is left to it",
                debug,
            )

    def _look_for_damage(self, block: _Block) -> None:
        block.poisoned = False
        if not bool((block.data == _PATTERN).all()):
            self._tell("a scratch buffer was written to after its block had ended", True)

    def _tell(self, text: str, wanted: bool) -> None:
        if wanted:
            self._report(f"pmat_nb: {text}")

    def trim(self, wanted_bytes: int) -> int:
        """Drop the buffers unused for longest until ``wanted_bytes`` are free; bytes dropped."""
        dropped = 0
        with self._lock:
            self._free.sort(key=lambda block: block.used_at)
            while self._free and dropped < wanted_bytes:
                nbytes = self._free.pop(0).nbytes
                self._budget.charge(-nbytes)
                dropped += nbytes
        return dropped

    def clear(self) -> int:
        """Drop every unused buffer; bytes dropped."""
        return self.trim(self.free_bytes)

    # --- as a consumer ------------------------------------------------------------

    def held(self) -> Iterator[Held]:
        """The unused buffers; those in use belong to the arrays that show them."""
        if self._free:
            blocks = tuple(block.whole for block in self._free)
            yield Held(self.name, blocks, f"{len(blocks)} unused", "temp:scratch")

    def waste(self, budget_s: float) -> Waste | None:
        """Unused of all scratch bytes; ``budget_s`` is not needed."""
        unused = self.free_bytes
        seen = unused + self.in_use_bytes
        return Waste(unused, seen, estimated=False, complete=True) if seen else None

    def steps(self, wish: Wish) -> Iterable[Step]:
        """Drop the unused buffers."""
        if self._free:
            yield Step("temp:scratch", "unused scratch buffers", self._run_clear, self.free_bytes)

    def _run_clear(self) -> str:
        self.clear()
        return f"{self.in_use_bytes:,} bytes are in use" if self.in_use_bytes else ""


def _layout(shape: Any, dtype: Any) -> tuple[Any, tuple[int, ...], int]:
    import numpy as np

    kind = np.dtype(dtype)
    if kind.hasobject:
        raise UsageError(f"scratch: dtype {kind} holds objects; use numpy.empty for those")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(size < 0 for size in sizes):
        raise UsageError(f"scratch: shape {shape} has a negative size; for example (1000, 1000)")
    return kind, sizes, math.prod(sizes) * kind.itemsize


def _rounded(nbytes: int) -> int:
    """Up to an eighth more, so that requests of nearly the same size share buffers."""
    step = max(ALIGNMENT_BYTES, 1 << max(0, nbytes.bit_length() - 4))
    return max(ALIGNMENT_BYTES, -(-nbytes // step) * step)
