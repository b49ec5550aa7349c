"""Raw memory of the standard library: ``mmap`` and ``ctypes``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.sizing import Buffer, Exploded

__all__ = ["CtypesAdapter", "MmapAdapter"]

_INLINE_CTYPES = 16  # smaller values lie inside the object


class MmapAdapter:
    """Memory maps; all are marked as ``file``, anonymous ones cannot be told apart."""

    name = "mmap"
    exact_types = False

    def types(self) -> tuple[type, ...]:
        """``mmap.mmap``."""
        found = getattr(sys.modules.get("mmap"), "mmap", None)
        return (found,) if found is not None else ()

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """The mapped range of every open map."""
        found = [_address(obj) for obj in objs]
        return Exploded(buffers=[Buffer(at, nbytes, "file") for at, nbytes in found if nbytes])


def _address(obj: Any) -> tuple[int, int]:
    """Where the buffer of an object lies, by the C buffer protocol; (0, 0) if closed."""
    import ctypes

    class View(ctypes.Structure):
        _fields_ = (
            ("buf", ctypes.c_void_p),
            ("obj", ctypes.py_object),
            ("len", ctypes.c_ssize_t),
            ("rest", ctypes.c_void_p * 12),
        )

    view = View()
    try:
        ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(obj), ctypes.byref(view), 0)
    except ValueError:
        return 0, 0
    try:
        return view.buf or 0, view.len
    finally:
        ctypes.pythonapi.PyBuffer_Release(ctypes.byref(view))


class CtypesAdapter:
    """ctypes values that own their memory."""

    name = "ctypes"
    exact_types = False

    def types(self) -> tuple[type, ...]:
        """The common base of all ctypes data."""
        module = sys.modules.get("_ctypes")
        if module is None:
            return ()
        base = module.Structure.__mro__[1]
        self._owns = base.__dict__["_b_needsfree_"].__get__
        self._base = base.__dict__["_b_base_"].__get__
        return (base,)

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Memory outside the object; the collector sees what it was made from."""
        module: Any = sys.modules["_ctypes"]
        return Exploded(
            buffers=[
                Buffer(module.addressof(obj), module.sizeof(obj))
                for obj in objs
                if self._owns(obj)
                and self._base(obj) is None
                and module.sizeof(obj) > _INLINE_CTYPES
            ]
        )
