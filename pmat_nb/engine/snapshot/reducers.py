"""How values of the data libraries are taken apart without a second copy.

Each library pickles its own values correctly; the reducers here stand in only where
that would copy a large value (strided arrays, dates, sliced or chunked Arrow arrays,
tensors, polars frames) or change its meaning. Objects are known by the names of
their classes: nothing is imported, and NotImplemented leaves a value to its library.
"""

from __future__ import annotations

import copyreg
import importlib
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import rebuild

if TYPE_CHECKING:
    from .pickles import SnapshotPickler

__all__ = ["Reducer", "reducer_for"]

Reducer = Callable[["SnapshotPickler", Any], Any]

# What a value smaller than this costs in copies does not matter.
_SMALL_BYTES = 1024**2
# The most that is copied at a time of a value that must be copied.
_PART_BYTES = 4 * 1024**2


def reducer_for(kind: type) -> Reducer | None:
    """The reducer for instances of ``kind``, by the first base that has one."""
    for base in kind.__mro__:
        package = str(getattr(base, "__module__", "")).partition(".")[0]
        reducer = _REDUCERS.get((package, base.__qualname__))
        if reducer is not None:
            return reducer
    return None


def _array(pickler: SnapshotPickler, array: Any) -> Any:
    dtype = array.dtype
    if type(array).__name__ != "ndarray" or dtype.hasobject or dtype.kind in "OTV":
        return NotImplemented
    if array.nbytes < _SMALL_BYTES:
        return NotImplemented
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        buffer = pickler.streamed(_blocks(array))
        return rebuild.numpy_array, (buffer, dtype, array.shape)
    if dtype.kind in "mM":
        return rebuild.numpy_view, (array.view("i8"), dtype)
    return NotImplemented


def _memmap(pickler: SnapshotPickler, array: Any) -> Any:
    """A mapping of a lasting file by its path; any other by its content, as an array."""
    numpy = sys.modules["numpy"]
    if _maps_whole_lasting_file(array):
        array.flush()
        path = Path(array.filename)
        order = "C" if array.flags.c_contiguous else "F"
        mode = "r" if array.mode == "r" else "r+"
        args = (array.dtype, array.shape, order, mode, array.offset, path.stat().st_size)
        return rebuild.numpy_memmap, (str(path), *args)
    plain = array.view(numpy.ndarray)
    reduced = _array(pickler, plain)
    return plain.__reduce_ex__(5) if reduced is NotImplemented else reduced


def _maps_whole_lasting_file(array: Any) -> bool:
    """Whether ``array`` is all that its own ``memmap()`` call mapped of a file that stays."""
    import mmap

    if array.mode not in ("r", "r+", "w+") or not array.filename:
        return False
    if type(array.base) is not mmap.mmap:
        return False
    path = Path(array.filename)
    passing = (Path(tempfile.gettempdir()).resolve(), Path("/dev/shm"))
    lasting = not any(path.resolve().is_relative_to(folder) for folder in passing)
    return lasting and path.is_file()


def _blocks(array: Any) -> Iterator[memoryview]:
    """The array's bytes in C order, in copies of at most ``_PART_BYTES``."""
    row_bytes = array.nbytes // array.shape[0]
    if row_bytes > _PART_BYTES:
        for row in array:
            yield from _blocks(row)
        return
    step = max(1, _PART_BYTES // row_bytes)
    for start in range(0, array.shape[0], step):
        part = array[start : start + step].copy(order="C")
        yield memoryview(part.reshape(-1).view("u1"))


def _pandas_block(pickler: SnapshotPickler, block: Any) -> Any:
    """pandas 3 copies a strided block before it pickles it; hand over what it shows."""
    rebuild_block = getattr(sys.modules["pandas._libs.internals"], "_unpickle_block", None)
    if rebuild_block is None or block.values.nbytes < _SMALL_BYTES:
        return NotImplemented
    return rebuild_block, (block.values, block.mgr_locs.indexer, block.ndim)


def _arrow_extension(pickler: SnapshotPickler, array: Any) -> Any:
    """pandas copies the chunks into one before it pickles them; leave them as they are."""
    if array._pa_array.nbytes < _SMALL_BYTES or not hasattr(array, "__setstate__"):
        return NotImplemented
    state = dict(vars(array))
    if "_cache" in state:
        state["_cache"] = {}
    new: Any = vars(copyreg)["__newobj__"]
    return new, (type(array),), state, None, None, rebuild.pandas_arrow_state


def _arrow_chunked(pickler: SnapshotPickler, array: Any) -> Any:
    if not any(map(_is_large_slice, array.chunks)):
        return NotImplemented
    return rebuild.arrow_chunks, (pickler.streamed(_arrow_stream(array)),)


def _arrow_array(pickler: SnapshotPickler, array: Any) -> Any:
    if not _is_large_slice(array):
        return NotImplemented
    chunked = sys.modules["pyarrow"].chunked_array([array])
    return rebuild.arrow_array, (pickler.streamed(_arrow_stream(chunked)),)


def _is_large_slice(array: Any) -> bool:
    """Whether pickling ``array`` would drag along a buffer it shows a part of."""
    unused = array.get_total_buffer_size() - array.nbytes
    return bool(unused > max(_SMALL_BYTES, array.nbytes // 8))


def _arrow_stream(chunked: Any) -> Iterator[memoryview]:
    """``chunked`` as an Arrow IPC stream of small batches."""
    pyarrow = sys.modules["pyarrow"]
    table = pyarrow.Table.from_arrays([chunked], ["values"])
    rows = max(1, len(table) * _PART_BYTES // max(1, table.nbytes))
    out = _Collector()
    stream = pyarrow.PythonFile(out, mode="w")
    with importlib.import_module("pyarrow.ipc").new_stream(stream, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
            yield from out.drain()
    yield from out.drain()


class _Collector:
    """A file that keeps what is written to it, uncopied, until it is drained."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[memoryview] = []
        self._position = 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._parts.append(view)
        self._position += len(view)
        return len(view)

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def drain(self) -> list[memoryview]:
        parts, self._parts = self._parts, []
        return parts


def _polars(pickler: SnapshotPickler, value: Any) -> Any:
    size = value.estimated_size()
    if size < _SMALL_BYTES or not len(value) or _has_categories(value):
        return NotImplemented
    rows = max(1, len(value) * _PART_BYTES // size)
    return rebuild.polars_parts, (pickler.streamed(_row_ranges(value, rows)),)


def _has_categories(value: Any) -> bool:
    """Categories of separate parts do not always join again."""
    names = str(getattr(value, "dtypes", None) or value.dtype)
    return any(word in names for word in ("Categorical", "Object"))


def _row_ranges(value: Any, rows: int) -> Iterator[memoryview]:
    for start in range(0, len(value), rows):
        data = pickle.dumps(value.slice(start, rows), 5)
        yield memoryview(rebuild.PART_HEADER.pack(len(data)))
        yield memoryview(data)


def _torch_typed(pickler: SnapshotPickler, storage: Any) -> Any:
    raw = getattr(storage, "_untyped_storage", None)
    if raw is None or _torch_bytes(raw) is None:
        return NotImplemented
    # Every tensor wraps its storage anew; tensors over one storage stay so.
    raw = pickler.canonical.setdefault(raw._cdata, raw)
    return rebuild.torch_typed_storage, (raw, storage.dtype)


def _torch_raw(pickler: SnapshotPickler, storage: Any) -> Any:
    data = _torch_bytes(storage)
    if data is None:
        return NotImplemented
    return rebuild.torch_storage, (pickle.PickleBuffer(data),)


def _torch_bytes(storage: Any) -> Any:
    """The storage's bytes as a numpy array over them; None where there is no such view."""
    if storage.device.type != "cpu" or "numpy" not in sys.modules:
        return None
    torch = sys.modules["torch"]
    return torch.empty(0, dtype=torch.uint8).set_(storage).numpy()


def _open_file(pickler: SnapshotPickler, file: Any) -> Any:
    raise pickle.PicklingError(f"an open file ({getattr(file, 'name', '?')})")


def _memoryview(pickler: SnapshotPickler, view: Any) -> Any:
    raise pickle.PicklingError("a memoryview is a window onto another object; save that object")


_REDUCERS: dict[tuple[str, str], Reducer] = {
    ("numpy", "ndarray"): _array,
    ("numpy", "memmap"): _memmap,
    ("pandas", "ArrowExtensionArray"): _arrow_extension,
    ("pandas", "Block"): _pandas_block,
    ("pyarrow", "ChunkedArray"): _arrow_chunked,
    ("pyarrow", "Array"): _arrow_array,
    ("polars", "DataFrame"): _polars,
    ("polars", "Series"): _polars,
    ("torch", "TypedStorage"): _torch_typed,
    ("torch", "UntypedStorage"): _torch_raw,
    ("_io", "TextIOWrapper"): _open_file,
    ("builtins", "memoryview"): _memoryview,
}
