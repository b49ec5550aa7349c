"""The C library through ctypes, and what it prints to a ``FILE*``, as bytes.

The stream is one in memory (``open_memstream``): file descriptors 1 and 2, which
notebooks redirect, are left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["c_library", "captured"]


@functools.cache
def c_library() -> Any:
    """The process's C library, or None where ctypes or the library is missing."""
    try:
        import ctypes

        return ctypes.CDLL(None)
    except (ImportError, OSError, TypeError):  # TypeError: Windows has no "self"
        return None


def captured(write: Callable[[Any], int]) -> tuple[int, bytes] | None:
    """What ``write(FILE*)`` returns and prints; None without memory streams."""
    libc = c_library()
    if libc is None or not hasattr(libc, "open_memstream"):
        return None
    import ctypes

    libc.open_memstream.restype = ctypes.c_void_p
    text, size = ctypes.c_void_p(), ctypes.c_size_t()
    stream = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
    if not stream:
        return None
    try:
        result = write(stream)
    finally:
        libc.fclose(stream)
        content = ctypes.string_at(text.value, size.value) if text.value else b""
        libc.free(text)
    return result, content
