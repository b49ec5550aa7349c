"""pandas: the hash tables behind an index. All else is seen through numpy and Arrow."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.sizing import Exploded

__all__ = ["IndexEngineAdapter"]


class IndexEngineAdapter:
    """The lookup engines that pandas builds on an index's first use."""

    name = "pandas"
    exact_types = False

    def types(self) -> tuple[type, ...]:
        """pandas' compiled index engines."""
        module = sys.modules.get("pandas._libs.index")
        found = getattr(module, "IndexEngine", None)
        arrays = sys.modules.get("numpy")
        self._array = getattr(arrays, "ndarray", None)
        tables = sys.modules.get("pandas._libs.hashtable")
        self._object_table = getattr(tables, "PyObjectHashTable", None)
        return (found,) if found is not None else ()

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """The bytes of the table, and the keys that a table of objects holds."""
        own_bytes = 0
        children: list[Any] = []
        for obj in objs:
            own_bytes += obj.sizeof()
            children += self._keys(obj)
        return Exploded(own_bytes, children)

    def _keys(self, engine: Any) -> list[Any]:
        parts = gc.get_referents(engine)
        tables = [p for p in parts if type(p) is self._object_table]
        values = [p for p in parts if type(p) is self._array and p.dtype.kind == "O"]
        # With repeated values, which of them are the keys cannot be seen.
        if tables and values and len(tables[0]) == len(values[0]):
            return list(values[0].flat)
        return []
