"""Trials of smaller numbers: every value is looked at, piece by piece.

Integers become signed ones with room: in int8 and int16 a product of any two values fits,
in int32 at least a sum of any two. Never unsigned ones, where a difference would wrap.
Floats that are all whole become such integers, unless one is missing, infinite or minus zero.
Other floats become float32: at no stated error where every value comes back bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .changes import Change, chunks

__all__ = ["number_change", "sparse_change"]

_ROOM = (("int8", 1), ("int16", 2), ("int32", 4))
_MOST_ERROR = 2.0**-24
_MOST_FILLED = 0.05
# Sparse columns are slow to work with, and some operations do not know them.
_SPARSE_GAIN = 3


def number_change(values: Any, late: Callable[[], bool]) -> Change | None:
    """The smallest form that holds every value; None where there is none.

    Raises:
        Late: the time was up.
    """
    if values.dtype.kind == "i" and values.dtype.itemsize > 1:
        return _integers(values, late)
    if values.dtype.name == "float64" and values.dtype.isnative:
        return _whole(values, late) or _single(values, late)
    return None


def _integers(values: Any, late: Callable[[], bool]) -> Change | None:
    low = min(int(piece.min()) for piece in chunks(values, late))
    high = max(int(piece.max()) for piece in chunks(values, late))
    after = _fitting(low, high, values.dtype.itemsize)
    if after is None or not _comes_back(values, after, late):
        return None
    return _cast(values, after, _range(low, high, after))


def _whole(values: Any, late: Callable[[], bool]) -> Change | None:
    numpy: Any = sys.modules["numpy"]
    low, high = 0, 0
    for piece in chunks(values, late):
        if not numpy.isfinite(piece).all() or (piece != numpy.trunc(piece)).any():
            return None
        if (numpy.signbit(piece) & (piece == 0)).any():
            return None
        low, high = min(low, int(piece.min())), max(high, int(piece.max()))
    after = _fitting(low, high, values.dtype.itemsize)
    if after is None or not _comes_back(values, after, late):
        return None
    return _cast(values, after, f"all whole, none missing, {_range(low, high, after)}")


def _single(values: Any, late: Callable[[], bool]) -> Change | None:
    """As float32, with the largest relative error; None where that says too little."""
    numpy: Any = sys.modules["numpy"]
    worst = 0.0
    for piece in chunks(values, late):
        with numpy.errstate(all="ignore"):
            back = piece.astype("float32").astype("float64")
            missing = numpy.isnan(piece)
            # R's NA is a NaN with more in it, which float32 has no room for.
            if back[missing].tobytes() != piece[missing].tobytes():
                return None
            differ = ~((back == piece) | missing)
            if differ.any():
                errors = numpy.abs((back[differ] - piece[differ]) / piece[differ])
                worst = max(worst, float(errors.max()))
        if not worst <= _MOST_ERROR:
            return None
    if worst == 0.0:
        return _cast(values, "float32", "every value comes back equal; sums and means are rounded")
    change = _cast(values, "float32", f"relative error of a value at most {worst:.2g}")
    note = "the dtype comes back, the rounded digits do not"
    return change._replace(kind="rounded floats", risk="lossy", note=note)


def sparse_change(values: Any, than: Change | None, late: Callable[[], bool]) -> Change | None:
    """As a sparse column, where nearly all is the value that dtype leaves out.

    That is NaN for floats, 0 for integers, False for booleans. ``than`` is the other way to
    make it smaller, which is preferred unless this is far better.

    Raises:
        Late: the time was up.
    """
    numpy: Any = sys.modules["numpy"]
    if values.dtype.name not in ("float64", "int64", "bool") or not len(values):
        return None
    filled = 0
    for piece in chunks(values, late):
        there = ~numpy.isnan(piece) if values.dtype.kind == "f" else piece != 0
        filled += int(numpy.count_nonzero(there))
        if filled > _MOST_FILLED * len(values):
            return None
    # An int32 position beside each value.
    after = filled * (values.dtype.itemsize + 4)
    if after * _SPARSE_GAIN > (than.bytes_after if than else values.nbytes):
        return None
    name = values.dtype.name
    if not _dense_again(values, f"Sparse[{name}]", late):
        return None
    share = f"{filled:,} of {len(values):,} values are not {_left_out(name)}"
    return Change(
        "sparse columns",
        "recompute",
        name,
        f"Sparse[{name}]",
        f'{{}}.astype("Sparse[{name}]")',
        f'{{}}.astype("{name}")',
        after,
        share,
    )


def _left_out(name: str) -> str:
    return {"float64": "NaN", "int64": "0", "bool": "False"}[name]


def _dense_again(values: Any, dtype: str, late: Callable[[], bool]) -> bool:
    numpy, pandas = sys.modules["numpy"], sys.modules["pandas"]
    for piece in chunks(values, late):
        back = numpy.asarray(pandas.array(piece, dtype=dtype))
        if back.dtype != piece.dtype or back.tobytes() != piece.tobytes():
            return False
    return True


def _fitting(low: int, high: int, itemsize: int) -> str | None:
    bound = max(-low, high)
    for name, size in _ROOM:
        most = 2 ** (8 * size - 1) - 1
        if size < itemsize and (bound * bound <= most or (size == 4 and 2 * bound <= most)):
            return name
    return None


def _range(low: int, high: int, after: str) -> str:
    room = dict(_ROOM)[after]
    bound = max(-low, high)
    products = bound * bound < 2 ** (8 * room - 1)
    return f"{low:,} to {high:,}, {'products' if products else 'only sums'} of two fit {after}"


def _comes_back(values: Any, after: str, late: Callable[[], bool]) -> bool:
    return all(
        bool((piece.astype(after).astype(values.dtype) == piece).all())
        for piece in chunks(values, late)
    )


def _cast(values: Any, after: str, text: str) -> Change:
    name = values.dtype.name
    size = sys.modules["numpy"].dtype(after).itemsize
    forward, back = f'{{}}.astype("{after}")', f'{{}}.astype("{name}")'
    nbytes = len(values) * size
    return Change("smaller numbers", "recompute", name, after, forward, back, nbytes, text)
