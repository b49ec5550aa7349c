"""From what was recorded to the record of a profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pmat_nb.engine.leaks.sites import Site, Sites, is_machinery
from pmat_nb.engine.leaks.traces import Sizes
from pmat_nb.engine.records import CellRecord

from .locating import Body
from .recorder import Recorder
from .records import Engine, LineGrowth, Place, Point, ProfileRecord, SiteUse, Spot

__all__ = ["MOST_SITES", "build_profile", "site_uses"]

# Rows of a profile; what comes after them is small.
MOST_SITES = 200
_MOST_UNSEEN = 5
_NOTHING = (0, 0)
# The share of sightings that makes one of several callers the one.
_CLEAR = 0.8
# A library's line that holds less, and was not seen below the user's, is the kernel at work.
_FEW_BYTES = 64 * 1024
# With fewer sightings the other callers may only have been too quick to be seen.
_ENOUGH = 5


def build_profile(
    recorder: Recorder,
    cell: CellRecord,
    sites: Sites,
    uses: tuple[SiteUse, ...],
    *,
    engine: Engine,
    traced_peak_bytes: int | None,
    sites_bytes: int | None,
    kept_bytes: int | None,
    notes: tuple[str, ...] = (),
) -> ProfileRecord:
    """The record of a cell that has ended; heights of the peak are those of ``cell``."""
    peak = recorder.peak
    return ProfileRecord(
        label=cell.label,
        first_line=cell.first_line,
        engine=engine,
        duration_s=recorder.duration_s,
        interval_s=recorder.interval_s,
        rss_before_bytes=cell.rss_before_bytes,
        rss_after_bytes=cell.rss_after_bytes,
        peak_bytes=cell.peak_bytes,
        peak_kind=cell.peak_kind,
        peak_from_s=None if peak is None else peak.from_s,
        peak_to_s=None if peak is None else peak.to_s,
        peak_line="" if peak is None or peak.line is None else sites.site(peak.line).name,
        tracer_bytes=None if recorder.traced is None else recorder.tracer_bytes,
        traced_peak_bytes=traced_peak_bytes,
        sites_bytes=sites_bytes,
        kept_bytes=kept_bytes,
        outside_bytes=recorder.outside_bytes,
        samples=recorder.samples,
        longest_gap_s=recorder.longest_gap_s,
        points=_points(recorder, sites),
        lines=_lines(recorder, sites),
        unseen=_unseen(recorder, sites, (traced_peak_bytes or 0) - (sites_bytes or 0)),
        sites=uses,
        failed=cell.failed,
        notes=notes,
    )


def site_uses(
    at_peak: Mapping[Spot, Sizes],
    kept: Mapping[Spot, Sizes],
    sites: Sites,
    callers: Mapping[Body, Mapping[Place, int]],
) -> tuple[SiteUse, ...]:
    """A row for each line that held anything at the peak or at the end, largest first.

    What a library allocated for one line of the user's is that line's, ``within`` says where:
    by the traceback, and where that did not reach so far, by samples, as an estimate.
    """
    rows: dict[Place, SiteUse] = {}
    for spot in at_peak.keys() | kept.keys():
        place = spot.filename, spot.lineno
        found = {} if sites.is_user(spot.filename) else _callers(place, callers)
        largest_bytes = max(at_peak.get(spot, _NOTHING)[0], kept.get(spot, _NOTHING)[0])
        if _is_kernels(place, found, largest_bytes, sites):
            continue
        caller = _clear_one(found)
        inner = spot.within if caller is None else place
        row = _use(
            sites.site(caller or place),
            at_peak.get(spot, _NOTHING),
            kept.get(spot, _NOTHING),
            within="" if inner is None else sites.site(inner).name,
            called_from="" if caller else ", ".join(_names(found, sites)),
            is_estimate=caller is not None,
        )
        key = row.filename, row.lineno
        rows[key] = _joined(rows[key], row) if key in rows else row
    largest = sorted(rows.values(), key=lambda row: -max(row.peak_bytes, row.kept_bytes))
    return tuple(largest[:MOST_SITES])


def _is_kernels(place: Place, found: Mapping[Place, int], size: int, sites: Sites) -> bool:
    """Whether it is not the cell's: a library's line that was never seen below the user's."""
    if found or sites.is_user(place[0]):
        return False
    return size < _FEW_BYTES or is_machinery((place,))


def _clear_one(found: Mapping[Place, int]) -> Place | None:
    """The caller that nearly all of enough sightings show."""
    seen = sum(found.values())
    commonest = max(found, key=lambda user: found[user], default=None)
    if commonest is None or seen < _ENOUGH or found[commonest] < _CLEAR * seen:
        return None
    return commonest


def _names(found: Iterable[Place], sites: Sites) -> list[str]:
    return [sites.site(place).name for place in sorted(found)]


def _use(
    site: Site, peak: Sizes, kept: Sizes, *, within: str, called_from: str, is_estimate: bool
) -> SiteUse:
    return SiteUse(
        site=site.name,
        filename=site.filename,
        lineno=site.lineno,
        source=site.source,
        function=site.function,
        peak_bytes=peak[0],
        peak_blocks=peak[1],
        kept_bytes=kept[0],
        kept_blocks=kept[1],
        temporary_bytes=max(0, peak[0] - kept[0]),
        within=within,
        called_from=called_from,
        estimated_bytes=max(peak[0], kept[0]) if is_estimate else 0,
    )


def _joined(one: SiteUse, other: SiteUse) -> SiteUse:
    """Two rows of one line; ``within`` is where the most was allocated."""
    larger = one if max(one.peak_bytes, one.kept_bytes) >= other.peak_bytes else other
    return one._replace(
        peak_bytes=one.peak_bytes + other.peak_bytes,
        peak_blocks=one.peak_blocks + other.peak_blocks,
        kept_bytes=one.kept_bytes + other.kept_bytes,
        kept_blocks=one.kept_blocks + other.kept_blocks,
        temporary_bytes=one.temporary_bytes + other.temporary_bytes,
        within=larger.within,
        estimated_bytes=one.estimated_bytes + other.estimated_bytes,
    )


def _callers(place: Place, callers: Mapping[Body, Mapping[Place, int]]) -> Mapping[Place, int]:
    """The user's lines that a library's function was seen below, with how often."""
    filename, lineno = place
    found = [
        (last - first, seen)
        for (name, first, last), seen in callers.items()
        if name == filename and first <= lineno <= last
    ]
    # The innermost of nested functions.
    return min(found, key=lambda one: one[0])[1] if found else {}


def _points(recorder: Recorder, sites: Sites) -> tuple[Point, ...]:
    names = [sites.site(place).name for place in recorder.places]
    return tuple(
        Point(at_s, rss, traced, names[line] if line >= 0 else "")
        for at_s, rss, traced, line in recorder.timeline
    )


def _unseen(recorder: Recorder, sites: Sites, missing: int) -> tuple[tuple[str, int], ...]:
    """By line, what came between the look and the highest sample: at most what is missing."""
    grown = sorted(recorder.since_look.items(), key=lambda one: -one[1])
    found = [(sites.site(place).name, min(size, missing)) for place, size in grown if size > 0]
    return tuple(found[:_MOST_UNSEEN]) if missing > 0 else ()


def _lines(recorder: Recorder, sites: Sites) -> tuple[LineGrowth, ...]:
    rows: Iterable[LineGrowth] = (
        LineGrowth(
            site=(site := sites.site(place)).name,
            filename=site.filename,
            lineno=site.lineno,
            source=site.source,
            rss_growth_bytes=growing.rss_bytes,
            traced_growth_bytes=growing.traced_bytes,
            duration_s=growing.duration_s,
        )
        for place, growing in recorder.growing.items()
    )
    return tuple(sorted(rows, key=lambda row: -max(row.rss_growth_bytes, row.traced_growth_bytes)))
