"""Object columns: of what kinds their elements are, and what goes with them.

Only types are asked for, by identity; no element's own code runs.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from typing import Any

from .changes import CHUNK, Late, chunks

__all__ = ["freed_with", "kinds_of"]

_MOST_WEIGHED = 10_000_000
_MOST_SIZES = 20_000
_ALIGNED = 16


def kinds_of(values: Any, late: Callable[[], bool]) -> frozenset[str]:
    """The kinds of elements: str, None, nan, datetime, Timestamp, NaT, date; else "other".

    Raises:
        Late: the time was up.
    """
    known = _known()
    kinds: set[str] = set()
    for piece in chunks(values, late):
        # By id: a type's hash may be the user's code.
        kinds.update(known.get(kind, "other") for kind in set(map(id, map(type, piece.flat))))
        if "other" in kinds:
            break
        if "float" in kinds:
            if any(type(one) is float and one == one for one in piece.flat):
                return frozenset({"other"})
            kinds.discard("float")
            kinds.add("nan")
    return frozenset(kinds)


def _known() -> dict[int, str]:
    known = {
        id(str): "str",
        id(float): "float",
        id(type(None)): "None",
        id(datetime.datetime): "datetime",
        id(datetime.date): "date",
    }
    pandas: Any = sys.modules.get("pandas")
    if hasattr(pandas, "Timestamp"):
        known[id(pandas.Timestamp)] = "Timestamp"
        known[id(type(pandas.NaT))] = "NaT"
    return known


def freed_with(values: Any, late: Callable[[], bool]) -> int:
    """Bytes of the elements that nothing but this array refers to; 0 where it is too long.

    An element goes with the array where it has no more references than it has places there.
    Counted on all of them; their sizes are those of up to 20,000.

    Raises:
        Late: the time was up.
    """
    numpy: Any = sys.modules["numpy"]
    count = len(values)
    if count > _MOST_WEIGHED:
        return 0
    addresses, holders = numpy.empty(count, numpy.int64), numpy.empty(count, numpy.int64)
    for start in range(0, count, CHUNK):
        if late():
            raise Late
        piece = values[start : start + CHUNK]
        for into, ask in ((addresses, id), (holders, sys.getrefcount)):
            into[start : start + len(piece)] = numpy.fromiter(
                map(ask, piece.flat), numpy.int64, len(piece)
            )
    _, first, places = numpy.unique(addresses, return_index=True, return_counts=True)
    alone = first[holders[first] - _beside() == places]
    weighed = [values[at] for at in alone[:: max(1, len(alone) // _MOST_SIZES)]]
    # What an allocator gives out is aligned.
    total = sum(-(-sys.getsizeof(one) // _ALIGNED) * _ALIGNED for one in weighed)
    return total * len(alone) // len(weighed) if weighed else 0


def _beside() -> int:
    """References that counting itself makes; it differs between versions of Python."""
    numpy: Any = sys.modules["numpy"]
    array = numpy.empty(1, dtype=object)
    array[0] = object()
    return next(map(sys.getrefcount, array.flat)) - 1
