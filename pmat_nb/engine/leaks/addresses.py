"""Addresses of many objects at once, to look them up by, without making numbers that are traced.

``id`` makes an ``int`` for each object. While tracemalloc is on each of them is traced, which
takes ten times as long as all else. A float that is thrown away at once is none that has to
be allocated, so addresses are read as floats from a copy of a tuple's own memory.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache

__all__ = ["addresses"]

_BYTES = 8
# Makes of an address a usual number: where denormal ones count as zero all were alike. No
# address of a process has anything in this byte.
_TOP, _TOP_BYTE = 7, b"\x40"


def addresses(objects: Sequence[object]) -> Sequence[float]:
    """A number for each object that is the same as long as it lives, and no other's meanwhile.

    The objects are not kept alive. Where their addresses cannot be read so, their ids.
    """
    if not _are_readable():
        return list(map(id, objects))
    raw = bytearray(_memory(tuple(objects)))
    raw[_TOP::_BYTES] = _TOP_BYTE * (len(raw) // _BYTES)
    return memoryview(raw).cast("d")


def _memory(held: tuple[object, ...]) -> bytes:
    import ctypes

    return ctypes.string_at(id(held) + tuple.__basicsize__, _BYTES * len(held))


@cache
def _are_readable() -> bool:
    """Whether a tuple's items are where they are looked for, and addresses have eight bytes."""
    known = sys.implementation.name == "cpython" and sys.byteorder == "little"
    if not known or sys.maxsize < 2**32:
        return False
    held = (object(), object())
    return _memory(held) == b"".join(id(one).to_bytes(_BYTES, "little") for one in held)
