"""The ``string`` pool: the objects that stand for equal strings.

``pmat.intern`` keeps them between calls, so that frames interned one after the other
share them too. The table never keeps a text alive for long that nobody else holds:
it is swept when it has doubled, and emptied when it is over its limit, which loses
nothing but the chance to share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from pmat_nb.consumers.base import Held, Step, Wish
from pmat_nb.consumers.namespace import user_objects

from .interning import Interned, Table, intern_within

__all__ = ["StringPool"]

_T = TypeVar("_T")
_SWEPT_FROM = 10_000


class StringPool:
    """Interned strings (pool ``string``). ``limit_bytes`` gives the limit, None for none."""

    name = "interned strings"
    pool = "string"

    def __init__(self, shell: Any, limit_bytes: Callable[[], int | None] = lambda: None) -> None:
        self._shell = shell
        self._limit_bytes = limit_bytes
        self._table: Table = {}
        self._sweep_at = _SWEPT_FROM
        self.replaced = 0
        self.saved_bytes = 0
        self.evictions = 0

    def intern(self, value: _T) -> _T:
        """``value`` with equal strings made one object; a string becomes the one kept.

        Lists, dicts, object arrays and pandas objects are changed in place: no value,
        dtype or order changes, and no string that anything else refers to is replaced.
        """
        if type(value) is str:
            self._keep_within_limit()
            return self._table.setdefault(value, value)  # type: ignore[return-value, arg-type]
        self._note(intern_within([value], self._table))
        self._keep_within_limit()
        return value

    def compact(self, budget_s: float | None = None) -> Interned:
        """Intern all of the user's variables; keeps nothing of its own."""
        table = dict(self._table)
        done = intern_within(user_objects(self._shell).values, table, budget_s=budget_s)
        self._note(done)
        return done

    def _note(self, done: Interned) -> None:
        self.replaced += done.replaced
        self.saved_bytes += done.estimated_bytes

    def used_bytes(self) -> int:
        """Bytes of the table and of all its strings, whoever else holds them."""
        return sys.getsizeof(self._table) + sum(map(sys.getsizeof, self._table))

    def __len__(self) -> int:
        return len(self._table)

    def sweep(self) -> int:
        """Forget the texts that nobody else holds; returns how many."""
        alone = _alone_in_table()
        gone = [text for text, count in _counted(self._table) if count == alone]
        for text in gone:
            del self._table[text]
        self.evictions += len(gone)
        return len(gone)

    def clear(self) -> int:
        """Forget all; what was made one object stays one. Returns the bytes let go of."""
        before = self.used_bytes()
        self.evictions += len(self._table)
        self._table.clear()
        self._sweep_at = _SWEPT_FROM
        return before

    def _keep_within_limit(self) -> None:
        if len(self._table) < self._sweep_at:
            return
        self.sweep()
        limit = self._limit_bytes()
        if limit is not None and self.used_bytes() > limit:
            self.clear()
        self._sweep_at = max(_SWEPT_FROM, 2 * len(self._table))

    # --- as a consumer ------------------------------------------------------------

    def held(self) -> Iterator[Held]:
        """The table; its strings are charged to the variables that hold them as well."""
        if self._table:
            yield Held(self.name, (self._table,), f"{len(self._table):,} texts", "string")

    def steps(self, wish: Wish) -> Iterable[Step]:
        """Forget texts that nobody holds; with ``compact`` also share equal strings."""
        if self._table:
            yield Step("string", "interned texts nobody holds", self._run_sweep)
        if wish.compact:
            yield Step("string", "equal strings made one object", self._run_compact)

    def _run_sweep(self) -> str:
        self.sweep()
        return ""

    def _run_compact(self) -> str:
        done = self.compact()
        return "" if done.replaced else "no two equal strings were held by one container alone"


def _counted(table: Table) -> Iterator[tuple[str, int]]:
    keys = list(table)
    yield from zip(keys, map(sys.getrefcount, keys), strict=True)


def _alone_in_table() -> int:
    """References of a text that only a table, as key and value, and a scan of it hold."""
    text = "".join(("alone", str(sys.maxsize)))
    table = {text: text}
    del text
    return next(_counted(table))[1]
