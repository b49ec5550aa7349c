"""Exit codes of ``pmat-nb``; scripts rely on them."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Code"]


class Code(IntEnum):
    """What a command tells the shell."""

    FINE = 0
    CELL_FAILED = 1
    USAGE = 2
    GATE_FAILED = 3
    LIMIT_EXCEEDED = 4
    NO_KERNEL = 5
