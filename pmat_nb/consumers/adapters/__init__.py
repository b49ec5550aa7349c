"""How the memory of particular libraries' objects is found, one module per library.

Every adapter follows :class:`pmat_nb.engine.sizing.Adapter`, looks its library up in
``sys.modules`` and imports nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from pmat_nb.engine.sizing import Adapter

from .arrow import ArrowAdapter
from .cupy import CupyAdapter
from .matplotlib import RendererAdapter
from .memory import CtypesAdapter, MmapAdapter
from .numpy import NumpyAdapter
from .pandas import IndexEngineAdapter
from .pillow import PillowAdapter
from .polars import PolarsAdapter
from .torch import TorchAdapter

__all__ = ["default_adapters"]


def default_adapters() -> Sequence[Adapter]:
    """Every adapter there is; those whose library is not loaded find no types."""
    return (
        NumpyAdapter(),
        IndexEngineAdapter(),
        ArrowAdapter(),
        PolarsAdapter(),
        TorchAdapter(),
        CupyAdapter(),
        MmapAdapter(),
        CtypesAdapter(),
        RendererAdapter(),
        PillowAdapter(),
    )
