"""The content of arrays and frames, fed to a hash without copying it whole.

Each library is looked up in ``sys.modules`` by the type at hand; nothing is imported that
is not loaded. Exact types only: a subclass may mean more than its content.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .keys import Feed

__all__ = ["handler_of"]

# The most that is copied at a time of an array that is not in one piece.
_PART_BYTES = 4 * 1024**2


def handler_of(kind: type) -> Callable[..., None] | None:
    """What feeds values of exactly this type, or of any numpy scalar type; None: unknown."""
    package = kind.__module__.partition(".")[0]
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and (issubclass(kind, numpy.generic) or issubclass(kind, numpy.dtype)):
        return _scalar if issubclass(kind, numpy.generic) else _dtype
    return _HANDLERS.get((package, kind.__qualname__))


def _scalar(feed: Feed, value: Any, where: str) -> None:
    feed.label("numpy scalar", value.dtype.str, value.dtype.descr if value.dtype.names else "")
    if value.dtype.hasobject:
        feed.value(value.item(), where)
    else:
        feed.data(value.tobytes())


def _dtype(feed: Feed, value: Any, where: str) -> None:
    feed.label("numpy dtype", repr(value))


# -- numpy ---------------------------------------------------------------------------


def _array(feed: Feed, array: Any, where: str) -> None:
    feed.label("ndarray", repr(array.dtype), array.shape, _axis_order(array))
    _elements(feed, array, where)


def _axis_order(array: Any) -> tuple[int, ...]:
    """The axes from the outermost in memory to the innermost.

    A function may give other results for another order: those that follow the order in
    memory, and sums, which round by it.
    """
    if array.ndim < 2:
        return ()
    strides = array.strides
    axes = [axis for axis, length in enumerate(array.shape) if length > 1]
    return tuple(sorted(axes, key=lambda axis: -abs(strides[axis])))


def _elements(feed: Feed, array: Any, where: str) -> None:
    """The elements in C order."""
    kind = array.dtype.kind
    if array.dtype.hasobject:
        if kind != "O":
            raise _unsupported(where, array)
        feed.items(array.ravel().tolist(), where)
    elif kind == "T":
        feed.items(array.ravel().tolist(), where)
    elif array.nbytes:
        for part in _parts(array):
            feed.data(part)


def _parts(array: Any) -> Iterator[memoryview]:
    if array.flags.c_contiguous:
        # Dates export no buffer of their own.
        yield memoryview(array.reshape(-1).view("u1"))
        return
    row_bytes = array.nbytes // array.shape[0]
    if row_bytes > _PART_BYTES:
        for row in array:
            yield from _parts(row)
        return
    step = max(1, _PART_BYTES // max(1, row_bytes))
    for start in range(0, array.shape[0], step):
        part = array[start : start + step].copy(order="C")
        yield memoryview(part.reshape(-1).view("u1"))


# -- pandas --------------------------------------------------------------------------


def _frame(feed: Feed, frame: Any, where: str) -> None:
    feed.label("DataFrame", frame.shape)
    _attributes(feed, frame, where)
    feed.value(frame.index, f"{where}.index")
    feed.value(frame.columns, f"{where}.columns")
    for number in range(frame.shape[1]):
        _column(feed, frame.iloc[:, number].array, f"{where} column {number}")


def _series(feed: Feed, series: Any, where: str) -> None:
    feed.label("Series", len(series))
    _attributes(feed, series, where)
    feed.value(series.name, f"{where}.name")
    feed.value(series.index, f"{where}.index")
    _column(feed, series.array, where)


def _attributes(feed: Feed, value: Any, where: str) -> None:
    if value.attrs:
        feed.label("attrs")
        feed.value(dict(value.attrs), f"{where}.attrs")


def _index(feed: Feed, index: Any, where: str) -> None:
    feed.label(type(index).__name__, len(index), getattr(index, "freqstr", None))
    feed.items(list(index.names), f"{where}.names")
    if type(index).__name__ == "RangeIndex":
        feed.label(index.start, index.stop, index.step)
    elif type(index).__name__ == "MultiIndex":
        for number, (level, codes) in enumerate(zip(index.levels, index.codes, strict=True)):
            feed.value(level, f"{where} level {number}")
            _column(feed, codes, where)
    else:
        _column(feed, index.array, where)


def _column(feed: Feed, values: Any, where: str) -> None:
    """An array of pandas: what it holds, canonically where that is cheap.

    Where it is not, two equal columns may have different keys, which costs a miss; two
    different ones never have equal keys.
    """
    dtype = values.dtype
    feed.label("column", type(values).__name__, repr(dtype), len(values))
    if type(values).__name__ in ("NumpyExtensionArray", "PandasArray"):
        _array(feed, values.to_numpy(copy=False), where)
    elif hasattr(values, "asi8"):
        _array(feed, values.asi8, where)
    elif hasattr(values, "_mask") and hasattr(values, "_data"):
        _masked(feed, values, where)
    elif hasattr(values, "codes") and hasattr(values, "categories"):
        feed.label(values.ordered)
        feed.value(values.categories, f"{where}.categories")
        _array(feed, values.codes, where)
    elif hasattr(values, "_pa_array"):
        _chunked(feed, values._pa_array, where)
    elif type(values).__module__.startswith("numpy"):
        _array(feed, values, where)
    else:
        _pickled(feed, values, where)


def _masked(feed: Feed, values: Any, where: str) -> None:
    mask, data = values._mask, values._data
    if mask.any():
        # What lies under the mask is anything.
        data = data.copy()
        data[mask] = data.dtype.type(0)
    _array(feed, data, where)
    _array(feed, mask, where)


def _pickled(feed: Feed, values: Any, where: str) -> None:
    try:
        data = pickle.dumps(values, 5)
    except Exception:
        raise _unsupported(where, values) from None
    feed.label("pickle", len(data))
    feed.data(data)


# -- Arrow and polars ----------------------------------------------------------------


class _Sink:
    """A file whose bytes go to the hash."""

    closed = False

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def write(self, data: Any) -> int:
        with memoryview(data) as view:
            self._feed.data(view)
            return view.nbytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _chunked(feed: Feed, values: Any, where: str) -> None:
    pyarrow: Any = sys.modules["pyarrow"]
    feed.label("Arrow", type(values).__name__)
    _table(feed, pyarrow.table({"values": values}), where)


def _table(feed: Feed, table: Any, where: str) -> None:
    """As an IPC stream, which writes of a slice only what it shows."""
    pyarrow: Any = sys.modules["pyarrow"]
    feed.label("Arrow", type(table).__name__, table.num_rows, table.num_columns)
    stream = pyarrow.PythonFile(_Sink(feed), mode="w")
    with pyarrow.ipc.new_stream(stream, table.schema) as writer:
        if type(table).__name__ == "Table":
            writer.write_table(table)
        else:
            writer.write_batch(table)


def _arrow_scalar(feed: Feed, value: Any, where: str) -> None:
    feed.label("Arrow scalar", value.type)
    feed.value(value.as_py(), where)


def _polars(feed: Feed, value: Any, where: str) -> None:
    if "pyarrow" not in sys.modules:
        _pickled(feed, value, where)
        return
    feed.label("polars", type(value).__name__, getattr(value, "name", ""))
    arrow = value.to_arrow()
    (_table if type(arrow).__name__ == "Table" else _chunked)(feed, arrow, where)


def _unsupported(where: str, value: Any) -> Exception:
    from .keys import UnsupportedError

    return UnsupportedError(f"{where} ({type(value).__qualname__} of {value.dtype})")


_INDEXES = (
    *("Index", "RangeIndex", "MultiIndex", "DatetimeIndex", "TimedeltaIndex", "PeriodIndex"),
    *("CategoricalIndex", "IntervalIndex"),
)
_ARRAYS = (
    *("Array", "NumericArray", "FloatingPointArray", "IntegerArray", "NullArray"),
    *("BooleanArray", "StringArray", "LargeStringArray", "StringViewArray", "BinaryArray"),
    *("LargeBinaryArray", "ListArray", "LargeListArray", "StructArray", "DictionaryArray"),
    *("TimestampArray", "Date32Array", "Date64Array", "DurationArray", "Time32Array"),
    *("Time64Array", "Decimal128Array", "FixedSizeListArray", "FixedSizeBinaryArray"),
    *(f"{sign}Int{bits}Array" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    *("HalfFloatArray", "FloatArray", "DoubleArray", "MapArray", "ChunkedArray"),
)
_HANDLERS: dict[tuple[str, str], Callable[..., None]] = {
    ("numpy", "ndarray"): _array,
    ("numpy", "memmap"): _array,
    ("pandas", "DataFrame"): _frame,
    ("pandas", "Series"): _series,
    **{("pandas", name): _index for name in _INDEXES},
    **{("pyarrow", name): _chunked for name in _ARRAYS},
    ("pyarrow", "Table"): _table,
    ("pyarrow", "RecordBatch"): _table,
    ("polars", "DataFrame"): _polars,
    ("polars", "Series"): _polars,
}


def _register_pandas_scalars() -> None:
    for name in ("Timestamp", "Timedelta", "Period", "Interval"):
        _HANDLERS["pandas", name] = _pandas_scalar
    for name in ("NaTType", "NAType"):
        _HANDLERS["pandas", name] = _missing


def _pandas_scalar(feed: Feed, value: Any, where: str) -> None:
    feed.label("pandas scalar", type(value).__name__, repr(value))
    for unit in ("unit", "fold"):
        feed.label(getattr(value, unit, None))


def _missing(feed: Feed, value: Any, where: str) -> None:
    feed.label("missing", type(value).__name__)


_register_pandas_scalars()
