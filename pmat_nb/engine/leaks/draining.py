"""Reading raw traces in portions, so that they are never all in memory as Python objects.

``_tracemalloc._get_traces`` copies the table of traces, then makes a tuple for each of them
and a list of all. Up to Python 3.11 the collector runs while it does, and calls
``gc.callbacks``: the unfinished list is found among the youngest objects there, what is in
it is counted, and it is emptied. What is left of the memory is the copy of the table, about
half. Later Pythons collect between bytecodes only; there the list is whole.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["drained"]

# Traces between two looks. Memory in use is that of so many; fewer cost time.
_PORTION = 20_000
_NEVER = 2**31 - 1

RawTraces = list[tuple[Any, ...]]


def drained(
    get: Callable[[], RawTraces], take: Callable[[RawTraces], object], portion: int = _PORTION
) -> None:
    """Call ``get`` and hand its traces to ``take``: in portions where that can be, else at once.

    ``take`` must keep no reference to the list. It is called in this thread, the last time
    with what was left. The collector is as before afterwards, and what ``take`` raised is
    raised.
    """
    drain = _Drain(take)
    collecting, thresholds = gc.isenabled(), gc.get_threshold()
    streaming = collecting and sys.version_info < (3, 12)
    if streaming:
        # From now on the youngest objects are only those that come while ``get`` runs.
        gc.collect(0)
        gc.set_threshold(portion, _NEVER, _NEVER)
        # The first: a callback before it could let another thread run.
        gc.callbacks.insert(0, drain)
    else:
        # Millions of tuples are made, none of them garbage: the collector would go through
        # them, and through the whole heap, again and again.
        gc.disable()
    try:
        rest = get()
    finally:
        if streaming:
            gc.callbacks.remove(drain)
            gc.set_threshold(*thresholds)
        elif collecting:
            gc.enable()
    if drain.error is not None:
        raise drain.error
    take(rest)


class _Drain:
    """The callback: finds the one list of traces that is being made, and empties it."""

    def __init__(self, take: Callable[[RawTraces], object]) -> None:
        self.error: BaseException | None = None
        self._take = take
        self._thread = threading.get_ident()
        self._found: RawTraces | None = None
        self._looking = True

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase != "start" or threading.get_ident() != self._thread or self.error is not None:
            return
        if self._looking:
            self._looking = False
            found = [value for value in gc.get_objects(0) if _is_traces(value)]
            # Two: somebody else reads traces at the same time, and theirs must stay whole.
            self._found = found[0] if len(found) == 1 else None
        if self._found:
            try:
                self._take(self._found)
            except BaseException as error:  # an interrupt too: nothing raised here gets out
                self.error = error
            self._found.clear()


def _is_traces(value: object) -> bool:
    """A list of ``(domain, size, frames, number of frames)``, as only ``get`` makes them."""
    if type(value) is not list or not value:
        return False
    first = value[0]
    return (
        type(first) is tuple
        and len(first) == 4
        and list(map(type, first)) == [int, int, tuple, int]
        and sys.getrefcount(value) <= _REFERENCES
    )


# Of a list that C code alone holds: that, the list of objects, two arguments and a loop's name.
_REFERENCES = 5
