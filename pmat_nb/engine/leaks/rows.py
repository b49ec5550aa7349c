"""From what a tracker has gathered to the rows of its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from .calibration import LIMITS
from .details import detail_of, details_for
from .evidence import FLOOR_BYTES, LEAST_BYTES, is_quiet, judge_site, site_rate
from .native import with_native
from .periodic import with_period
from .records import Evidence, Explanation, Growth, Judgement, LeakRow, RowDetail, SiteGrowth
from .report import LeakRecord, in_order
from .samples import Sample
from .series import growth_of, more_iterations
from .sites import Place

if TYPE_CHECKING:
    from .tracing import Looked
    from .tracker import Tracker

__all__ = ["build_record", "says_of_growth", "scale_to"]

_NOTHING = (0, 0)
_MOST_ROWS = 40
_PART = 0.05
# Of a leak of which no object was met in a window: strings deep in a library's own types.
_NOT_MET = ("", "not found: none of its objects was met")
_CUT_SHORT = "too many objects to look at all of them in time, at the end"
# Steps of seldom growth that are enough to tell.
_STEPS = 6
# Corrected by more than this something else has shrunk meanwhile.
_LEAST_SCALE = 0.35
_SOON = 2


def build_record(tracker: Tracker, explain: Callable[[Any], Explanation] | None) -> LeakRecord:
    """All rows, and how they were got. ``explain`` is asked for what retains them."""
    series = _series(tracker)
    total = growth_of(series, floor=FLOOR_BYTES / 4)
    details: dict[Place, RowDetail] = {}
    judged = [_row(tracker, place, total, explain, details) for place in _places(tracker)]
    scale = scale_to(total, [row for row, _, _ in judged])
    rows = with_native(tracker, [(_scaled(row, scale), library) for row, _, library in judged])
    ordered = in_order(_without_parts(rows))[:_MOST_ROWS]
    more = [
        found.more_iterations
        for row, found, _ in judged
        if found.more_iterations and row.bytes_per_iteration > FLOOR_BYTES
    ]
    if len(series) < LIMITS["fewest"]:
        more.append(more_iterations(total))
    if tracker.period is not None and not says_of_growth(ordered):
        length = tracker.period.length
        more.append(max(length, _STEPS * length - tracker.iterations))
    traced = sum(looked.iterations for looked in tracker.looked)
    plain_s = tracker.schedule.plain_s
    return LeakRecord(
        rows=ordered,
        iterations=tracker.iterations,
        warmup=min(tracker.warmup, tracker.iterations),
        traced=traced,
        failures=tracker.failures,
        duration_s=tracker.duration_s,
        plain_s=plain_s,
        cost=None
        if not plain_s or not tracker.iterations
        else tracker.duration_s / (plain_s * tracker.iterations),
        interrupted=tracker.interrupted,
        total=total,
        series=tuple(series),
        more_iterations=max(more) if more else None,
        notes=_notes(tracker),
        details=details_for(ordered, details),
        repeat=tracker.repeat,
    )


def says_of_growth(rows: Iterable[LeakRow]) -> bool:
    """Whether any of the rows is of something that grows, or may."""
    return any(row.verdict in ("leak", "kept", "undecided") for row in rows)


def _notes(tracker: Tracker) -> tuple[str, ...]:
    """What was left out."""
    cut = sum(looked.is_cut_short for looked in tracker.looked)
    if not cut:
        return ()
    windows = "a traced window" if cut == 1 else f"{cut} traced windows"
    return (f"{_CUT_SHORT} of {windows}: what keeps a row may be missing, or kept by a variable",)


def _windows(looked: Iterable[Looked], place: Place) -> tuple[SiteGrowth, ...]:
    """What the place kept in each, zero where it kept nothing."""
    return tuple(
        one.kept.get(place, SiteGrowth(one.start, one.iterations, _NOTHING, _NOTHING))
        for one in looked
    )


def _series(tracker: Tracker) -> list[tuple[int, int]]:
    """Retained bytes after each plain iteration, warm-up left out."""
    found = [(i, reading.retained_bytes) for i, reading in tracker.readings]
    return [(i, value) for i, value in found if value is not None and i > tracker.warmup]


def _places(tracker: Tracker) -> list[Place]:
    """Those that grew in any window, the most per iteration first."""
    rates: dict[Place, float] = {}
    for looked in tracker.looked:
        for place, kept in looked.kept.items():
            rates[place] = max(rates.get(place, 0.0), kept.bytes_per_iteration)
    found = [place for place, rate in rates.items() if rate >= LEAST_BYTES]
    return sorted(found, key=lambda place: -rates[place])[:_MOST_ROWS]


def _row(
    tracker: Tracker,
    place: Place,
    total: Growth,
    explain: Callable[[Any], Explanation] | None,
    details: dict[Place, RowDetail],
) -> tuple[LeakRow, Judgement, str]:
    sample = _sample(tracker, place)
    period = tracker.period
    stepping = with_period(_windows(tracker.looked, place), period)
    alive, sampled, age = _cohort(sample)
    windows = stepping or _windows([one for one in tracker.looked if not one.was_aimed], place)
    evidence = Evidence(
        windows=windows,
        iterations=tracker.iterations,
        lengths=_lengths(sample) if stepping is None else (),
        total=total,
        alive=alive,
        sampled=sampled,
        age=age,
    )
    if period is not None and stepping:
        evidence = evidence._replace(period=period.length)
    told = Explanation()
    if explain is not None and sample is not None and not is_quiet(evidence):
        told = explain(sample)
    evidence = evidence._replace(bound=told.bound, kept_by=told.kept_by)
    judged = judge_site(evidence)
    unmet = sample is None and judged.verdict == "leak"
    if unmet and judged.confidence < LIMITS["unmet"]:
        judged = Judgement("undecided", 0.5, max(4, tracker.iterations), "none of it was met")
    elif unmet and _is_cut_short(tracker):
        # What bounds it, or keeps it on purpose, may be among what was left out.
        judged = Judgement("undecided", 0.5, max(4, tracker.iterations), "not looked at in time")
    details[place] = detail_of(tracker, place, windows, evidence.lengths, total, judged)
    site = tracker.sites.site(place)
    rate = site_rate(evidence)
    blocks = max((w.blocks_per_iteration for w in windows), default=0.0)
    row = LeakRow(
        site=site.name,
        filename=site.filename,
        lineno=site.lineno,
        source=site.source,
        function=site.function,
        kind="python",
        verdict=judged.verdict,
        confidence=round(judged.confidence, 3),
        bytes_per_iteration=rate,
        retained_bytes=round(rate * tracker.iterations),
        retained_blocks=round(max(0.0, blocks) * tracker.iterations),
        iterations=tracker.iterations,
        retained_by=told.retained_by or _NOT_MET[judged.verdict == "leak"],
        recommendation=told.recommendation,
    )
    return row, judged, told.library


def _is_cut_short(tracker: Tracker) -> bool:
    return any(looked.is_cut_short for looked in tracker.looked)


def scale_to(total: Growth, rows: Iterable[LeakRow]) -> float:
    """By what the sites' rates are too high, 1 where they are not, or nobody can tell.

    A window counts a list that is resized in it as new. Over all plain iterations the
    process grows by what is true, if it grows steadily.
    """
    told = sum(row.bytes_per_iteration for row in rows if row.verdict in ("leak", "kept"))
    steady = total.kind == "constant" and total.high < 1.3 * total.per_iteration
    if not steady or told <= 1.1 * total.high or total.per_iteration < _LEAST_SCALE * told:
        return 1.0
    return total.per_iteration / told


def _scaled(row: LeakRow, scale: float) -> LeakRow:
    if row.verdict not in ("leak", "kept"):
        return row
    rate = row.bytes_per_iteration * scale
    return row._replace(bytes_per_iteration=rate, retained_bytes=round(rate * row.iterations))


def _sample(tracker: Tracker, place: Place) -> Sample | None:
    """The first that has any: the oldest tell most."""
    found = [looked.samples[place] for looked in tracker.looked if place in looked.samples]
    with_container = (sample for sample in found if sample.containers)
    named = (sample for sample in found if sample.named)
    return next(chain(with_container, named, found), None)


def _lengths(sample: Sample | None) -> tuple[tuple[int, int], ...]:
    grown = None if sample is None else sample.grown
    return () if grown is None else tuple(grown.lengths)


def _cohort(sample: Sample | None) -> tuple[int, int, int]:
    """How many are alive, of how many that stayed at first, after how many iterations."""
    if sample is None or not sample.alive_at:
        return 0, 0, 0
    iteration, alive = sample.alive_at[-1]
    # What goes with the very next iterations was the window's last result, and says
    # nothing of what stayed.
    stayed = sample.alive_at[min(_SOON, len(sample.alive_at) - 1)][1]
    return alive, stayed or sample.size, iteration - sample.alive_at[0][0]


def _without_parts(rows: list[LeakRow]) -> list[LeakRow]:
    """Rows that are no more than a small part of a leak beside them left out.

    The list that grows by a leak, the frame of a generator that is kept: they go when it
    goes, and have lines of their own.
    """
    leaks = [row for row in rows if row.verdict == "leak" and row.kind == "python"]
    return [
        row
        for row in rows
        if not any(
            leak is not row
            and leak.filename == row.filename
            and row.bytes_per_iteration < _PART * leak.bytes_per_iteration
            for leak in leaks
        )
    ]
