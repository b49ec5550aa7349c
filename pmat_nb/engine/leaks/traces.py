"""What tracemalloc holds, grouped by traceback, without a snapshot of it.

``take_snapshot().statistics()`` makes an object for each trace and hashes each of its
frames. Here the traces are grouped by their raw tracebacks in C loops that make no new
objects: while tracing is on, every new number would be traced as well.

``_tracemalloc`` is CPython's own and not documented; where its form is another one, the
public snapshot serves, slower. Memory in use while reading is that of
``_get_traces``, which copies all traces; so windows are kept short, not read often.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

__all__ = ["Frames", "Sizes", "Window", "difference", "group", "read"]

# (filename, line) pairs, innermost first.
Frames = tuple[tuple[str, int], ...]
# Bytes and blocks.
Sizes = tuple[int, int]


def read() -> dict[Frames, Sizes]:
    """Bytes and blocks alive by traceback; empty while nothing is traced."""
    if not tracemalloc.is_tracing():
        return {}
    # Millions of tuples are made, none of them garbage: the collector would go through
    # them, and through the whole heap, again and again.
    collecting = gc.isenabled()
    gc.disable()
    try:
        traces = _raw_traces()
        return _from_snapshot() if traces is None else group(traces)
    finally:
        if collecting:
            gc.enable()


def group(traces: Iterable[tuple[Any, ...]]) -> dict[Frames, Sizes]:
    """Raw traces ``(domain, size, frames, ...)`` by their frames."""
    if not isinstance(traces, list):
        traces = list(traces)
    sizes: defaultdict[Frames, list[int]] = defaultdict(list)
    appended = map(
        list.append, map(sizes.__getitem__, map(itemgetter(2), traces)), map(itemgetter(1), traces)
    )
    deque(appended, maxlen=0)
    return {frames: (sum(found), len(found)) for frames, found in sizes.items()}


def _raw_traces() -> list[tuple[Any, ...]] | None:
    try:
        import _tracemalloc

        found: Any = _tracemalloc._get_traces()
        sample = found[0] if found else (0, 0, (("", 0),))
        name, line = sample[2][0]
        return found if type(name) is str and type(line) is int else None
    except (ImportError, AttributeError, TypeError, ValueError, IndexError):
        return None


def _from_snapshot() -> dict[Frames, Sizes]:
    found: defaultdict[Frames, list[int]] = defaultdict(list)
    for trace in tracemalloc.take_snapshot().traces:
        # The public order is oldest first.
        frames = tuple((frame.filename, frame.lineno) for frame in reversed(trace.traceback))
        found[frames].append(trace.size)
    return {frames: (sum(sizes), len(sizes)) for frames, sizes in found.items()}


def difference(
    after: Mapping[Frames, Sizes], before: Mapping[Frames, Sizes]
) -> dict[Frames, Sizes]:
    """By traceback, what is there more or less than before; what is the same is left out."""
    found = {}
    for frames in after.keys() | before.keys():
        (size, blocks), (old_size, old_blocks) = (
            after.get(frames, (0, 0)),
            before.get(frames, (0, 0)),
        )
        if (size, blocks) != (old_size, old_blocks):
            found[frames] = size - old_size, blocks - old_blocks
    return found


class Window:
    """Tracing for a while. What the user traces already is shared, and left on.

    ``frames`` deep where tracing is ours to start. ``read`` gives what was allocated
    since ``open`` and is alive, None where somebody stopped the tracing meanwhile.
    """

    def __init__(self, frames: int = 1) -> None:
        self.shared = tracemalloc.is_tracing()
        self._open = True
        self._before: dict[Frames, Sizes] = {}
        if self.shared:
            self._before = read()
        else:
            tracemalloc.start(frames)

    def read(self) -> dict[Frames, Sizes] | None:
        """By traceback, bytes and blocks; less than zero where what was there has gone."""
        if not (self._open and tracemalloc.is_tracing()):
            return None
        return difference(read(), self._before) if self._before else read()

    def close(self) -> None:
        """Stop tracing if it was started here; closing twice is fine."""
        if self._open and not self.shared:
            tracemalloc.stop()
        self._open = False
        self._before = {}
