"""pyarrow: the C++ buffers behind arrays, tables and batches, slices and all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pmat_nb.engine.sizing import Buffer, Exploded

__all__ = ["ArrowAdapter", "arrow_buffers"]


class ArrowAdapter:
    """Arrow data, through pyarrow's own compiled methods."""

    name = "pyarrow"
    exact_types = False

    def types(self) -> tuple[type, ...]:
        """Arrays, chunked arrays, tables, batches and buffers."""
        lib = sys.modules.get("pyarrow.lib")
        names = ("Array", "ChunkedArray", "Table", "RecordBatch", "Buffer")
        return tuple(getattr(lib, name) for name in names if hasattr(lib, name))

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Whole buffers, also where only a slice of them is shown."""
        lib = sys.modules["pyarrow.lib"]
        seen: dict[int, Buffer] = {}
        for obj in objs:
            for buffer in _buffers_of(lib, obj):
                seen[buffer.address] = max(buffer, seen.get(buffer.address, buffer))
        return Exploded(buffers=list(seen.values()))


def arrow_buffers(array: Any) -> list[Buffer]:
    """The buffers of one pyarrow object."""
    return list(_buffers_of(sys.modules["pyarrow.lib"], array))


def _buffers_of(lib: Any, obj: Any) -> Iterator[Buffer]:
    if isinstance(obj, lib.Buffer):
        yield from _whole((obj,))
    elif isinstance(obj, lib.Table | lib.RecordBatch):
        base = lib.Table if isinstance(obj, lib.Table) else lib.RecordBatch
        for number in range(base.num_columns.__get__(obj)):
            yield from _buffers_of(lib, base.column(obj, number))
    elif isinstance(obj, lib.ChunkedArray):
        for number in range(lib.ChunkedArray.num_chunks.__get__(obj)):
            yield from _buffers_of(lib, lib.ChunkedArray.chunk(obj, number))
    else:
        yield from _whole(lib.Array.buffers(obj))
        if isinstance(obj, lib.DictionaryArray):
            yield from _buffers_of(lib, lib.DictionaryArray.dictionary.__get__(obj))


def _whole(buffers: Iterable[Any]) -> Iterator[Buffer]:
    for buffer in buffers:
        while buffer is not None and buffer.parent is not None:
            buffer = buffer.parent
        if buffer is not None and buffer.size:
            yield Buffer(buffer.address, buffer.size, "host" if buffer.is_cpu else "device")
