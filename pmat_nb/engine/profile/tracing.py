"""Python's own tracing for the length of one run, with the true peak between looks."""

from __future__ import annotations

import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from pmat_nb.engine.leaks.sites import Sites, machinery_of
from pmat_nb.engine.leaks.traces import Frames, Sizes, Window

from .records import Spot

__all__ = ["Traced", "by_place", "common"]

# np.ones and np.full stand one frame above the user's line. With a third frame a loop that makes
# small objects at a cell's top level takes seven times as long as with one, with two twice: each
# trace then looks up a line of IPython's long functions. Deeper calls are given by samples.
_FRAMES = 2
# What a look takes at most, in units of what tracing holds for itself: up to 2.8 times that for
# the copy of all traces (Python 3.11; later ones hold all of it at once), of which tracing sees
# the sums alone, up to a fifth for few traces.
_COPY, _TRACED_SHARE = 4, 4
# What may be left in the traced peak.
_LITTLE = 0.02


class Traced:
    """What was allocated since ``start``. Where the user traces already, that is shared.

    ``aside`` encloses work of ours whose memory, at most so many bytes, must not count to the
    peak.
    """

    def __init__(
        self,
        sites: Sites,
        aside: Callable[[int], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._sites = sites
        self._aside = aside
        self._clock = clock
        self._window: Window | None = None
        self._base = self._tracer_base = 0
        self._ended = False
        self.peak_bytes = 0

    @property
    def shared(self) -> bool:
        """Whether it was on before: its peak is then the user's, and known by samples."""
        return self._window is not None and self._window.shared

    def start(self) -> None:
        """Trace from here on."""
        self._window = Window(_FRAMES)
        if self.shared:
            self._base = tracemalloc.get_traced_memory()[0]
        self._tracer_base = tracemalloc.get_tracemalloc_memory()

    def now(self) -> int | None:
        """Bytes alive of what was allocated since the start; None once tracing was stopped."""
        if self._window is None or not tracemalloc.is_tracing():
            return None
        held, peak = tracemalloc.get_traced_memory()
        if not self._ended:
            self.peak_bytes = max(self.peak_bytes, held - self._base if self.shared else peak)
        return held - self._base

    def end(self) -> None:
        """What comes from here on does not count to the peak; ending twice is fine."""
        self.now()
        self._ended = True

    def tracer_bytes(self) -> int:
        """What tracing holds for itself."""
        if not tracemalloc.is_tracing():
            return 0
        return max(0, tracemalloc.get_tracemalloc_memory() - self._tracer_base)

    def look(self) -> tuple[dict[Spot, Sizes] | None, float]:
        """Bytes and blocks alive by place, and the processor time it took; None once stopped."""
        self.now()
        began = self._clock()
        tracer = self.tracer_bytes()
        with self._aside(_COPY * tracer):
            found = self._window.read() if self._window is not None else None
            places = None if found is None else by_place(found, self._sites, _limit())
            del found
        if not self.shared and not self._ended and tracemalloc.is_tracing():
            self._leave_out(tracer // _TRACED_SHARE)
        return places, self._clock() - began

    def _leave_out(self, own_bytes: int) -> None:
        """The peak may have what the look took, and what the run did meanwhile."""
        peak = tracemalloc.get_traced_memory()[1]
        if peak <= self.peak_bytes:
            return
        if own_bytes > _LITTLE * peak:
            tracemalloc.reset_peak()
            peak -= own_bytes
        self.peak_bytes = max(self.peak_bytes, peak)

    def stop(self) -> None:
        """Stop tracing if it was started here; stopping twice is fine."""
        window, self._window = self._window, None
        if window is not None:
            window.close()


def by_place(found: Mapping[Frames, Sizes], sites: Sites, limit: int) -> dict[Spot, Sizes]:
    """Sums by the nearest line of the user's, else by the innermost; our own left out.

    Tracebacks were cut off at ``limit`` frames.
    """
    sums: defaultdict[Spot, list[int]] = defaultdict(lambda: [0, 0])
    for frames, (size, blocks) in found.items():
        place = sites.place(frames, limit)
        if place is None:
            continue
        if sites.is_user(place[0]):
            spot = Spot(*place, None if frames[0] == place else frames[0])
        else:
            spot = Spot(*(machinery_of(frames) or place))
        sums[spot][0] += size
        sums[spot][1] += blocks
    return {spot: (size, blocks) for spot, (size, blocks) in sums.items() if size > 0}


def common(one: Mapping[Spot, Sizes], other: Mapping[Spot, Sizes]) -> dict[Spot, Sizes]:
    """What both looks saw: alive at the first and still so, nothing that came in between."""
    return {
        spot: (min(one[spot][0], other[spot][0]), min(one[spot][1], other[spot][1]))
        for spot in one.keys() & other.keys()
    }


def _limit() -> int:
    return tracemalloc.get_traceback_limit() if tracemalloc.is_tracing() else 0
