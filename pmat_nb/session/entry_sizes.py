"""How many bytes an entry of a cache holds: deep, within a small time budget."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

__all__ = ["EntrySizes"]

_BUDGET_S = 0.05
_ATOMS = frozenset({int, float, complex, str, bytes, bool, type(None)})
_CONTAINERS = frozenset({tuple, list, set, frozenset})
# More members are walked properly.
_FEW = 32


class EntrySizes:
    """Call it with a key and its value: ``(bytes, whether that is all of it)``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, key: Hashable, value: Any) -> tuple[int, bool]:
        """Bytes of key and value, as if nothing else held them."""
        key_bytes = _quick(key)
        quick = _quick(value)
        if quick is None:
            quick, complete = self._walked(value)
        else:
            complete = True
        return quick + (sys.getsizeof(key) if key_bytes is None else key_bytes), complete

    def _walked(self, value: Any) -> tuple[int, bool]:
        from pmat_nb.engine.sizing import Root, size_roots

        reporter = self._session.reporter()
        found = size_roots(
            [Root("entry", value, "cache")],
            adapters=reporter.adapters,
            boundaries=reporter.boundaries(),
            budget_s=_BUDGET_S,
        )
        size = found.roots[0]
        return size.charged_bytes, size.complete


def _quick(value: Any) -> int | None:
    """Bytes of plain values, small containers of them, and arrays with memory of their own."""
    kind = type(value)
    if kind in _ATOMS:
        return sys.getsizeof(value)
    if kind in _CONTAINERS and len(value) <= _FEW:
        if _ATOMS.issuperset(map(type, value)) or kind is tuple:
            members = [0 if isinstance(member, type) else _quick(member) for member in value]
            if None not in members:
                return sys.getsizeof(value) + sum(size or 0 for size in members)
        return None
    return sys.getsizeof(value) if _owns_memory(value) else None


def _owns_memory(value: Any) -> bool:
    """Whether it is an array whose block is its own and holds no objects."""
    kind = type(value)
    if kind.__module__ != "numpy" or kind.__qualname__ != "ndarray":
        return False
    return value.base is None and not value.dtype.hasobject and value.dtype.kind != "T"
