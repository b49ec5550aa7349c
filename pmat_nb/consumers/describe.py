"""A few words on what an object is, got without running any of the user's code.

Only exact types of libraries we know are looked into (a subclass may have overridden
anything), and only attributes that are plain stored figures there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from pmat_nb.engine.safe import is_exactly
from pmat_nb.engine.sizing import shallow_sizes

__all__ = ["describe", "quick_sizes", "type_name"]

_NAME_OF = type.__dict__["__name__"].__get__
_CONTAINERS = (list, tuple, set, frozenset, dict)


def type_name(value: object) -> str:
    """The name of the object's real type, whatever its class claims."""
    return str(_NAME_OF(type(value)))


def describe(value: Any) -> str:
    """Shape, length or dtype in a few words; empty where there is nothing safe to say."""
    kind = type(value)
    # Not ``kind in ...``: comparing classes may run their metaclass.
    if any(kind is one for one in _CONTAINERS):
        number = len(value)
        return "1 item" if number == 1 else f"{number:,} items"
    if any(kind is one for one in (str, bytes, bytearray)):
        # Its type and its size say "bytes" already.
        return f"length {len(value):,}"
    for module, name, words in _KNOWN:
        found = sys.modules.get(module)
        if found is not None and kind is getattr(found, name, None):
            try:
                return words(value)
            except Exception:
                # A half-built object of a library: its description is not worth an error.
                return ""
    return ""


def quick_sizes(values: Sequence[object]) -> list[int]:
    """A first guess at the bytes of each object, all of one type: itself or its array."""
    array: Any = getattr(sys.modules.get("numpy"), "ndarray", None)
    if values and array is not None and is_exactly(values[0], (array,)):
        return list(map(array.nbytes.__get__, values))
    return shallow_sizes(values)


def _shape(value: Any) -> str:
    return " × ".join(f"{n:,}" for n in value.shape) or "scalar"


def _array(value: Any) -> str:
    view = "" if value.base is None else ", view"
    return f"{_shape(value)} {value.dtype}{view}"


def _series(value: Any) -> str:
    return f"{len(value):,} {value.dtype}"


def _arrow_table(value: Any) -> str:
    return f"{value.num_rows:,} × {value.num_columns:,}"


_KNOWN: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("numpy", "ndarray", _array),
    ("pandas", "DataFrame", _shape),
    ("pandas", "Series", _series),
    ("pyarrow", "Table", _arrow_table),
    ("polars", "DataFrame", _shape),
    ("polars", "Series", _series),
    ("torch", "Tensor", lambda value: f"{_shape(value)} {value.dtype} on {value.device}"),
)
