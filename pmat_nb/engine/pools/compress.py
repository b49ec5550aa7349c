"""Compressing buffers in pieces: zlib of the standard library, or lz4 where it is installed."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from pmat_nb.errors import UsageError

__all__ = ["CODECS", "Codec", "codec"]

CODECS = ("zlib", "lz4")
_PIECE_BYTES = 4 * 1024**2
_HEAD = struct.Struct("<QQ")


class Codec(NamedTuple):
    """One way to compress; ``pack`` and ``unpack`` are each other's inverse."""

    name: str
    compress: Callable[[memoryview], bytes]
    decompress: Callable[[memoryview], bytes]

    def pack(self, pieces: Iterable[memoryview]) -> Iterator[memoryview]:
        """The buffer that ``pieces`` make up, compressed a few megabytes at a time."""
        for piece in pieces:
            with memoryview(piece) as whole, whole.cast("B") as view:
                for start in range(0, len(view), _PIECE_BYTES):
                    part = view[start : start + _PIECE_BYTES]
                    packed = self.compress(part)
                    yield memoryview(_HEAD.pack(len(packed), len(part)))
                    yield memoryview(packed)

    def unpack(self, packed: bytearray | memoryview) -> bytearray:
        """The buffer again, writable."""
        view, made = memoryview(packed), bytearray()
        while len(view):
            length, _ = _HEAD.unpack(view[: _HEAD.size])
            made += self.decompress(view[_HEAD.size : _HEAD.size + length])
            view = view[_HEAD.size + length :]
        return made


def codec(name: str | None) -> Codec | None:
    """The codec called ``name``; None for None.

    Raises:
        UsageError: no such codec, or its library is not installed.
    """
    if name is None:
        return None
    if name not in CODECS:
        raise UsageError(f"compression: {name!r} is not one of {', '.join(CODECS)}, None")
    if name == "zlib":
        import zlib

        return Codec(name, lambda data: zlib.compress(data, 1), zlib.decompress)
    try:
        frame = importlib.import_module("lz4.frame")
    except ImportError:
        raise UsageError("compression='lz4' needs lz4: pip install lz4; 'zlib' works") from None
    return Codec(name, frame.compress, frame.decompress)
