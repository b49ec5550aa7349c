"""What tracemalloc holds, grouped by traceback, without a snapshot of it.

``take_snapshot().statistics()`` makes an object for each trace and hashes each of its
frames. Here the traces are grouped by their raw tracebacks in C loops that make no new
objects: while tracing is on, every new number would be traced as well.

``_tracemalloc`` is CPython's own and not documented; where its form is another one, the
public snapshot serves, slower. ``_get_traces`` copies all traces, as the snapshot does;
where it can be had in portions (:mod:`.draining`) half of that memory is not used.
"""

from __future__ import annotations

import tracemalloc
from collections import defaultdict, deque
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from .draining import drained

__all__ = ["Frames", "Sizes", "Window", "add", "difference", "read"]

# (filename, line) pairs, innermost first.
Frames = tuple[tuple[str, int], ...]
# Bytes and blocks.
Sizes = tuple[int, int]


def read() -> dict[Frames, Sizes]:
    """Bytes and blocks alive by traceback; empty while nothing is traced."""
    if not tracemalloc.is_tracing():
        return {}
    sums: dict[Frames, Sizes] = {}
    try:
        import _tracemalloc

        get: Any = _tracemalloc._get_traces
        drained(get, lambda traces: add(sums, traces))
        name, line = next(iter(sums), (("", 0),))[0]
        known = type(name) is str and type(line) is int
    except (ImportError, AttributeError, TypeError, ValueError, IndexError):
        known = False
    return sums if known else _from_snapshot()


def add(sums: dict[Frames, Sizes], traces: list[tuple[Any, ...]]) -> None:
    """Add raw traces ``(domain, size, frames, ...)`` to the sums of their frames."""
    sizes: defaultdict[Frames, list[int]] = defaultdict(list)
    appended = map(
        list.append, map(sizes.__getitem__, map(itemgetter(2), traces)), map(itemgetter(1), traces)
    )
    deque(appended, maxlen=0)
    for frames, found in sizes.items():
        size, blocks = sums.get(frames, (0, 0))
        sums[frames] = size + sum(found), blocks + len(found)


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
