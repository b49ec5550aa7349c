"""Pictures of reports. Imports matplotlib: import this module inside functions only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from pmat_nb.engine.stats_records import StatsRecord

from .canvas import Paint, Scale, paint_for, sheet, tell
from .format import brief, duration, limit, percent
from .palette import HUES, LEVEL_HUES, hue_of
from .parts import Share
from .phrases import headline
from .texts import clean, cut

__all__ = ["bars", "identity", "log_timeline", "run_timeline"]

_LABEL_LENGTH = 28
# A limit further away than this would press the bar into a corner.
_LIMIT_IN_VIEW = 4.0


def identity(record: StatsRecord, parts: Sequence[Share], theme: str | None) -> Figure:
    """One stacked bar of the parts, against the limit where it is near enough to draw."""
    paint = paint_for(theme)
    rss = record.rss_bytes or 0
    bound = record.limit.limit_bytes if record.limit else record.usable_bytes
    near = bound if bound is not None and rss and bound <= rss * _LIMIT_IN_VIEW else None
    scale = Scale.of([rss, near])
    figure, axes = sheet(2.3, paint, title=headline(record).parts[0].text)
    handles = _stack(axes, parts, scale, paint)
    if near is not None and record.limit is not None:
        _limit_line(axes, scale(near), f"limit {limit(near)}", paint, vertical=True)
    axes.set_xlim(0, scale(max(near or 0, rss) or 1) * 1.02)
    axes.set_ylim(-0.5, 0.5)
    axes.set_yticks([])
    axes.set_xlabel(f"resident memory ({scale.unit})")
    _legend(figure, handles, paint)
    return figure


def _stack(axes: Axes, parts: Sequence[Share], scale: Scale, paint: Paint) -> list[Any]:
    left = 0.0
    handles = []
    for part in parts:
        width = scale(part.used_bytes or 0)
        label = f"{part.label}  {part.bound}{brief(part.used_bytes)}  {percent(part.share)}"
        handles.append(Patch(color=hue_of(part.key), label=cut(clean(label), 48)))
        if width <= 0:
            continue
        axes.barh(
            0, width, left=left, height=0.62, color=hue_of(part.key), edgecolor=paint.face, lw=1
        )
        left += width
    return handles


def _legend(figure: Figure, handles: Sequence[Any], paint: Paint) -> None:
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=4 if len(handles) == 4 else 3,
        frameon=False,
        fontsize=9,
        labelcolor=paint.ink,
        handlelength=1,
        handleheight=1,
        columnspacing=1.8,
    )


def _limit_line(axes: Axes, at: float, label: str, paint: Paint, *, vertical: bool) -> None:
    hue = HUES["limit"]
    if vertical:
        axes.axvline(at, color=hue, lw=1.6, ls=(0, (5, 3)))
        axes.annotate(
            label,
            (at, 0.5),
            xytext=(-5, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color=paint.ink,
            fontsize=9,
            annotation_clip=False,
        )
        return
    axes.axhline(at, color=hue, lw=1.6, ls=(0, (5, 3)))
    axes.annotate(
        label,
        (1, at),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        color=paint.ink,
        fontsize=9,
    )


def bars(
    names: Sequence[str],
    series: Mapping[str, Sequence[int]],
    *,
    title: str,
    theme: str | None,
    hues: Sequence[str] | None = None,
) -> Figure:
    """Horizontal bars, the first on top; a second series is drawn on behind the first."""
    paint = paint_for(theme)
    scale = Scale.of(value for values in series.values() for value in values)
    figure, axes = sheet(1.1 + 0.3 * max(1, len(names)), paint, title=title)
    rows = range(len(names))
    ends = [0.0] * len(names)
    for order, (label, values) in enumerate(series.items()):
        widths = [scale(value) for value in values]
        colours: list[str] | str = HUES["analysis"] if order == 0 else HUES["unattributed"]
        if hues is not None and order == 0:
            colours = [hue_of(hue) for hue in hues]
        axes.barh(rows, widths, left=ends, height=0.62, color=colours, label=label)
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    _bar_labels(axes, names, series, ends, paint)
    axes.set_xlabel(f"memory ({scale.unit})")
    axes.grid(axis="x", color=paint.rule, lw=0.6)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=paint.ink, loc="lower right")
    return figure


def _bar_labels(
    axes: Axes,
    names: Sequence[str],
    series: Mapping[str, Sequence[int]],
    ends: Sequence[float],
    paint: Paint,
) -> None:
    labels = [_plain(cut(clean(name), _LABEL_LENGTH)) for name in names]
    axes.set_yticks(range(len(names)), labels, color=paint.ink)
    axes.invert_yaxis()
    first = next(iter(series.values()), ())
    for row, (value, end) in enumerate(zip(first, ends, strict=True)):
        tell(axes, brief(value), (max(end, 0.0), row), paint)
    axes.margins(x=0.12)


def _plain(text: str) -> str:
    """A name that matplotlib must not read as mathematics."""
    return text.replace("$", r"\$")


def run_timeline(
    sessions: Sequence[Sequence[Any]], limit_bytes: int | None, theme: str | None
) -> Figure:
    """RSS after each cell run, a line per session, peaks as markers, the limit across."""
    paint = paint_for(theme)
    cells = [cell for rows in sessions for cell in rows]
    measured = [
        value for cell in cells for value in (cell.rss_after_bytes, cell.peak_bytes) if value
    ]
    top = max(measured, default=0)
    near = limit_bytes if limit_bytes is not None and limit_bytes <= top * 3 else None
    scale = Scale.of([top, near])
    figure, axes = sheet(3.4, paint, title="Memory after each cell run")
    first = 1
    for rows in sessions:
        _one_session(axes, rows, first, scale, paint)
        first += len(rows)
    if near is not None:
        _limit_line(axes, scale(near), f"limit {limit(near)}", paint, vertical=False)
    axes.set_ylim(0, scale(max(top, near or 0) or 1) * 1.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.set_xlabel("cell runs, oldest first")
    axes.set_ylabel(f"resident memory ({scale.unit})")
    axes.grid(axis="y", color=paint.rule, lw=0.6)
    _legend(figure, _run_handles(any(cell.failed for cell in cells)), paint)
    return figure


def _one_session(axes: Axes, rows: Sequence[Any], first: int, scale: Scale, paint: Paint) -> None:
    at = [first + n for n, cell in enumerate(rows) if cell.rss_after_bytes is not None]
    after = [scale(cell.rss_after_bytes) for cell in rows if cell.rss_after_bytes is not None]
    axes.plot(at, after, color=HUES["analysis"], lw=1.8, marker="o", ms=3.5)
    peaks = [(first + n, scale(c.peak_bytes)) for n, c in enumerate(rows) if c.peak_bytes]
    axes.scatter(
        [x for x, _ in peaks], [y for _, y in peaks], marker="^", s=22, color=HUES["cache"]
    )
    failed = [
        (first + n, scale(c.rss_after_bytes))
        for n, c in enumerate(rows)
        if c.failed and c.rss_after_bytes is not None
    ]
    axes.scatter([x for x, _ in failed], [y for _, y in failed], marker="x", s=36, color=paint.ink)
    if first > 1:
        axes.axvline(first - 0.5, color=paint.rule, lw=1)


def _run_handles(failures: bool) -> list[Line2D]:
    handles = [
        Line2D([], [], color=HUES["analysis"], marker="o", ms=4, label="after the cell"),
        Line2D([], [], color=HUES["cache"], marker="^", ls="", ms=5, label="peak during it"),
    ]
    if failures:
        handles.append(Line2D([], [], color=HUES["slack"], marker="x", ls="", label="failed"))
    return handles


def log_timeline(
    points: Sequence[tuple[float, int | None, str | None]],
    limit_bytes: int | None,
    theme: str | None,
) -> Figure:
    """RSS over time with a band of pressure levels below.

    ``points`` are ``(seconds, rss_bytes, level)`` in order of time.
    """
    paint = paint_for(theme)
    top = max((rss for _, rss, _ in points if rss is not None), default=0)
    near = limit_bytes if limit_bytes is not None and limit_bytes <= top * 3 else None
    scale = Scale.of([top, near])
    start = points[0][0] if points else 0.0
    span = points[-1][0] - start if points else 0.0
    factor, unit = next(
        (f, u)
        for f, u, least in (
            (86400, "days", 172800),
            (3600, "h", 7200),
            (60, "min", 180),
            (1, "s", 0),
        )
        if span >= least
    )
    figure, axes = sheet(3.4, paint, title=f"Memory over {duration(span)}")
    known = [((at - start) / factor, scale(rss)) for at, rss, _ in points if rss is not None]
    axes.plot([x for x, _ in known], [y for _, y in known], color=HUES["analysis"], lw=1.6)
    axes.fill_between(
        [x for x, _ in known], [y for _, y in known], color=HUES["analysis"], alpha=0.15, lw=0
    )
    if near is not None:
        _limit_line(axes, scale(near), f"limit {limit(near)}", paint, vertical=False)
    ceiling = scale(max(top, near or 0) or 1) * 1.12
    seen = _level_band(axes, points, start, factor, ceiling)
    axes.set_ylim(-0.06 * ceiling, ceiling)
    axes.set_xlabel(f"time ({unit})")
    axes.set_ylabel(f"resident memory ({scale.unit})")
    axes.grid(axis="y", color=paint.rule, lw=0.6)
    _legend(figure, [Patch(color=LEVEL_HUES[name], label=name) for name in seen], paint)
    return figure


def _level_band(
    axes: Axes,
    points: Sequence[tuple[float, int | None, str | None]],
    start: float,
    factor: float,
    ceiling: float,
) -> list[str]:
    """Stretches of one level as a strip below zero; the levels that occur."""
    stretches: list[tuple[float, float, str]] = []
    for (at, _, name), (until, _, _) in pairwise(points):
        if name not in LEVEL_HUES:
            continue
        begin, end = (at - start) / factor, (until - start) / factor
        if stretches and stretches[-1][2] == name and stretches[-1][1] == begin:
            begin = stretches.pop()[0]
        stretches.append((begin, end, str(name)))
    for begin, end, name in stretches:
        axes.broken_barh(
            [(begin, end - begin)], (-0.05 * ceiling, 0.035 * ceiling), color=LEVEL_HUES[name], lw=0
        )
    return [name for name in LEVEL_HUES if any(name == one for _, _, one in stretches)]
