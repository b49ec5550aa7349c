"""The course of a profiled run, drawn. Imports matplotlib: import it inside functions only."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pmat_nb.engine.profile.records import Point, ProfileRecord
from pmat_nb.errors import UnavailableError

from .canvas import Paint, Scale, paint_for, sheet
from .format import brief, duration
from .palette import HUES

__all__ = ["course"]

# Bands narrower than this share of the time have no room for their line's name.
_LEAST_NAMED = 0.06


def course(record: ProfileRecord, theme: str | None) -> Figure:
    """Resident and traced bytes over time; the exact peak as a line; bands by running line.

    Raises:
        UnavailableError: there are fewer than two samples.
    """
    points = [point for point in record.points if point.rss_bytes is not None]
    if len(points) < 2:
        raise UnavailableError("no course to draw: the cell was over before two samples")
    paint = paint_for(theme)
    scale = Scale.of([*(point.rss_bytes for point in points), record.peak_bytes])
    title = f"{record.label}: peak {brief(record.peak_bytes)} in {duration(record.duration_s)}"
    figure, axes = sheet(3.6, paint, title=title)
    times = [point.at_s for point in points]
    axes.plot(
        times,
        [scale(point.rss_bytes or 0) for point in points],
        color=HUES["analysis"],
        lw=1.8,
        label="resident",
    )
    traced = [(p.at_s, scale(p.traced_bytes)) for p in points if p.traced_bytes is not None]
    if traced:
        axes.plot(*zip(*traced, strict=True), color=HUES["libraries"], lw=1.4, label="traced")
    _peak(axes, record, scale, paint)
    _running_lines(axes, points, paint)
    axes.set_xlim(0, max(record.duration_s, times[-1]))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.12)
    axes.set_xlabel("time (s)")
    axes.set_ylabel(f"memory ({scale.unit})")
    axes.grid(axis="y", color=paint.rule, lw=0.6)
    figure.legend(
        loc="outside lower center", ncols=3, frameon=False, fontsize=9, labelcolor=paint.ink
    )
    return figure


def _peak(axes: Axes, record: ProfileRecord, scale: Scale, paint: Paint) -> None:
    """Its height is exact; its moment lies between two samples, and in the middle here."""
    if record.peak_bytes is None:
        return
    height = scale(record.peak_bytes)
    axes.axhline(height, color=HUES["limit"], lw=1, ls=(0, (5, 3)))
    if record.peak_from_s is None or record.peak_to_s is None:
        return
    at = (record.peak_from_s + record.peak_to_s) / 2
    label = f"peak ({record.peak_kind})"
    axes.plot([at], [height], "v", color=HUES["limit"], ms=7, label=label)
    axes.annotate(
        f"{brief(record.peak_bytes)}  {record.peak_line}".strip(),
        (at, height),
        xytext=(0, 8),
        textcoords="offset points",
        ha="right" if at > record.duration_s * 0.6 else "left",
        fontsize=9,
        color=paint.ink,
        annotation_clip=False,
    )


def _running_lines(axes: Axes, points: list[Point], paint: Paint) -> None:
    """The line of the cell that ran, along the bottom."""
    span = points[-1].at_s or 1.0
    begun = points[0]
    changes = [b for a, b in pairwise(points) if a.line != b.line]
    for number, following in enumerate([*changes, points[-1]]):
        start, end = begun.at_s, following.at_s
        if begun.line and end > start:
            axes.axvspan(start, end, ymax=0.07, color=paint.rule, alpha=0.5 + 0.5 * (number % 2))
            if end - start >= _LEAST_NAMED * span:
                axes.annotate(
                    begun.line.rpartition(":")[2],
                    ((start + end) / 2, 0.035),
                    xycoords=("data", "axes fraction"),
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=paint.ink,
                )
        begun = following
