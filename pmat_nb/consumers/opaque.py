"""What numpy arrays hold: their base, and objects where they are arrays of objects.

The collector does not look into them. Only what is stored is read: the base pointer
and the elements; no method of a subclass is run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from pmat_nb.engine.safe import is_exactly, type_name
from pmat_nb.engine.steps import Step

__all__ = [
    "Arrays",
]


class Arrays:
    """numpy's arrays, for searches that the collector cannot do alone."""

    def types(self) -> frozenset[type]:
        """ndarray and the subclasses that numpy itself makes; empty without numpy."""
        numpy = sys.modules.get("numpy")
        names = ("ndarray", "memmap", "matrix", "recarray")
        found = (getattr(numpy, "__dict__", {}).get(name) for name in names)
        return frozenset(kind for kind in found if kind is not None)

    def members(self, value: Any) -> Iterable[object]:
        """The base, if it is a view, and the elements, if they are objects."""
        if value.base is not None:
            yield value.base
        if value.dtype.char == "O":
            yield from value.flat

    def describe(self, chain: Sequence[Any]) -> Step | None:
        """``ndarray view`` of its base, or ``ndarray of 3 objects``."""
        array, held = chain[0], chain[1]
        if not is_exactly(array, tuple(self.types())):
            return None
        if array.base is held:
            return Step(f"{type_name(array)} view")
        return Step(f"{type_name(array)} of {array.size:,} objects")
