"""What one run of a cell took: its peak, the lines that held it, and what stayed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.profile.records import LineGrowth, ProfileRecord, SiteUse
from pmat_nb.errors import UsageError

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import brief, duration, percent
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ProfileReport"]

_SITE_KINDS = {
    "site": "object",
    "filename": "object",
    "lineno": "Int64",
    "source": "object",
    "function": "object",
    "peak_bytes": "Int64",
    "peak_blocks": "Int64",
    "kept_bytes": "Int64",
    "kept_blocks": "Int64",
    "temporary_bytes": "Int64",
    "within": "object",
    "called_from": "object",
    "native": "object",
    "reserved_bytes": "Int64",
    "estimated_bytes": "Int64",
}
_LINE_KINDS = {
    "site": "object",
    "filename": "object",
    "lineno": "Int64",
    "source": "object",
    "rss_growth_bytes": "Int64",
    "traced_growth_bytes": "Int64",
    "duration_s": "Float64",
}
_POINT_KINDS = {
    "at_s": "Float64",
    "rss_bytes": "Int64",
    "traced_bytes": "Int64",
    "line": "object",
}
_SITES_SHOWN, _LINES_SHOWN = 8, 6
# Of the largest; what is smaller is in the frame.
_WORTH_SHOWING = 0.005
_WORTH_SAYING = 1024**2
# Of a row's bytes, the share that is an estimate and makes the row one.
_MUCH_ESTIMATED = 0.05
_CALLERS_NAMED = 12
_CURVE = "▁▂▃▄▅▆▇█"
_CURVE_WIDTH = 56


class ProfileReport(Report):
    """A profiled run. Text shows the largest lines; frame and dictionary have all kept."""

    title = "Profile"

    def __init__(self, record: ProfileRecord) -> None:
        self.record = record

    def blocks(self) -> list[Block]:
        """The peak, the course, sites at the peak, what is out of sight, growth by line."""
        record = self.record
        blocks: list[Block] = [Line.of(*_headline(record)), *_resident(record)]
        curve = _curve(record)
        if curve:
            blocks.append(Line.of(curve, Part("resident over time", "muted"), joint="  "))
        blocks += _sites(record)
        blocks += [Line.of(Part(text, "muted")) for text in _remarks(record)]
        lines = _telling_lines(record.lines)
        if lines:
            title = f"Growth by line, estimated from {record.samples:,} samples"
            blocks.append(Fold(title, (_line_grid(lines, traced=record.engine != "memray"),)))
        return blocks

    def compact(self) -> str:
        """One line: the peak and the largest line at it."""
        parts = [part.text for part in _headline(self.record)]
        if self.record.sites:
            first = self.record.sites[0]
            parts.append(f"{brief(first.peak_bytes)} at {first.site}")
        return " · ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Every figure of the run, with a dictionary per site, line and point."""
        figures = self.record._asdict()
        for key in ("sites", "lines", "points"):
            figures[key] = [one._asdict() for one in figures[key]]
        figures["unseen"] = [list(pair) for pair in self.record.unseen]
        figures["notes"] = list(self.record.notes)
        return figures

    def to_frame(self, what: str = "sites") -> pd.DataFrame:
        """A row per allocation site, largest at the peak first; or ``lines``, ``timeline``.

        Raises:
            UsageError: ``what`` is none of the three.
        """
        kinds = {"sites": _SITE_KINDS, "lines": _LINE_KINDS, "timeline": _POINT_KINDS}
        if what not in kinds:
            raise UsageError(f"to_frame: {what!r} is not sites, lines or timeline")
        rows: Iterable[Any] = {
            "sites": self.record.sites,
            "lines": self.record.lines,
            "timeline": self.record.points,
        }[what]
        return frame_of((row._asdict() for row in rows), kinds[what])

    def plot(self, *, theme: str | None = None) -> Figure:
        """Resident and traced memory over time, the peak marked, and the running line."""
        from .profile_figure import course

        return course(self.record, theme)


def _headline(record: ProfileRecord) -> list[Part]:
    parts = [Part(f"{record.label} ran {duration(record.duration_s)}", "strong")]
    if record.peak_bytes is not None:
        text = f"peak {brief(record.peak_bytes)} ({record.peak_kind})"
        if record.rss_before_bytes is not None:
            text += f", {brief(record.peak_bytes - record.rss_before_bytes)} over its start"
        parts.append(Part(text, "strong"))
    if record.peak_to_s is not None:
        where = f"at {record.peak_line}, " if record.peak_line else ""
        parts.append(Part(f"{where}after {duration(record.peak_to_s)}"))
    if record.failed:
        parts.append(Part("it failed"))
    return parts


def _resident(record: ProfileRecord) -> list[Block]:
    before, after = record.rss_before_bytes, record.rss_after_bytes
    parts = []
    if before is not None and after is not None:
        parts.append(f"resident {brief(before)} before, {brief(after)} after")
    if record.tracer_bytes is not None and record.tracer_bytes >= _WORTH_SAYING:
        parts.append(f"of the peak up to {brief(record.tracer_bytes)} are the tracer's own")
    return [Line.of(*(Part(text, "muted") for text in parts))] if parts else []


def _curve(record: ProfileRecord) -> str:
    """Resident memory over time in characters, from its lowest to its highest."""
    known = [(p.at_s, p.rss_bytes) for p in record.points if p.rss_bytes is not None]
    if len(known) < 3 or record.duration_s <= 0:
        return ""
    low, high = min(rss for _, rss in known), max(rss for _, rss in known)
    if high - low < _WORTH_SAYING:
        return ""
    width = min(_CURVE_WIDTH, len(known))
    columns: list[int | None] = [None] * width
    for at_s, resident in known:
        column = min(width - 1, int(at_s / record.duration_s * width))
        columns[column] = max(columns[column] or 0, resident)
    text, last = "", low
    for rss in columns:
        last = last if rss is None else rss
        text += _CURVE[round((last - low) / (high - low) * (len(_CURVE) - 1))]
    return text


def _sites(record: ProfileRecord) -> list[Block]:
    largest = max((max(s.peak_bytes, s.kept_bytes) for s in record.sites), default=0)
    shown = [
        site
        for site in record.sites[:_SITES_SHOWN]
        if max(site.peak_bytes, site.kept_bytes) >= _WORTH_SHOWING * largest
    ]
    if not shown or record.sites_bytes is None:
        return [Line.of("no allocation was seen at the peak")]
    columns = (
        Column("at peak", right=True),
        Column("stayed", right=True),
        Column("temporary", right=True),
        Column("line"),
        Column("source", flex=True, least=16),
    )
    rows = tuple(
        (
            *(
                ("~" if size and _is_estimate(site) else "") + brief(size)
                for size in (site.peak_bytes, site.kept_bytes, site.temporary_bytes)
            ),
            site.site,
            _what(site),
        )
        for site in shown
    )
    blocks: list[Block] = [Line.of(_how_near(record), tone="strong"), Grid(columns, rows)]
    blocks += [_callers(site) for site in shown if site.called_from]
    if any(map(_is_estimate, shown)):
        text = "~ given to its line by samples of the stack, not by a traceback"
        blocks.append(Line.of(Part(text, "muted")))
    return blocks


def _is_estimate(site: SiteUse) -> bool:
    return site.estimated_bytes > _MUCH_ESTIMATED * max(site.peak_bytes, site.kept_bytes)


def _callers(site: SiteUse) -> Line:
    """A line of its own: in the grid the names would be cut."""
    names = site.called_from.split(", ")
    more = len(names) - _CALLERS_NAMED
    shown = names[:_CALLERS_NAMED] + ([f"and {more} more"] if more > 0 else [])
    shown = [name + "," for name in shown[:-1]] + shown[-1:]
    return Line.of(*(Part(p, "muted") for p in (f"{site.site} called from", *shown)), joint=" ")


def _what(site: SiteUse) -> str:
    text = site.source or site.function
    return "  · ".join(part for part in (text, site.within, site.native) if part)


def _how_near(record: ProfileRecord) -> str:
    peak, seen = record.traced_peak_bytes or 0, record.sites_bytes or 0
    if record.engine == "memray":
        return f"Allocated at the peak, C code too: {brief(peak)}"
    share = min(1.0, seen / peak) if peak else 1.0
    near = "" if share > 0.995 else f", seen at {percent(share)} of it"
    return f"Allocated at the traced peak of {brief(peak)}{near}"


def _remarks(record: ProfileRecord) -> list[str]:
    found = []
    if record.unseen and (record.sites_bytes or 0) < 0.95 * (record.traced_peak_bytes or 0):
        grew = ", ".join(f"{site} +{brief(size)}" for site, size in record.unseen)
        found.append(f"from there to the peak, estimated from samples: {grew}")
    outside = record.outside_bytes
    if outside is not None and outside >= _WORTH_SAYING:
        found.append(
            f"outside Python's sight: about {brief(outside)} (Arrow, polars, C code, loaded "
            "libraries, what allocators keep) · %%pmat_profile --native shows lines"
        )
    reserved = sum(site.reserved_bytes or 0 for site in record.sites)
    if reserved >= _WORTH_SAYING:
        found.append(f"of it {brief(reserved)} are mapped in one piece, and need not be in memory")
    if record.longest_gap_s > max(0.1, 5 * record.interval_s):
        found.append(
            f"longest time without a sample: {duration(record.longest_gap_s)} (C code that holds "
            "the interpreter, or a look at the traces)"
        )
    found.append(
        "memray was on: everything runs slower"
        if record.engine == "memray"
        else "tracing was on: code that makes many objects runs several times slower, numeric "
        "code as before"
    )
    return [*record.notes, *found]


def _telling_lines(lines: Iterable[LineGrowth]) -> list[LineGrowth]:
    grown = [
        line for line in lines if max(line.rss_growth_bytes, line.traced_growth_bytes) > 64 * 1024
    ]
    return grown[:_LINES_SHOWN]


def _line_grid(lines: list[LineGrowth], *, traced: bool) -> Grid:
    columns = (
        Column("resident", right=True),
        *((Column("traced", right=True),) if traced else ()),
        Column("time", right=True),
        Column("line"),
        Column("source", flex=True, least=16),
    )
    rows = tuple(
        (
            f"+{brief(line.rss_growth_bytes)}",
            *((f"+{brief(line.traced_growth_bytes)}",) if traced else ()),
            duration(line.duration_s),
            line.site,
            line.source,
        )
        for line in lines
    )
    return Grid(columns, rows)
