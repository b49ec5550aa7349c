"""What a tracked run found: leaks first, each with its line, its retainer and a way out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.leaks.records import LeakRow, RowDetail, TracedFrame
from pmat_nb.engine.leaks.report import LeakChange, LeakRecord

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import brief, count, duration, unit_of
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["LeakReport"]

_KINDS = {
    "site": "object",
    "filename": "object",
    "lineno": "Int64",
    "source": "object",
    "function": "object",
    "kind": "object",
    "verdict": "object",
    "confidence": "Float64",
    "bytes_per_iteration": "Float64",
    "retained_bytes": "Int64",
    "retained_blocks": "Int64",
    "iterations": "Int64",
    "retained_by": "object",
    "recommendation": "object",
}
_QUIET = ("noise",)
_COURSES = ("constant", "stepping", "saw-tooth", "decelerating")
# Of runs shorter than this in all, a ratio tells of our own work, not of theirs.
_TELLING_S = 0.1


class LeakReport(Report):
    """A tracked run. ``top`` bounds the rows shown; frame and dictionary have them all."""

    title = "Leaks"

    def __init__(self, record: LeakRecord, *, top: int | None = None) -> None:
        self.record = record
        self.top = top

    @property
    def leaking(self) -> bool:
        """Whether anything leaks."""
        return self.record.leaking

    @property
    def rows(self) -> tuple[LeakRow, ...]:
        """Most certain leak first."""
        return self.record.rows

    def compare(self, other: LeakReport) -> pd.DataFrame:
        """What appeared and what went away since ``other``, the earlier report."""
        kinds = dict.fromkeys(LeakChange._fields, "object")
        kinds |= {
            "bytes_per_iteration_before": "Float64",
            "bytes_per_iteration_after": "Float64",
        }
        changes = self.record.compare(other.record)
        return frame_of((change._asdict() for change in changes), kinds)

    def blocks(self) -> list[Block]:
        """A paragraph for each leak, a line for all else, and how often the code ran."""
        record = self.record
        details = dict(zip(self.rows, record.details, strict=False))
        shown = [row for row in self.rows if row.verdict not in _QUIET][: self.top]
        blocks: list[Block] = []
        for row in shown:
            detail = details.get(row, RowDetail())
            blocks += _leak(row, detail) if row.verdict == "leak" else [_other(row, detail, record)]
        if not shown:
            blocks.append(Line.of(_nothing(self.record)))
        blocks.append(Line.of(Part(_course(self.record), "muted")))
        blocks += [Line.of(Part(note, "muted")) for note in self.record.notes]
        return blocks

    def compact(self) -> str:
        """One line: how many leaks, and the surest."""
        leaks = [row for row in self.rows if row.verdict == "leak"]
        if not leaks:
            return f"{_nothing(self.record)}; {_course(self.record)}"
        first = leaks[0]
        more = f", and {len(leaks) - 1} more" if len(leaks) > 1 else ""
        return (
            f"leak {first.confidence:.2f}  {first.site}  {_rate(first, _detail(self.record))}{more}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Every figure of the run, and a dictionary per row."""
        record = self.record
        return {
            "leaking": record.leaking,
            "iterations": record.iterations,
            "warmup": record.warmup,
            "traced": record.traced,
            "failures": record.failures,
            "duration_s": record.duration_s,
            "cost": record.cost,
            "interrupted": record.interrupted,
            "more_iterations": record.more_iterations,
            "series": [list(point) for point in record.series],
            "rows": [row._asdict() for row in record.rows],
            "tracebacks": {
                row.site: [frame._asdict() for frame in detail.traceback]
                for row, detail in zip(record.rows, record.details, strict=False)
                if detail.traceback
            },
            "notes": list(record.notes),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per site, most certain leak first."""
        return frame_of((row._asdict() for row in self.rows), _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """Bytes retained after each iteration, and the growth that was fitted to them."""
        from .leaks_figure import growth

        return growth(self.record, theme)


def _detail(record: LeakRecord) -> RowDetail:
    """Of the first row."""
    return record.details[0] if record.details else RowDetail()


def _leak(row: LeakRow, detail: RowDetail) -> list[Block]:
    what = row.source or row.function
    first = Line.of(
        Part(f"leak {row.confidence:.2f}  {row.site}", "strong"),
        what,
        _rate(row, detail),
        joint="  ",
    )
    pairs: Sequence[tuple[str, str]] = (
        ("kept by", row.retained_by),
        ("fix", row.recommendation),
    )
    rows = tuple((f"  {name}:", text) for name, text in pairs if text)
    blocks: list[Block] = [first]
    if rows:
        blocks.append(Grid((Column(tone="muted"), Column(flex=True, least=20, gap=1)), rows))
    return blocks + _traceback(detail.traceback)


def _traceback(frames: Sequence[TracedFrame]) -> list[Block]:
    """The user's frames, the others folded below them; HTML alone has room for either."""
    if not frames:
        return []
    users = [frame for frame in frames if frame.is_user]
    others = [frame for frame in frames if not frame.is_user]
    inner: list[Block] = [_frames(users)] if users else []
    if others:
        called = f"{count(len(others))} {'frame' if len(others) == 1 else 'frames'} in libraries"
        inner.append(Fold(called, (_frames(others),), open=not users))
    return [Fold("traceback, innermost first", tuple(inner), text=False)]


def _frames(frames: Sequence[TracedFrame]) -> Grid:
    columns = (Column(), Column(tone="muted"), Column(flex=True, least=20))
    return Grid(columns, tuple((f.site, f.function, f.source) for f in frames))


def _other(row: LeakRow, detail: RowDetail, record: LeakRecord) -> Line:
    if row.verdict == "kept":
        name = f"{detail.kept_by} (your variable)" if detail.kept_by else ""
        return Line.of(
            f"kept on purpose: {name or row.retained_by or row.site}", _rate(row, detail)
        )
    if row.verdict == "undecided":
        amount = _uncertain(row.bytes_per_iteration, detail.spread)
        # One number for the whole report: the most that any of its rows needs.
        more = _more(record.more_iterations or detail.more_iterations, record)
        told = f"not enough runs to tell: {row.site}, {amount}"
        return Line.of(f"{told}; {more}" if more else told)
    settled = "" if detail.settled_at is None else f", flat after run {count(detail.settled_at)}"
    what = f"{row.site} {row.source}".strip()
    return Line.of(f"{row.verdict} {row.confidence:.2f}: {what}{settled}")


def _rate(row: LeakRow, detail: RowDetail) -> str:
    course = f", {detail.growth}" if detail.growth in _COURSES else ""
    return (
        f"{brief(int(row.bytes_per_iteration))}/run{course} over {count(row.iterations)} runs "
        f"({brief(row.retained_bytes)})"
    )


def _uncertain(rate: float, spread: float | None) -> str:
    """``2 ± 3 kB``: both in the unit of the larger."""
    if spread is None:
        return f"{brief(int(rate))}/run"
    unit = unit_of(max(rate, spread))
    low = brief(int(rate), unit=unit, named=False)
    return f"{low} ± {brief(int(spread), unit=unit)}/run"


def _more(iterations: int | None, record: LeakRecord) -> str:
    """What would tell: time, where it is known how long a run takes, and the runs in all."""
    if not iterations:
        return ""
    if record.repeat is None:
        return f"about {count(iterations)} more runs may tell"
    runs = f"--repeat {record.iterations + iterations}"
    if not record.plain_s:
        return f"about {count(iterations)} more: {runs}"
    seconds = iterations * record.plain_s * max(1.0, record.cost or 1.0)
    return f"about {duration(seconds)} more: {runs}"


def _nothing(record: LeakRecord) -> str:
    if not record.iterations:
        return "no iteration was marked: mark() was never called"
    if record.more_iterations:
        return f"not enough runs to tell; {_more(record.more_iterations, record)}"
    return "nothing leaks"


def _course(record: LeakRecord) -> str:
    text = f"your code ran {count(record.iterations)} times in {duration(record.duration_s)}"
    if record.cost is not None and (record.plain_s or 0.0) * record.iterations > _TELLING_S:
        text += f" ({record.cost:.1f}× plain)"
    if record.failures:
        text += f", {count(record.failures)} times with an error"
    return text + (", interrupted" if record.interrupted else "")
