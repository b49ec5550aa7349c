"""What a report tells of a row beside its columns: who called, and how the growth went on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from .evidence import LEAST_BYTES
from .records import Growth, GrowthKind, Judgement, LeakRow, RowDetail, SiteGrowth, TracedFrame
from .series import growth_of
from .sites import Place, Sites, is_own
from .traces import Frames

if TYPE_CHECKING:
    from .tracker import Tracker

__all__ = ["detail_of", "details_for"]

_MOST_FRAMES = 20
# Of what the whole process grew by, what makes a row's course the same as that.
_MOST_OF_IT = 0.5


def detail_of(
    tracker: Tracker,
    place: Place,
    windows: Sequence[SiteGrowth],
    lengths: Sequence[tuple[int, int]],
    total: Growth,
    judged: Judgement,
) -> RowDetail:
    """Of a place: ``lengths`` are those of the container that grew by it, if one did."""
    rates = [window.bytes_per_iteration for window in windows]
    course = growth_of(lengths)
    return RowDetail(
        traceback=_traceback(tracker, place),
        growth=_growth(course, total, max(rates, default=0.0)),
        spread=(max(rates) - min(rates)) / 2 if len(rates) > 1 else None,
        settled_at=course.settled_at or _settled(windows),
        more_iterations=judged.more_iterations,
        kept_by=judged.reason if judged.verdict == "kept" else "",
    )


def details_for(rows: Iterable[LeakRow], known: Mapping[Place, RowDetail]) -> tuple[RowDetail, ...]:
    """One for each row, in their order; native rows have none of their own."""
    nothing = RowDetail()
    return tuple(
        known.get((row.filename, row.lineno), nothing) if row.kind == "python" else nothing
        for row in rows
    )


def _growth(course: Growth, total: Growth, rate: float) -> GrowthKind:
    if course.kind not in ("unknown", "none"):
        return course.kind
    same = rate >= _MOST_OF_IT * total.per_iteration > 0
    return total.kind if same else "unknown"


def _settled(windows: Sequence[SiteGrowth]) -> int | None:
    """The last iteration of the last window in which it grew, if others came after it."""
    growing = [at for at, w in enumerate(windows) if w.bytes_per_iteration >= LEAST_BYTES]
    if not growing or growing[-1] == len(windows) - 1:
        return None
    last = windows[growing[-1]]
    return last.start + last.iterations - 1


def _traceback(tracker: Tracker, place: Place) -> tuple[TracedFrame, ...]:
    """The longest that was recorded for the place, innermost first; empty if it is all of it."""
    found = [looked.tracebacks[place] for looked in tracker.looked if place in looked.tracebacks]
    frames = _of_the_users(tracker.sites, max(found, key=len, default=()))
    if len(set(frames)) < 2:
        return ()
    # A comprehension is a frame of its own on the same line.
    lines = [frame for frame, _ in groupby(frames)][:_MOST_FRAMES]
    return tuple(_described(tracker.sites, frame) for frame in lines)


def _of_the_users(sites: Sites, frames: Frames) -> Frames:
    """Up to the outermost line of the user's: what called that is the kernel, or us."""
    own = next((at for at, (filename, _) in enumerate(frames) if is_own(filename)), len(frames))
    users = [at for at, (filename, _) in enumerate(frames[:own]) if sites.is_user(filename)]
    return frames[: users[-1] + 1] if users else frames[:own]


def _described(sites: Sites, frame: Place) -> TracedFrame:
    site = sites.site(frame)
    return TracedFrame(site.name, site.function, site.source, sites.is_user(frame[0]))
