"""The ``string`` pool: the objects that stand for equal strings.

``pmat.intern`` keeps them between calls, so that frames interned one after the other
share them too. The table never keeps a text alive for long that nobody else holds:
it is swept when it has doubled, and emptied where its pool has no more room, which
loses nothing but the chance to share.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from pmat_nb.consumers.base import Held, Step, Wish

from .interning import Table, intern_within

if TYPE_CHECKING:
    from pmat_nb.engine.pools.pool import Pool

__all__ = ["StringPool"]

_T = TypeVar("_T")
_SWEPT_FROM = 10_000
# Of a dict, per entry, at its usual fill.
_SLOT_BYTES = 48


class StringPool:
    """Interned strings, within the budget of the pool ``string``.

    Attributes:
        replaced: strings that were let go of for an equal one.
        saved_bytes: what those had held; an estimate from a sample of them.
    """

    name = "interned strings"
    pool = "string"

    def __init__(self, budget: Pool) -> None:
        self._budget = budget
        self._lock = budget.lock
        self._table: Table = {}
        self._charged = 0
        self._sweep_at = _SWEPT_FROM
        self.replaced = 0
        self.saved_bytes = 0
        budget.reclaimers.append(lambda _wanted: self.sweep())

    def intern(self, value: _T) -> _T:
        """``value`` with equal strings made one object; a string becomes the one kept.

        Lists, dicts, object arrays and pandas objects are changed in place: no value,
        dtype or order changes, and no string that anything else refers to is replaced.
        """
        before = len(self._table)
        if type(value) is str:
            # mypy does not narrow a type variable by `type(value) is str`.
            kept = self._table.setdefault(value, value)  # type: ignore[arg-type] # see above
            self._enter(before)
            return kept  # type: ignore[return-value] # see above
        done = intern_within([value], self._table)
        self.replaced += done.replaced
        self.saved_bytes += done.estimated_bytes
        self._enter(before)
        return value

    def _enter(self, before: int) -> None:
        """Charge what the table has grown by; without room for it the table begins anew."""
        new = len(self._table) - before
        if new <= 0:
            return
        nbytes = sum(map(sys.getsizeof, islice(reversed(self._table), new))) + new * _SLOT_BYTES
        with self._lock:
            if len(self._table) >= self._sweep_at:
                self.sweep()
                self._sweep_at = max(_SWEPT_FROM, 2 * len(self._table))
            if self._budget.make_room(nbytes):
                self._charged += nbytes
                self._budget.charge(nbytes)
            else:
                self.clear()

    @property
    def used_bytes(self) -> int:
        """Bytes of the table and of its strings, whoever else holds them."""
        return self._charged

    def __len__(self) -> int:
        return len(self._table)

    def sweep(self) -> int:
        """Forget the texts that nobody else holds; the bytes given back."""
        alone = _alone_in_table()
        with self._lock:
            gone = [text for text, count in _counted(self._table) if count == alone]
            for text in gone:
                del self._table[text]
            return self._uncharge(sum(map(sys.getsizeof, gone)) + len(gone) * _SLOT_BYTES)

    def clear(self) -> int:
        """Forget all; what was made one object stays one. The bytes let go of."""
        with self._lock:
            self._table.clear()
            self._sweep_at = _SWEPT_FROM
            return self._uncharge(self._charged)

    def _uncharge(self, nbytes: int) -> int:
        nbytes = min(nbytes, self._charged)
        self._charged -= nbytes
        self._budget.charge(-nbytes)
        return nbytes

    # --- as a consumer ------------------------------------------------------------

    def held(self) -> Iterator[Held]:
        """The table; its strings are charged to the variables that hold them as well."""
        if self._table:
            yield Held(self.name, (self._table,), f"{len(self._table):,} texts", "string:interned")

    def steps(self, wish: Wish) -> Iterable[Step]:
        """Forget the texts that nobody else holds."""
        if self._table:
            yield Step("string:interned", "interned texts nobody holds", self._run_sweep)

    def _run_sweep(self) -> str:
        self.sweep()
        return ""


def _counted(table: Table) -> Iterator[tuple[str, int]]:
    keys = list(table)
    yield from zip(keys, map(sys.getrefcount, keys), strict=True)


def _alone_in_table() -> int:
    """References of a text that only a table, as key and value, and a scan of it hold."""
    text = "".join(("alone", str(sys.maxsize)))
    table = {text: text}
    del text
    return next(_counted(table))[1]
