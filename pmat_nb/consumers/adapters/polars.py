"""polars frames and series, never lazy ones: the Arrow buffers under them, uncopied."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.sizing import Buffer, Exploded

from .arrow import arrow_buffers

__all__ = ["PolarsAdapter"]

# Handing these to Arrow would copy them.
_COPIED = ("Categorical", "Enum", "Object")


class PolarsAdapter:
    """``DataFrame`` and ``Series`` themselves; subclasses may compute when asked.

    With pyarrow loaded a column's buffers are known by address, so frames that share
    columns are counted once. Without it, or for categories, polars' own estimate stands.
    """

    name = "polars"
    exact_types = True

    def types(self) -> tuple[type, ...]:
        """The two eager types."""
        polars = sys.modules.get("polars")
        names = ("DataFrame", "Series")
        return tuple(getattr(polars, name) for name in names if hasattr(polars, name))

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Buffers where they can be had, an estimate elsewhere."""
        frame = sys.modules["polars"].DataFrame
        buffers: list[Buffer] = []
        estimated = 0
        exact = True
        for obj in objs:
            for series in obj.get_columns() if type(obj) is frame else (obj,):
                found = _buffers(series)
                if found is None:
                    estimated += series.estimated_size()
                    exact = False
                else:
                    buffers += found
        return Exploded(own_bytes=estimated, buffers=buffers, exact=exact)


def _buffers(series: Any) -> list[Buffer] | None:
    arrow = sys.modules.get("pyarrow")
    dtype = repr(series.dtype)
    if arrow is None or not hasattr(arrow, "string_view"):
        return None
    if any(name in dtype for name in _COPIED):
        return None
    try:
        return arrow_buffers(arrow.chunked_array(series))
    except Exception:  # a type that Arrow cannot show
        return None
