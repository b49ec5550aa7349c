"""One traced window: what each of the user's lines kept from iteration to iteration."""

from __future__ import annotations

import gc
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import pairwise

from .blocks import is_one_block, named_blocks, own_sizes, owned_blocks, owner_among
from .census import Census, Members
from .collecting import Shelter
from .evidence import LEAST_BYTES
from .records import SiteGrowth
from .samples import Grown, Sample, traced_frames
from .sites import DEEPEST, Place, Sites
from .traces import Frames, Sizes, Window

__all__ = ["Looked", "TracedWindow"]

# Sites of one window that are worth samples.
_MOST_SITES = 24


class Looked:
    """What a window found. ``kept`` is what its places kept, ``samples`` objects of them."""

    def __init__(self, start: int, iterations: int) -> None:
        self.start = start
        self.iterations = iterations
        self.kept: dict[Place, SiteGrowth] = {}
        self.samples: dict[Place, Sample] = {}
        self.grown: list[Grown] = []
        # Of what kept something, the traceback of its largest part.
        self.tracebacks: dict[Place, Frames] = {}
        # Places outside of the user's code that kept something: deeper tracebacks are due.
        self.foreign = 0
        # Whether it was open for a step that was expected.
        self.was_aimed = False
        # Whether objects were left out, for there was no time to look at all.
        self.is_cut_short = False

    def let_go(self) -> None:
        """Hold none of the user's objects any more."""
        self.grown.clear()
        for sample in self.samples.values():
            sample.let_go()


class TracedWindow:
    """Opens tracing; ``mark`` after each iteration; ``close`` gives what was found.

    ``done`` iterations came before. A census is taken where ``sampling``; ``names`` gives
    what the repeated code itself names, ``members`` what an object holds without the
    collector knowing. Of ``known`` places it is known which containers grow.
    """

    def __init__(
        self,
        sites: Sites,
        shelter: Shelter,
        done: int,
        *,
        frames: int,
        sampling: bool,
        names: Callable[[], Mapping[str, object]] = dict,
        members: Members = lambda value: (),
        known: Collection[Place] = (),
    ) -> None:
        self._sites = sites
        self._shelter = shelter
        self._done = done
        self._names = names
        self._known = known
        shelter.collect()
        shelter.thaw()
        self._census = Census(members) if sampling else None
        self._named = own_sizes(names()) if sampling else {}
        shelter.refreeze()
        self._readings: list[dict[Place, Sizes]] = []
        self._largest: dict[Place, tuple[int, Frames]] = {}
        self._void = False
        self._window = Window(frames)
        self._limit = tracemalloc.get_traceback_limit()
        self._may_deepen = frames < DEEPEST

    @property
    def iterations(self) -> int:
        """Marked so far."""
        return len(self._readings)

    def mark(self) -> None:
        """An iteration is over: what is alive of what was allocated since the window began."""
        self._shelter.collect()
        found = self._window.read()
        if found is None:
            self._void = True
            found = {}
        sums: defaultdict[Place, list[int]] = defaultdict(lambda: [0, 0])
        self._largest.clear()
        for frames, (size, blocks) in found.items():
            place = self._place(frames)
            if place is not None:
                if size > self._largest.get(place, (0,))[0]:
                    self._largest[place] = size, frames
                sums[place][0] += size
                sums[place][1] += blocks
        self._readings.append({place: (s, b) for place, (s, b) in sums.items()})

    def close(self) -> Looked | None:
        """Tracing ends (where it was started here); None if somebody stopped it before."""
        looked = Looked(self._done + 1, self.iterations)
        try:
            if not self._void and self._readings:
                self._look(looked)
        finally:
            self._window.close()
            self._shelter.thaw()
            self._shelter.refreeze()
        return None if self._void or not self._readings else looked

    def cancel(self) -> None:
        """Tracing ends, whatever was found."""
        self._window.close()
        self._shelter.thaw()

    def _look(self, looked: Looked) -> None:
        first, last = self._readings[0], self._readings[-1]
        for place in first.keys() | last.keys():
            looked.kept[place] = SiteGrowth(
                looked.start, looked.iterations, first.get(place, (0, 0)), last.get(place, (0, 0))
            )
        suspects = self._suspects(looked.kept)
        looked.tracebacks = {p: self._largest[p][1] for p in suspects if p in self._largest}
        strangers = {place for place in suspects if not self._sites.is_user(place[0])}
        looked.foreign = sum(map(self._grows_always, strangers))
        if looked.foreign and self._may_deepen:
            return  # another window with deeper tracebacks replaces this one
        if self._may_deepen:
            # What came now and then, far from the user's code, is nobody's: a thread's, ours.
            suspects = [place for place in suspects if place not in strangers]
            for place in strangers:
                del looked.kept[place]
        suspects = [place for place in suspects if place not in self._known]
        if self._census is not None and suspects:
            fresh, apart = self._shelter.fresh(), self._shelter.active
            self._shelter.thaw()
            names = self._names()
            looked.samples, looked.grown = self._census.samples(
                suspects, self._place, fresh, looked.start, names, apart=apart
            )
            looked.is_cut_short = self._census.is_cut_short
            self._look_for_blocks(looked, suspects, names)

    def _look_for_blocks(
        self, looked: Looked, suspects: Iterable[Place], names: Mapping[str, object]
    ) -> None:
        """Whose the blocks are of which neither a container nor an object is known."""
        missing = {p: looked.kept[p] for p in suspects if p not in looked.samples}
        missing = {place: kept for place, kept in missing.items() if is_one_block(kept)}
        for place, name in named_blocks(missing, self._named, names).items():
            looked.samples[place] = Sample(place, looked.start)
            looked.samples[place].named = name
            del missing[place]
        if not missing:
            return
        sizes = [kept.last[0] for kept in missing.values()]
        for value, holders in owned_blocks(gc.get_objects(), sizes):
            found = self._place(traced_frames(value) or ())
            if found is not None and missing.pop(found, None) is not None:
                looked.samples[found] = Sample(found, looked.start)
                looked.samples[found].is_replaced(value, owner_among(holders, value))
            if not missing:
                return

    def _grows_always(self, place: Place) -> bool:
        """Whether a place kept more after each iteration than after the one before."""
        # The text that makes named tuples: their fields were made elsewhere.
        if place[0] == "<string>":
            return False
        sizes = [reading.get(place, (0, 0))[0] for reading in self._readings]
        return all(after > before for before, after in pairwise(sizes))

    def _place(self, frames: Frames) -> Place | None:
        return self._sites.place(frames, self._limit)

    @staticmethod
    def _suspects(kept: dict[Place, SiteGrowth]) -> Iterable[Place]:
        rates = {place: growth.bytes_per_iteration for place, growth in kept.items()}
        found = [place for place, rate in rates.items() if rate >= LEAST_BYTES]
        return sorted(found, key=lambda place: -rates[place])[:_MOST_SITES]
