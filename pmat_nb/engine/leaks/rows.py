"""From what a tracker has gathered to the rows of its report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .calibration import LIMITS
from .census import Sample
from .evidence import FLOOR_BYTES, judge_site, site_rate
from .records import Evidence, Explanation, Growth, Judgement, LeakRow, SiteGrowth
from .report import LeakRecord, in_order
from .series import growth_of, judge, more_iterations
from .sites import Place

if TYPE_CHECKING:
    from .tracker import Tracker

__all__ = ["build_record"]

_NOTHING = (0, 0)
_MOST_ROWS = 40


def build_record(tracker: Tracker, explain: Callable[[Any], Explanation] | None) -> LeakRecord:
    """All rows, and how they were got. ``explain`` is asked for what retains them."""
    series = _series(tracker)
    total = growth_of(series, floor=FLOOR_BYTES / 4)
    judged = [_row(tracker, place, total, explain) for place in _places(tracker)]
    rows = [row for row, _ in judged]
    native = _native(tracker, total, rows)
    if native is not None:
        rows.append(native)
    more = [found.more_iterations for _, found in judged if found.more_iterations]
    if len(series) < LIMITS["fewest"]:
        more.append(more_iterations(total))
    traced = sum(looked.iterations for looked in tracker.looked)
    plain_s = tracker.schedule.plain_s
    return LeakRecord(
        rows=in_order(rows)[:_MOST_ROWS],
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
    found = [place for place, rate in rates.items() if rate > FLOOR_BYTES]
    return sorted(found, key=lambda place: -rates[place])[:_MOST_ROWS]


def _row(
    tracker: Tracker,
    place: Place,
    total: Growth,
    explain: Callable[[Any], Explanation] | None,
) -> tuple[LeakRow, Judgement]:
    windows = tuple(
        looked.kept.get(place, SiteGrowth(looked.start, looked.iterations, _NOTHING, _NOTHING))
        for looked in tracker.looked
    )
    sample = _sample(tracker, place)
    told = Explanation() if explain is None or sample is None else explain(sample)
    evidence = Evidence(
        windows=windows,
        iterations=tracker.iterations,
        lengths=_lengths(sample),
        total=total,
        bound=told.bound,
        kept_by=told.kept_by,
        **_cohort(sample),
    )
    judged = judge_site(evidence)
    site = tracker.sites.site(place)
    rate = site_rate(evidence)
    blocks = max(w.blocks_per_iteration for w in windows)
    native = told.native_bytes * blocks_of_objects(sample, windows) if told.native_bytes else 0.0
    rate += native
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
        retained_by=told.retained_by,
        recommendation=told.recommendation,
    )
    return row, judged


def blocks_of_objects(sample: Sample | None, windows: tuple[SiteGrowth, ...]) -> float:
    """How many sampled objects an iteration adds, by the container that grew."""
    lengths = _lengths(sample)
    if len(lengths) > 1 and lengths[-1][0] > lengths[0][0]:
        return max(0.0, (lengths[-1][1] - lengths[0][1]) / (lengths[-1][0] - lengths[0][0]))
    return 1.0


def _sample(tracker: Tracker, place: Place) -> Sample | None:
    """The first that has any: the oldest tell most."""
    found = [looked.samples[place] for looked in tracker.looked if place in looked.samples]
    with_container = [sample for sample in found if sample.grown is not None]
    return next(iter(with_container or found), None)


def _lengths(sample: Sample | None) -> tuple[tuple[int, int], ...]:
    return () if sample is None or sample.grown is None else tuple(sample.grown.lengths)


def _cohort(sample: Sample | None) -> dict[str, int]:
    if sample is None or not sample.alive_at:
        return {}
    iteration, alive = sample.alive_at[-1]
    return {
        "alive": alive,
        "sampled": sample.size,
        "age": iteration - sample.alive_at[0][0],
    }


def _native(tracker: Tracker, total: Growth, rows: list[LeakRow]) -> LeakRow | None:
    """A row for steady growth of the heap or a pool that no traced site accounts for."""
    told = sum(row.bytes_per_iteration for row in rows if row.verdict in ("leak", "kept"))
    found = []
    for name, series in _native_series(tracker).items():
        growth = growth_of(series, floor=FLOOR_BYTES)
        if growth.kind in ("constant", "stepping") and growth.low - told > FLOOR_BYTES:
            found.append((name, growth))
    if not found:
        return None
    # A pool of a library says more than the heap that it may be a part of.
    name, growth = found[-1]
    judged = judge(growth)
    rate = growth.per_iteration - told
    return LeakRow(
        site=name,
        filename="",
        lineno=0,
        source="",
        function="",
        kind="native",
        verdict=judged.verdict,
        confidence=round(min(judged.confidence, LIMITS["native_sure"]), 3),
        bytes_per_iteration=rate,
        retained_bytes=round(rate * tracker.iterations),
        retained_blocks=0,
        iterations=tracker.iterations,
        retained_by=f"{name}, outside of Python's sight",
        recommendation="run again with --native, which finds the line (needs memray)",
    )


def _native_series(tracker: Tracker) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for i, reading in tracker.readings:
        if i <= tracker.warmup:
            continue
        if reading.heap_bytes is not None:
            found.setdefault("C heap", []).append((i, reading.heap_bytes))
        for name, value in reading.pools:
            found.setdefault(f"{name} pool", []).append((i, value))
    return found
