"""numpy arrays: their data, the base a view hangs on, the objects in object arrays."""

from __future__ import annotations

import array
import mmap
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from pmat_nb.engine.sizing import Buffer, Exploded

__all__ = ["NumpyAdapter"]

# Smaller blocks are counted with their array, without looking at the address.
_SMALL = 1024
# What counts its own bytes, so that an array over it adds none.
_COUNTED = frozenset(map(id, (bytes, bytearray, memoryview, mmap.mmap, array.array)))


class NumpyAdapter:
    """Arrays and their subclasses, through ``numpy.ndarray``'s own descriptors."""

    name = "numpy"
    exact_types = False

    def types(self) -> tuple[type, ...]:
        """``numpy.ndarray``."""
        found = getattr(sys.modules.get("numpy"), "ndarray", None)
        if found is None:
            return ()
        members = found.__dict__
        self._array = found
        self._base = members["base"].__get__
        self._nbytes = members["nbytes"].__get__
        self._ndim = members["ndim"].__get__
        self._dtype = members["dtype"].__get__
        self._flat = members["flat"].__get__
        self._view = members["view"]
        self._interface = members["__array_interface__"].__get__
        return (found,)

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Data of arrays that own it; bases of views; elements of object arrays."""
        bases = list(map(self._base, objs))
        owners = [o for o, base in zip(objs, bases, strict=True) if base is None]
        small_bytes, buffers = self._blocks(owners)
        buffers += self._foreign(objs, bases)
        own_bytes = small_bytes + 16 * sum(map(self._ndim, objs))  # shape and strides
        objects, exact = self._with_objects(owners)
        children = [base for base in bases if base is not None]
        return Exploded(own_bytes, children, buffers, exact, self._elements(objects))

    def _blocks(self, owners: Sequence[Any]) -> tuple[int, list[Buffer]]:
        sizes = list(map(self._nbytes, owners))
        if not sizes or max(sizes) < _SMALL:
            return sum(sizes), []
        buffers = [
            Buffer(self._interface(owner)["data"][0], size)
            for owner, size in zip(owners, sizes, strict=True)
            if size >= _SMALL
        ]
        return sum(size for size in sizes if size < _SMALL), buffers

    def _foreign(self, objs: Sequence[Any], bases: Sequence[Any]) -> list[Buffer]:
        """Data that something else than Python or numpy holds: what the array shows of it."""
        return [
            self._extent(obj)
            for obj, base in zip(objs, bases, strict=True)
            if base is not None
            and id(type(base)) not in _COUNTED
            and not issubclass(type(base), self._array)
        ]

    def _extent(self, obj: Any) -> Buffer:
        interface = self._interface(obj)
        address = interface["data"][0]
        if interface["strides"] is None or 0 in interface["shape"]:
            return Buffer(address, self._nbytes(obj))
        spans = [(n - 1) * s for n, s in zip(interface["shape"], interface["strides"], strict=True)]
        low = sum(span for span in spans if span < 0)
        high = sum(span for span in spans if span > 0)
        return Buffer(address + low, high - low + self._dtype(obj).itemsize)

    def _with_objects(self, owners: Sequence[Any]) -> tuple[list[Any], bool]:
        dtypes = {id(dtype): dtype for dtype in map(self._dtype, owners)}
        exact = not any(dtype.kind == "T" for dtype in dtypes.values())
        if not any(dtype.hasobject for dtype in dtypes.values()):
            return [], exact
        return [o for o in owners if self._dtype(o).hasobject and self._dtype(o).kind != "T"], exact

    def _elements(self, arrays: Sequence[Any]) -> Iterator[Any]:
        return chain.from_iterable(map(self._flat, chain.from_iterable(map(self._parts, arrays))))

    def _parts(self, obj: Any) -> list[Any]:
        """The array, or of a structured one the fields that hold objects."""
        dtype = self._dtype(obj)
        if dtype.names is None:
            return [obj]
        plain = self._view(obj, self._array)
        fields = [plain[name] for name in dtype.names if dtype.fields[name][0].hasobject]
        return [part for field in fields for part in self._parts(field)]
