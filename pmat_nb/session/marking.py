"""Whether the names that code of ours changed are still as it left them."""

from __future__ import annotations

import ast
import weakref
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Marks", "difference", "marks_of"]

Marks = Mapping[str, "_Mark | None"]


class _Mark:
    """One object without holding it: itself, its length, and the dtypes it had."""

    def __init__(self, value: object) -> None:
        self._id = id(value)
        self._ref: Callable[[], object | None] | None
        try:
            self._ref = weakref.ref(value)
        except TypeError:
            self._ref = None
        self._form = _form(value)

    def differs(self, value: object) -> str:
        """What has become of it, or an empty text."""
        if id(value) != self._id or (self._ref is not None and self._ref() is not value):
            return f"is another {_noun(value)} now"
        length, dtypes = _form(value)
        before, wanted = self._form
        # A column that came beside those of ours is no matter.
        if length != before or any(dtypes.get(name) != dtype for name, dtype in wanted.items()):
            return "has changed since"
        return ""


def marks_of(code: str, namespace: Mapping[str, Any]) -> Marks:
    """Each name in ``code`` with what it stands for; None where there is no such variable."""
    named = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    return {name: _Mark(namespace[name]) if name in namespace else None for name in sorted(named)}


def difference(marks: Marks, namespace: Mapping[str, Any]) -> str:
    """What is no longer as it was marked, in words: ``b is another table now``."""
    for name, mark in marks.items():
        if mark is None and name in namespace:
            return f"{name} was made again since"
        if mark is not None and name not in namespace:
            return f"{name} is gone"
        if mark is not None and (how := mark.differs(namespace[name])):
            return f"{name} {how}"
    return ""


def _form(value: Any) -> tuple[int | None, dict[str, str]]:
    """Its length, and its dtypes by the columns' names."""
    if type(value).__module__.partition(".")[0] not in ("numpy", "pandas"):
        return None, {}
    dtypes: Any = getattr(value, "dtypes", ())
    shape = getattr(value, "shape", None) or (None,)
    columns = getattr(value, "columns", None)
    if columns is None:
        return shape[0], {"": str(getattr(value, "dtype", ""))}
    return shape[0], dict(zip(map(str, columns), map(str, dtypes), strict=True))


def _noun(value: object) -> str:
    return "table" if type(value).__name__ == "DataFrame" else "object"
