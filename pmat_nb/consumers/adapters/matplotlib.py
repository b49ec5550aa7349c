"""matplotlib: the pixel buffers of drawn figures. The rest is ordinary objects."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.sizing import Exploded

__all__ = ["RendererAdapter"]


class RendererAdapter:
    """The compiled Agg renderer that a canvas keeps after drawing."""

    name = "matplotlib"
    exact_types = True

    def types(self) -> tuple[type, ...]:
        """The compiled renderer."""
        module = sys.modules.get("matplotlib.backends._backend_agg")
        found = getattr(module, "RendererAgg", None)
        return (found,) if found is not None else ()

    def explode(self, objs: Sequence[Any]) -> Exploded:
        """Four bytes a pixel, by the buffer protocol."""
        return Exploded(own_bytes=sum(memoryview(obj).nbytes for obj in objs))
