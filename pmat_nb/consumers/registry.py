"""Which consumers a kernel has, in charging order."""

from __future__ import annotations

from typing import Any

from .base import Consumer
from .caches import FunctoolsCaches, MatplotlibCaches, RegexCache
from .code import CompiledCells, InputHistory, LineCache, ParserCaches
from .history import OutputHistory, PrintedOutput, history_holders
from .last_error import LastTraceback
from .namespace import UserNamespace
from .strings import EqualStrings
from .temp import OpenFigures, ThrowawayNames

__all__ = ["default_consumers", "history_holders"]


def default_consumers(shell: Any) -> tuple[Consumer, ...]:
    """One of each, for one shell: ``analysis``, ``cache``, ``temp``, ``string``, ``ast``.

    Within a pool, too, what comes first is charged with what it shares.
    """
    return (
        UserNamespace(shell),
        OutputHistory(shell),
        FunctoolsCaches(shell),
        PrintedOutput(shell),
        RegexCache(),
        MatplotlibCaches(),
        LastTraceback(shell),
        OpenFigures(),
        ThrowawayNames(shell),
        EqualStrings(shell),
        CompiledCells(shell),
        InputHistory(shell),
        LineCache(),
        ParserCaches(),
    )
