"""Python's own small-object allocator: what it holds, uses and has free.

From ``_PyObject_DebugMallocStats``, which walks the allocator's pools (0.3 ms for a
heap of 600 MB). Freed arenas go back to the system, and pools in the ones that stay
were used before, so all that is free here is taken as resident; at most one arena
(1 MiB) that was just begun makes that an overestimate.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from pmat_nb.engine.records import AllocatorState

from .cstream import captured

__all__ = ["parse_stats", "read_pymalloc"]

_HELD = re.compile(rb"^\d+ arenas \* \d+ bytes/arena +=\s+([\d,]+)$", re.MULTILINE)
_USED = re.compile(rb"^# bytes in allocated blocks +=\s+([\d,]+)$", re.MULTILINE)
_FREE = (
    re.compile(rb"^# bytes in available blocks +=\s+([\d,]+)$", re.MULTILINE),
    re.compile(rb"^\d+ unused pools \* \d+ bytes +=\s+([\d,]+)$", re.MULTILINE),
    re.compile(rb"^# bytes lost to quantization +=\s+([\d,]+)$", re.MULTILINE),
)
# Arenas are mappings of 1 MiB (256 kB before 3.10) aligned to pages, not to pools:
# the ends that no pool fits into are never touched, so they are held but not slack.
_NAME = "pymalloc"


@functools.cache
def _debug_stats() -> Any:
    try:
        import ctypes

        # through pythonapi, which keeps the GIL: pools must not change meanwhile
        function = ctypes.pythonapi._PyObject_DebugMallocStats
    except (ImportError, AttributeError):
        return None
    function.argtypes = [ctypes.c_void_p]
    function.restype = ctypes.c_int
    return function


def read_pymalloc() -> AllocatorState | None:
    """The allocator's state; None where this Python does not tell."""
    function = _debug_stats()
    answer = None if function is None else captured(function)
    if answer is None:
        return None
    in_use, text = answer
    if not in_use and b"mimalloc" not in text:
        return AllocatorState(_NAME, 0, 0, 0, note="switched off by PYTHONMALLOC")
    return parse_stats(text)


def parse_stats(text: bytes) -> AllocatorState | None:
    """The figures in the text that ``sys._debugmallocstats`` prints as well."""
    held, used = _HELD.search(text), _USED.search(text)
    free = [pattern.search(text) for pattern in _FREE]
    if held is None or used is None or None in free:
        return None
    return AllocatorState(
        _NAME,
        held_bytes=_integer(held),
        used_bytes=_integer(used),
        slack_bytes=sum(_integer(match) for match in free if match),
    )


def _integer(match: re.Match[bytes]) -> int:
    return int(match[1].replace(b",", b""))
