"""What a trial proved of one column: the change, as code both ways, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pmat_nb.engine.recommendation_records import Risk

__all__ = ["CHUNK", "Change", "Late", "chunks"]

# Values looked at in one piece: a trial holds a few such pieces and no more.
CHUNK = 1 << 18


class Late(Exception):  # noqa: N818 - no error: the time is up
    """The time for looking is up."""


class Change(NamedTuple):
    """A column in a smaller form. ``forward`` and ``back`` are code with ``{}`` for the column.

    ``bytes_after`` is what its array will hold; ``freed_bytes`` what goes beside the array
    (strings that nothing else uses). ``text`` is the proof in words, ``note`` what undoing
    does where that is not simply the former dtype.
    """

    kind: str
    risk: Risk
    before: str
    after: str
    forward: str
    back: str
    bytes_after: int
    text: str
    freed_bytes: int = 0
    applies: bool = True
    note: str = ""


def chunks(values: Any, late: Callable[[], bool]) -> Iterator[Any]:
    """The values in pieces, in order.

    Raises:
        Late: the time was up before the last piece.
    """
    for start in range(0, len(values), CHUNK):
        if late():
            raise Late
        yield values[start : start + CHUNK]
