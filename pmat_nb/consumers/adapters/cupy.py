"""cupy arrays: the block of the memory pool under each of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.sizing import Buffer, Exploded

__all__ = ["CupyAdapter"]


class CupyAdapter:
    """``cupy.ndarray`` itself."""

    name = "cupy"
    exact_types = True

    def types(self) -> tuple[type, ...]:
        """``cupy.ndarray``."""
        found = getattr(sys.modules.get("cupy"), "ndarray", None)
        return (found,) if found is not None else ()

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Device blocks."""
        blocks = [obj.data.mem for obj in objs]
        return Exploded(buffers=[Buffer(b.ptr, b.size, "device") for b in blocks if b.size])
