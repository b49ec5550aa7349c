"""One step of a path, and where in a container something is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .safe import key_text

__all__ = ["Describe", "Step", "attribute_of", "key_of", "position"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step down a path: what the holder is, and where in it the next thing is.

    ``span`` is how many links of the chain it covers.
    """

    holder: str
    place: str = ""
    span: int = 1


Describe = Callable[[Sequence[Any]], Step | None]


def position(members: Any, held: object) -> int | None:
    """Where among ``members`` the object itself is."""
    return next((i for i, member in enumerate(members) if member is held), None)


def key_of(table: dict[Any, Any], held: object) -> str | None:
    """``['k']`` for the object as a value, `` key`` where it is a key itself."""
    for key, value in dict.copy(table).items():
        if value is held:
            return f"[{key_text(key)}]"
        if key is held:
            return " key"
    return None


def attribute_of(table: dict[Any, Any] | None, held: object) -> str:
    """``.name`` for the object in a dictionary of attributes; empty where it is not."""
    key = next((k for k, v in (table or {}).copy().items() if v is held), None)
    return f".{key}" if type(key) is str else ""
