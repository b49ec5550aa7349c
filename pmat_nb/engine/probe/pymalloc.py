"""Python's own small-object allocator: what it holds, uses and has free.

From ``_PyObject_DebugMallocStats``, which walks the allocator's pools (0.3 ms for a
heap of 600 MB). Freed arenas go back to the system, and pools in the ones that stay
were used before, so all that is free here is taken as resident; at most one arena
(1 MiB) that was just begun makes that an overestimate.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from pmat_nb.engine.records import AllocatorState

from .cstream import captured

__all__ = ["parse_stats", "read_pymalloc"]

# What a line says before its "=", less the numbers. Not expressions: read at every load,
# they would take longer to compile than all of the rest.
_HELD = "arenas * bytes/arena"
_USED = "# bytes in allocated blocks"
_FREE = (
    "# bytes in available blocks",
    "unused pools * bytes",
    "# bytes lost to quantization",
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
    found = dict(_figures(text))
    if not {_HELD, _USED, *_FREE} <= found.keys():
        return None
    return AllocatorState(
        _NAME,
        held_bytes=found[_HELD],
        used_bytes=found[_USED],
        slack_bytes=sum(found[name] for name in _FREE),
    )


def _figures(text: bytes) -> Iterator[tuple[str, int]]:
    """The name and number of every line of the form ``name = 1,234``."""
    for line in text.decode("ascii", "replace").split("\n"):
        name, equals, number = line.partition("=")
        number = number.strip().replace(",", "")
        if equals and number.isdecimal():
            yield " ".join(word for word in name.split() if not word.isdecimal()), int(number)
