"""Which cells between ``%pmat_leaks start`` and ``stop`` are iterations, and what they name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .repeating.names import CellNames, codes_of

if TYPE_CHECKING:
    from pmat_nb.engine.records import CellRecord

__all__ = ["Iterations"]


class Iterations:
    """The cell that is run again is followed: the first that runs a second time.

    The first cell of all counts in place of the followed one's first run, which is not
    known for that while it runs. ``names`` are those of the followed cell; before one is,
    and where iterations are marked, those of all cells since the start. ``running`` are
    the sources of the cells in which the start was said.
    """

    def __init__(self, namespace: Mapping[str, object], running: Iterable[str]) -> None:
        self.names = CellNames(namespace)
        self.followed = ""
        self._hash = ""
        self._ran: set[str] = set()
        self._marked = False
        for source in running:
            self.begins(source)

    def mark(self) -> None:
        """The user marks iterations: from now on no cell is followed."""
        self._marked, self._hash, self.followed = True, "", ""

    def begins(self, source: str) -> None:
        """A cell begins; it may mark iterations, so its names count from now on."""
        if not self._hash:
            self.names.learn_more(codes_of(source))

    def ended(self, record: CellRecord, source: str) -> bool:
        """A cell has run: whether that is an iteration."""
        if self._marked or record.first_line.startswith("%pmat_"):
            return False
        if self._hash:
            return record.code_hash == self._hash
        if record.code_hash in self._ran:
            self._hash, self.followed = record.code_hash, record.first_line
            self.names.learn(codes_of(source))
            return True
        self._ran.add(record.code_hash)
        return len(self._ran) == 1

    def notes(self) -> tuple[str, ...]:
        """What the report says of this."""
        if self._marked:
            return ()
        if self.followed:
            return (f"followed: the cell that begins with {self.followed}",)
        return ("no cell ran twice: between start and stop run the same cell some ten times",)
