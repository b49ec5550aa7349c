"""Pillow: the pixels behind an image."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.sizing import Exploded

__all__ = ["PillowAdapter"]

_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2}


class PillowAdapter:
    """Pillow's compiled image core."""

    name = "pillow"
    exact_types = True

    def types(self) -> tuple[type, ...]:
        """The core's type, which no module names: that of an image of one pixel."""
        make = getattr(sys.modules.get("PIL._imaging"), "new", None)
        return (type(make("L", (1, 1))),) if make is not None else ()

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Width by height by the bytes Pillow stores for a pixel of that mode (mostly 4)."""
        sizes = ((*obj.size, _PIXEL_BYTES.get(obj.mode, 4)) for obj in objs)
        return Exploded(own_bytes=sum(width * height * each for width, height, each in sizes))
