"""Deep sizes of many variables at once, every byte counted once.

Use :func:`size_roots` with :class:`Root` tuples (:func:`namespace_roots` makes them from
a namespace) and read a :class:`Sizing`. Adapters for libraries follow
:class:`~pmat_nb.engine.sizing.adapter.Adapter`.

Not covered: memory that C extensions hold and neither the collector nor an adapter
shows; references such code holds on Python objects make these look held from outside.
"""

from __future__ import annotations

from .adapter import Adapter, Buffer, Exploded
from .engine import namespace_roots, size_roots
from .kinds import shallow_sizes
from .results import BufferRange, Root, RootSize, Sizing

__all__ = [
    "Adapter",
    "Buffer",
    "BufferRange",
    "Exploded",
    "Root",
    "RootSize",
    "Sizing",
    "namespace_roots",
    "shallow_sizes",
    "size_roots",
]
