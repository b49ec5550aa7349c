"""Records as plain values for JSON, and back, across versions of this package.

A named tuple becomes an object by its field names. Coming back, fields that this version
does not know are left out, and those that are missing take their default, else None.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["from_plain", "to_plain"]

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """``value``, made of named tuples, sequences and mappings, as what JSON can say."""
    if hasattr(value, "_fields"):
        return {name: to_plain(field) for name, field in zip(value._fields, value, strict=True)}
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: type[T], value: Mapping[str, Any]) -> T:
    """The named tuple ``kind`` from what :func:`to_plain` made of one.

    Raises:
        ValueError: it cannot be one of these.
    """
    made: T = _record(kind, value)
    return made


def _record(kind: Any, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{kind.__name__}: {value!r} is not an object")
    hints = typing.get_type_hints(kind)
    defaults = kind._field_defaults
    return kind(
        **{
            name: _typed(hints[name], value[name]) if name in value else defaults.get(name)
            for name in kind._fields
        }
    )


def _typed(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _typed(next(one for one in inner if one is not type(None)), value)
    if hasattr(hint, "_fields"):
        return _record(hint, value)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is not a list")
        of = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        return tuple(_typed(one, item) for one, item in zip(of, value, strict=True))
    return _plain(origin or hint, value)


def _plain(kind: Any, value: Any) -> Any:
    """``value`` if it is of ``kind``: what another process wrote is not taken on trust."""
    if kind is typing.Literal:
        kind = str
    if kind is float and isinstance(value, int):
        return float(value)
    if not isinstance(kind, type):
        return value
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{value!r} is not {kind.__name__}")
    return value
