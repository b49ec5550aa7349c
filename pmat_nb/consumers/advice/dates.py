"""Trials of dates and times that are held as objects."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .changes import Change, chunks
from .objects import freed_with

__all__ = ["date_change"]

_NULLS = frozenset({"NaT"})


def date_change(values: Any, kinds: frozenset[str], late: Callable[[], bool]) -> Change | None:
    """Timestamps or datetimes without a time zone as ``datetime64``; None for anything else.

    ``kinds`` are those of the objects. Dates become timestamps, which do not equal them: that
    is the user's to write.

    Raises:
        Late: the time was up.

    Raises:
        Late: the time was up.
    """
    kinds -= _NULLS
    if kinds not in ({"Timestamp"}, {"datetime"}, {"date"}):
        return None
    (kind,) = kinds
    dtype = "datetime64[us]" if kind == "datetime" else "datetime64[ns]"
    for piece in chunks(values, late):
        if not _same_again(piece, dtype, kind):
            return None
    freed = freed_with(values, late)
    text = f"{len(values):,} {kind} objects"
    change = Change(
        "dates held as objects",
        "recompute",
        "object",
        dtype,
        f'{{}}.astype("{dtype}")',
        '{}.astype("object")',
        len(values) * 8,
        text,
        freed,
    )
    if kind == "date":
        text += "; they become timestamps at midnight, which do not equal dates"
        return change._replace(applies=False, text=text)
    if kind == "datetime":
        return change._replace(note="they come back as Timestamps, which are datetimes and equal")
    return change


def _same_again(piece: Any, dtype: str, kind: str) -> bool:
    """Whether each one is the same moment, or missing, in the dtype; times with a zone are not."""
    numpy, pandas = sys.modules["numpy"], sys.modules["pandas"]
    missing = pandas.isna(piece)
    here = piece[~missing].tolist()
    if kind != "date" and any(one.tzinfo is not None for one in here):
        return False
    try:
        made = pandas.Series(piece, dtype=object).astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    there: Any = made.to_numpy()
    if str(made.dtype) != dtype or not (numpy.isnat(there) == missing).all():
        return False
    if kind == "Timestamp":
        return bool([one.value for one in here] == there[~missing].astype("int64").tolist())
    unit = "datetime64[D]" if kind == "date" else "datetime64[us]"
    return bool(here == there[~missing].astype(unit).tolist())
