"""Trials of smaller text: a column of strings as categories, or in Arrow's form.

Entered are object columns whose elements are exactly ``str`` and one kind of null, so that
nothing compared here can be code of the user's, and pandas' own string columns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .changes import Change, chunks
from .objects import freed_with

__all__ = ["text_change"]

# Of a column with more different texts than that a share, categories save next to nothing.
_MOST_DIFFERENT = 0.5
_MOST_CATEGORIES = 1 << 20
_NONE = "None becomes NaN"
_NONE_NOTE = (
    f"{_NONE}, so that `is None` is false; other values stay; dtypes shown and later arithmetic "
    f"may differ; --undo brings None and the dtypes back"
)


def text_change(values: Any, kinds: frozenset[str], late: Callable[[], bool]) -> Change | None:
    """The smaller form that saves most; None where there is none.

    ``kinds`` are those of an object column's elements, none for an extension array.

    Raises:
        Late: the time was up.
    """
    before = str(values.dtype)
    null = _null(kinds) if before == "object" else "nan" if before == "str" else None
    if null is None:
        return None
    freed = freed_with(values, late) if before == "object" else 0
    changes = (_categories(values, before, null, late), _arrow(values, before, null, late))
    found = [one._replace(freed_bytes=max(0, freed - one.freed_bytes)) for one in changes if one]
    if null == "None":
        found = [one._replace(text=f"{one.text}, {_NONE}", note=_NONE_NOTE) for one in found]
    return min(found, key=lambda one: one.bytes_after - one.freed_bytes, default=None)


def _null(kinds: frozenset[str]) -> str | None:
    """How nulls are written here; None where there are others than strings and one null."""
    if "str" not in kinds or not kinds <= {"str", "nan", "None"} or len(kinds) > 2:
        return None
    return "None" if "None" in kinds else "nan"


def _categories(values: Any, before: str, null: str, late: Callable[[], bool]) -> Change | None:
    pandas: Any = sys.modules["pandas"]
    texts = _different(values, late)
    if texts is None:
        return None
    dtype = pandas.CategoricalDtype(pandas.Index(sorted(texts), dtype=values.dtype))
    back = _back(before, null)
    for piece in chunks(values, late):
        if not _same_again(piece, dtype, before, null):
            return None
    codes = 1 if len(texts) < 1 << 7 else 2 if len(texts) < 1 << 15 else 4
    kept = _bytes_of_index(dtype.categories)
    text = f"{len(texts):,} different texts in {len(values):,}"
    # The strings that become the categories are not let go of.
    held = sum(map(sys.getsizeof, dtype.categories.tolist())) if before == "object" else 0
    nbytes = len(values) * codes + kept
    forward = '{}.astype("category")'
    return Change("categories", "recompute", before, "category", forward, back, nbytes, text, held)


def _different(values: Any, late: Callable[[], bool]) -> set[str] | None:
    """The texts; None where there are too many of them to be worth it."""
    pandas: Any = sys.modules["pandas"]
    texts: set[str] = set()
    seen = 0
    for piece in chunks(values, late):
        found = pandas.unique(pandas.Series(piece, dtype=values.dtype))
        texts.update(one for one in found.tolist() if type(one) is str)
        seen += len(piece)
        if len(texts) > min(_MOST_CATEGORIES, _MOST_DIFFERENT * seen):
            return None
    return texts


def _arrow(values: Any, before: str, null: str, late: Callable[[], bool]) -> Change | None:
    """An object column as the string dtype that keeps NaN for nulls."""
    pandas: Any = sys.modules["pandas"]
    if before != "object" or "pyarrow" not in sys.modules:
        return None
    dtype = "str" if int(pandas.__version__.partition(".")[0]) >= 3 else "string[pyarrow_numpy]"
    nbytes = 0
    for piece in chunks(values, late):
        try:
            made = pandas.Series(piece, dtype=object).astype(dtype)
        except (TypeError, ValueError, UnicodeError):  # lone surrogates have no UTF-8
            return None
        if not _same_again(piece, dtype, before, null):
            return None
        arrow = getattr(made.array, "_pa_array", None)
        if arrow is None:
            return None
        nbytes += arrow.nbytes
    back, forward = _back(before, null), f'{{}}.astype("{dtype}")'
    text = f"{len(values):,} strings, each an object"
    return Change("Arrow strings", "recompute", before, dtype, forward, back, nbytes, text)


def _back(before: str, null: str) -> str:
    if null == "None":
        return '{0}.astype("object").where({0}.notna(), None)'
    return f'{{}}.astype("{before}")'


def _same_again(piece: Any, dtype: Any, before: str, null: str) -> bool:
    """Whether a piece comes back from the dtype in values, nulls, order and dtype."""
    pandas: Any = sys.modules["pandas"]
    series = pandas.Series(piece, dtype=piece.dtype)
    there = series.astype(dtype)
    missing = there.isna()
    back = there.astype(before)
    if null == "None":
        back = back.where(~missing, None)
        if not all(one is None for one in back[missing]):
            return False
    same = back.dtype == series.dtype and (missing == series.isna()).all()
    return bool(same) and bool(back.equals(series))


def _bytes_of_index(index: Any) -> int:
    return int(index.memory_usage(deep=False))
