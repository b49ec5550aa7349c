"""One probe reads the system; nothing else opens ``/proc`` or calls psutil.

    >>> from pmat_nb.engine.probe import Probe
    >>> rss = Probe().rss_bytes()

``procfs``, ``cgroup``, ``host``, ``glibc``, ``pymalloc`` and ``residency`` each
know one source, ``portable`` asks psutil where there is no Linux ``/proc``.
"""

from __future__ import annotations

from .core import Probe
from .types import AllocatorReader, HeapCounters

__all__ = ["AllocatorReader", "HeapCounters", "Probe"]
