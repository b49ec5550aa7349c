"""What a snapshot's stream calls when it is read; names here are part of the format.

Libraries are imported only when a value of theirs comes back.
"""

from __future__ import annotations

import importlib
import pickle
import struct
from collections.abc import Iterator
from typing import Any

__all__ = [
    "arrow_array",
    "arrow_chunks",
    "namespace",
    "numpy_array",
    "numpy_memmap",
    "numpy_view",
    "pandas_arrow_state",
    "polars_parts",
    "torch_storage",
    "torch_typed_storage",
]

PART_HEADER = struct.Struct("<Q")


def namespace() -> Any:
    """The namespace being restored into; the unpickler puts it here."""
    raise pickle.UnpicklingError("a snapshot is read by pmat_nb.engine.snapshot.restore only")


def numpy_array(buffer: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """A C-ordered array over ``buffer``."""
    numpy = importlib.import_module("numpy")
    return numpy.ndarray(shape, dtype, buffer)


def numpy_view(array: Any, dtype: Any) -> Any:
    """``array`` seen as ``dtype`` (dates and durations export no buffer)."""
    return array.view(dtype)


def numpy_memmap(
    path: str, dtype: Any, shape: tuple[int, ...], order: str, mode: str, offset: int, size: int
) -> Any:
    """The file's mapping again; an error where the file is gone or has changed size."""
    numpy = importlib.import_module("numpy")
    found = importlib.import_module("os").stat(path).st_size
    if found != size:
        raise pickle.UnpicklingError(f"{path} has {found} bytes, and had {size} when it was saved")
    return numpy.memmap(path, dtype=dtype, mode=mode, offset=offset, shape=shape, order=order)


def arrow_chunks(buffer: Any) -> Any:
    """The ChunkedArray that was written as an IPC stream, over ``buffer``."""
    pyarrow = importlib.import_module("pyarrow")
    ipc = importlib.import_module("pyarrow.ipc")
    return ipc.open_stream(pyarrow.py_buffer(buffer)).read_all().column(0)


def arrow_array(buffer: Any) -> Any:
    """As :func:`arrow_chunks`, in one piece."""
    pyarrow = importlib.import_module("pyarrow")
    chunks = arrow_chunks(buffer).chunks
    return chunks[0] if len(chunks) == 1 else pyarrow.concat_arrays(chunks)


def pandas_arrow_state(array: Any, state: dict[str, Any]) -> None:
    """Fill a bare Arrow-backed array; older pandas takes chunks in a list only."""
    array.__setstate__({**state, "_pa_array": state["_pa_array"].chunks})


def polars_parts(buffer: Any) -> Any:
    """The DataFrame or Series whose row ranges follow each other in ``buffer``."""
    polars = importlib.import_module("polars")
    return polars.concat(list(_parts(memoryview(buffer))), rechunk=False)


def torch_storage(buffer: Any) -> Any:
    """An untyped storage over ``buffer``."""
    torch = importlib.import_module("torch")
    if not len(memoryview(buffer)):
        return torch.UntypedStorage(0)
    return torch.frombuffer(buffer, dtype=torch.uint8).untyped_storage()


def torch_typed_storage(storage: Any, dtype: Any) -> Any:
    """``storage`` as tensors of ``dtype`` hold it."""
    module = importlib.import_module("torch.storage")
    return module.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)


def _parts(view: memoryview) -> Iterator[Any]:
    while len(view):
        (length,) = PART_HEADER.unpack(view[: PART_HEADER.size])
        view = view[PART_HEADER.size :]
        yield pickle.loads(view[:length])
        view = view[length:]
