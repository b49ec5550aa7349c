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

    What does not compare is looked at too: ``fold``, and the unit of Timestamps.

    Raises:
        Late: the time was up.
    """
    kinds -= _NULLS
    if kinds not in ({"Timestamp"}, {"datetime"}, {"date"}):
        return None
    (kind,) = kinds
    dtype = f"datetime64[{_unit(values, kind)}]"
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


def _unit(values: Any, kind: str) -> str:
    """Of Timestamps that of the first, so that they come back with it."""
    if kind == "datetime":
        return "us"
    nat: Any = sys.modules["pandas"].NaT
    return next(one.unit for one in values if one is not nat) if kind == "Timestamp" else "ns"


def _same_again(piece: Any, dtype: str, kind: str) -> bool:
    """Whether each one is the same moment, or missing, in the dtype.

    Not those with a zone or a ``fold``, which the dtype does not hold, nor other units.
    """
    numpy, pandas = sys.modules["numpy"], sys.modules["pandas"]
    missing = pandas.isna(piece)
    here = piece[~missing].tolist()
    if kind != "date" and any(one.tzinfo is not None or one.fold for one in here):
        return False
    if kind == "Timestamp" and any(f"datetime64[{one.unit}]" != dtype for one in here):
        return False
    try:
        made = pandas.Series(piece, dtype=object).astype(dtype)
    except (TypeError, ValueError, OverflowError):
        return False
    there: Any = made.to_numpy()
    if str(made.dtype) != dtype or not (numpy.isnat(there) == missing).all():
        return False
    if kind == "Timestamp":
        return bool([one._value for one in here] == there[~missing].astype("int64").tolist())
    unit = "datetime64[D]" if kind == "date" else "datetime64[us]"
    return bool(here == there[~missing].astype(unit).tolist())
