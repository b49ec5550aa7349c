"""Keys of calls: equal arguments give equal keys, different ones different keys.

Arguments are told apart by type and content: ``1``, ``1.0`` and ``True`` differ, so do
``[1]`` and ``(1,)`` and dicts of another order. Large content becomes a digest of 256
bits (`engine.snapshot.signing`), so that two keys are equal by chance only as likely as
two files have one SHA-256. What is not known here is refused, never guessed.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import fractions
import marshal
import pathlib
import struct
import sys
import uuid
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import count
from typing import Any

from pmat_nb.engine.snapshot.signing import fastest_hash, new_hash

from . import frames

__all__ = ["PLAIN", "Feed", "UnsupportedError", "content_key", "token_of"]

# Keyed by themselves, beside their type: hashing them is all it takes.
PLAIN = frozenset({int, str, bytes, bool, type(None)})
# marshal's version 2 writes each of these, and lists of them, by type and value alone:
# no references between equal objects, which later versions write.
_MARSHALLED = frozenset({int, float, complex, str, bytes, bool, type(None)})
_MARSHAL_VERSION = 2
_BATCH = 65_536
_LENGTH = struct.Struct("<Q")
_BY_REPR = (
    *(datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone),
    *(decimal.Decimal, fractions.Fraction, uuid.UUID, range, type(...)),
    *(pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath),
)
_numbers = count(1)
_tokens: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


class UnsupportedError(TypeError):
    """A value that cannot be told apart by content; the message is where it is, and its type."""


class Feed:
    """A hash that values are fed to, each led by its kind, so that none reads as another."""

    def __init__(self) -> None:
        self._hash = new_hash(fastest_hash())
        # Containers under way, against those that contain themselves.
        self._open: set[int] = set()

    def digest(self) -> bytes:
        """256 bits."""
        return bytes(self._hash.digest())

    def label(self, *words: object) -> None:
        """Kinds, shapes, lengths."""
        data = "\0".join(map(str, words)).encode("utf-8", "surrogatepass")
        self._hash.update(_LENGTH.pack(len(data)) + data)

    def data(self, buffer: bytes | memoryview) -> None:
        """Bytes; their length is part of a label before them."""
        self._hash.update(buffer)

    # -- values --------------------------------------------------------------------

    def value(self, value: Any, where: str = "") -> None:
        """Any supported value; ``where`` is what a refusal says of its place."""
        kind = type(value)
        if kind in _MARSHALLED:
            self._marshalled(value)
            return
        handler = _HANDLERS.get(kind)
        if handler is not None:
            self._nested(value, handler, where)
        elif not self._known_by_base(value, kind, where):
            self._nested(value, frames.handler_of(kind) or _refuse, where)

    def _nested(self, value: Any, handler: Callable[..., None], where: str) -> None:
        if id(value) in self._open:
            raise UnsupportedError(f"{where} (it contains itself)")
        self._open.add(id(value))
        try:
            handler(self, value, where)
        finally:
            self._open.discard(id(value))

    def _known_by_base(self, value: Any, kind: type, where: str) -> bool:
        if kind in _BY_REPR:
            text = repr(value)
            if " object at 0x" in text:  # a time zone that does not say which it is
                return False
            self.label("repr", kind.__qualname__, text)
        elif isinstance(value, enum.Enum):
            self.label("enum", value.name)
            self.identity(kind)
        elif isinstance(value, tuple) and hasattr(kind, "_fields"):
            self.identity(kind)
            self._nested(value, Feed._sequence, where)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            self._nested(value, Feed._dataclass, where)
        elif callable(value) and type(getattr(value, "__qualname__", None)) is str:
            return self._importable(value)
        else:
            return False
        return True

    def _marshalled(self, value: Any) -> None:
        data = marshal.dumps(value, _MARSHAL_VERSION)
        self.label("plain", len(data))
        self.data(data)

    def items(self, values: Sequence[Any], where: str) -> None:
        """Values in order, many at a time where they are plain."""
        for start in range(0, len(values), _BATCH):
            batch = list(values[start : start + _BATCH])
            if _MARSHALLED.issuperset(map(type, batch)):
                self._marshalled(batch)
                continue
            self.label("batch", len(batch))
            for number, value in enumerate(batch, start):
                self.value(value, f"{where}[{number}]")

    def _sequence(self, value: Any, where: str) -> None:
        self.label(type(value).__name__, len(value))
        self.items(value, where)

    def _queue(self, value: Any, where: str) -> None:
        self.label("deque", len(value), value.maxlen)
        self.items(list(value), where)

    def _mapping(self, value: Any, where: str) -> None:
        self.label(type(value).__name__, len(value))
        self.items(list(value.keys()), f"{where} key")
        self.items(list(value.values()), f"{where} value")

    def _set(self, value: Any, where: str) -> None:
        self.label(type(value).__name__, len(value))
        for digest in sorted(_digest_of(member, f"{where} member") for member in value):
            self.data(digest)

    def _slice(self, value: Any, where: str) -> None:
        self.label("slice")
        self.items([value.start, value.stop, value.step], where)

    def _buffer(self, value: Any, where: str) -> None:
        self.label(type(value).__name__, len(value))
        self.data(value)

    def _dataclass(self, value: Any, where: str) -> None:
        self.label("dataclass")
        self.identity(type(value))
        for field in dataclasses.fields(value):
            self.value(getattr(value, field.name), f"{where}.{field.name}")

    def _importable(self, value: Any) -> bool:
        """A class or function that stays what it is: one of a module, not of the notebook."""
        found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
        if found is None or found.__name__ == "__main__":
            return False
        for part in value.__qualname__.split("."):
            found = getattr(found, part, None)
        if found is not value:
            return False
        self.label("importable", value.__module__, value.__qualname__)
        return True

    def identity(self, kind: type) -> None:
        """A class: by name and, since cells define classes anew, by which one it is."""
        self.label("class", kind.__module__, kind.__qualname__, token_of(kind))


def _refuse(feed: Feed, value: Any, where: str) -> None:
    raise UnsupportedError(f"{where} ({type(value).__module__}.{type(value).__qualname__})")


def _digest_of(value: Any, where: str) -> bytes:
    feed = Feed()
    feed.value(value, where)
    return feed.digest()


_HANDLERS: dict[type, Callable[..., None]] = {
    list: Feed._sequence,
    tuple: Feed._sequence,
    deque: Feed._queue,
    dict: Feed._mapping,
    OrderedDict: Feed._mapping,
    set: Feed._set,
    frozenset: Feed._set,
    bytearray: Feed._buffer,
    slice: Feed._slice,
}


def content_key(named: Iterable[tuple[str, Any]]) -> Hashable:
    """The key of ``(name, value)`` pairs in order.

    Raises:
        UnsupportedError: its message begins with the name of the value it could not key.
    """
    pairs = list(named)
    if all(type(value) in PLAIN for _, value in pairs):
        return (*(type(value) for _, value in pairs), *(value for _, value in pairs))
    feed = Feed()
    for name, value in pairs:
        feed.label("argument", name)
        feed.value(value, name)
    return feed.digest()


def token_of(value: Any) -> int:
    """A number for this very object, never used again once it is gone.

    Raises:
        TypeError: it cannot be hashed or weakly referenced.
    """
    found = _tokens.get(value)
    if found is None:
        found = _tokens[value] = next(_numbers)
    return found
