"""``pmat-nb run``: what each notebook and cell took, the gates, and what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from pmat_nb.engine.record_json import to_plain
from pmat_nb.engine.runs.records import CellRun, Change, NotebookRun, RunRecord, Scenario
from pmat_nb.engine.runs.spread import Spread
from pmat_nb.errors import UnavailableError

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import brief, count, duration, limit, signed
from .gates import gate_blocks
from .report import Report, frame_of
from .texts import clean, cut

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["RunReport", "cell_line", "change_line"]

_KINDS = {
    "notebook": "object",
    "cell": "object",
    "outcome": "object",
    "duration_s": "Float64",
    "peak_bytes": "Int64",
    "peak_kind": "object",
    "added_bytes": "Int64",
    "growth_bytes": "Int64",
    "tree_peak_bytes": "Int64",
    "pressure_level": "object",
    "first_line": "object",
    "error": "object",
}
_NOT_RUN = ("not run", "skipped")
# Cells of a long notebook that are worth a row: the rest is in the files.
_SHOWN = 30


class _Drawn(NamedTuple):
    """What the timeline shows of a cell."""

    rss_after_bytes: int | None
    peak_bytes: int | None
    failed: bool


class RunReport(Report):
    """One run of some notebooks or of a scenario; ``record`` has every figure."""

    title = "Notebook run"
    pictured = False

    def __init__(self, record: RunRecord) -> None:
        self.record = record

    def blocks(self) -> list[Block]:
        """Each notebook with its cells and gates, the scenario's spread, what has changed."""
        found: list[Block] = []
        scenario = self.record.scenario
        if scenario is not None:
            found += _scenario_blocks(scenario)
        for run in self.record.notebooks:
            if scenario is None or run.outcome != "ok":
                found += _notebook_blocks(run)
            found += gate_blocks(run.gates)
        found += _change_blocks(self.record.changes)
        return [*found, *(Line.of(note, tone="muted") for note in self.record.notes)]

    def compact(self) -> str:
        """One line: how many ran, how they ended, the highest peak."""
        runs = self.record.notebooks
        fine = sum(run.outcome == "ok" for run in runs)
        peaks = [run.peak_bytes for run in runs if run.peak_bytes is not None]
        failed = [gate for run in runs for gate in run.gates if gate.passed is False]
        worse = sum(change.verdict == "worse" for change in self.record.changes)
        parts = [
            f"{count(fine)} of {count(len(runs))} ran to the end",
            f"peak {brief(max(peaks, default=None))}",
            duration(self.record.duration_s),
            *([f"{count(len(failed))} gates failed"] if failed else []),
            *([f"{count(worse)} figures worse than the baseline"] if worse else []),
        ]
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """The whole record, sums and differences included; a baseline file holds this."""
        found: dict[str, Any] = to_plain(self.record)
        for run, plain in zip(self.record.notebooks, found["notebooks"], strict=True):
            plain |= {"peak_bytes": run.peak_bytes, "growth_bytes": run.growth_bytes}
            for cell, figures in zip(run.cells, plain["cells"], strict=True):
                figures |= {"added_bytes": cell.added_bytes, "growth_bytes": cell.growth_bytes}
        return found

    def to_frame(self) -> pd.DataFrame:
        """One row per cell."""
        return frame_of(self._rows(), _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """Memory after each cell and its peak, a line per notebook.

        Raises:
            UnavailableError: no cell was measured.
        """
        from . import figures

        ran = [
            [cell for cell in run.cells if cell.outcome not in _NOT_RUN]
            for run in self.record.notebooks
        ]
        if not any(cell.rss_after_bytes for cells in ran for cell in cells):
            raise UnavailableError("no cell was measured: there is nothing to draw")
        limits = {run.limit_bytes for run in self.record.notebooks}
        bound = limits.pop() if len(limits) == 1 else None
        return figures.run_timeline([list(map(_drawn, cells)) for cells in ran], bound, theme)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for run in self.record.notebooks:
            for cell in run.cells:
                yield {
                    **cell._asdict(),
                    "notebook": run.path,
                    "cell": cell.label,
                    "added_bytes": cell.added_bytes,
                    "growth_bytes": cell.growth_bytes,
                }


def _drawn(cell: CellRun) -> _Drawn:
    return _Drawn(cell.rss_after_bytes, cell.peak_bytes, cell.outcome != "ok")


def cell_line(cell: CellRun) -> str:
    """A cell that has run, in one line."""
    figures = [
        duration(cell.duration_s) if cell.duration_s is not None else "",
        f"peak {brief(cell.peak_bytes)}" if cell.peak_bytes is not None else "",
        f"{signed(cell.growth_bytes)} kept" if cell.growth_bytes is not None else "",
    ]
    said = " · ".join(text for text in figures if text)
    return f"{cell.label} {cell.outcome}{f' · {said}' if said else ''}"


def change_line(change: Change) -> str:
    """A figure that is worse than in the baseline, in one line."""
    where = f"{change.notebook} {change.cell}".strip()
    show = duration if change.figure == "time" else brief
    return (
        f"{where}: {change.figure} {show(change.after)}, was {show(change.before)}, "
        f"at most {show(change.bound)} passes"
    )


def _notebook_blocks(run: NotebookRun) -> list[Block]:
    bound = f"limit {limit(run.limit_bytes)} ({run.limit_source})" if run.limit_bytes else ""
    head = Line.of(
        Part(clean(run.path), "strong"),
        Part(run.outcome, "low" if run.outcome == "ok" else "critical"),
        duration(run.duration_s),
        f"peak {brief(run.peak_bytes)}",
        f"{signed(run.growth_bytes)} from start to end" if run.growth_bytes is not None else "",
        bound,
    )
    ended = [cell for cell in run.cells if cell.error and cell.outcome != "ok"]
    return [
        head,
        *_cell_rows(run.cells),
        *(Line.of(f"  {_error(cell)}", tone="critical") for cell in ended),
        *([Line.of(f"  {clean(run.death)}", tone="critical")] if run.death else []),
        *(Line.of(f"  {clean(note)}", tone="muted") for note in run.notes),
        *(
            [Line.of(f"  executed notebook: {clean(run.output)}", tone="muted")]
            if run.output
            else []
        ),
    ]


def _error(cell: CellRun) -> str:
    text = (cell.error.splitlines() or [""])[0]
    # A stop names its cell itself.
    return cut(clean(text if text.startswith(cell.label) else f"{cell.label}: {text}"), 160)


def _cell_rows(cells: tuple[CellRun, ...]) -> list[Block]:
    if len(cells) <= _SHOWN:
        return [_grid(cells)] if cells else []
    largest = sorted(cells, key=lambda cell: -(cell.added_bytes or 0))[:_SHOWN]
    worth = [cell for cell in cells if cell in largest or cell.outcome not in ("ok", *_NOT_RUN)]
    left = f"  +{count(len(cells) - len(worth))} cells that added less"
    return [
        _grid(tuple(worth)),
        Line.of(left, tone="muted"),
        Fold("all cells", (_grid(cells),), text=False),
    ]


def _grid(cells: tuple[CellRun, ...]) -> Grid:
    columns = (
        Column("cell"),
        Column(""),
        Column("time", right=True),
        Column("peak", right=True),
        Column("added", right=True),
        Column("kept", right=True),
        Column("level", optional=1),
        Column("first line", flex=True, tone="muted"),
    )
    return Grid(columns, tuple(_row(cell) for cell in cells))


def _row(cell: CellRun) -> tuple[str, ...]:
    def known(value: Any, text: str) -> str:
        return "" if value is None else text

    mark = "~ " if cell.peak_kind == "sampled" else ""
    return (
        cell.label,
        "raised, as tagged" if cell.outcome == "ok" and cell.error else cell.outcome,
        known(cell.duration_s, duration(cell.duration_s)),
        known(cell.peak_bytes, f"{mark}{brief(cell.peak_bytes)}"),
        known(cell.added_bytes, signed(cell.added_bytes)),
        known(cell.growth_bytes, signed(cell.growth_bytes)),
        cell.pressure_level or "",
        clean(cell.first_line),
    )


def _scenario_blocks(scenario: Scenario) -> list[Block]:
    warm = f", {scenario.warm_up} before them to warm up" if scenario.warm_up else ""
    each = "each in a kernel of its own" if scenario.kernel == "fresh" else "in one kernel"
    head = Line.of(
        Part(f"scenario {clean(scenario.name)}", "strong"),
        f"{len(scenario.repetitions)} of {scenario.repeat} repetitions, {each}{warm}",
    )
    figures = (
        ("peak", scenario.peak, brief),
        ("added at the peak", scenario.added, brief),
        ("growth", scenario.growth, brief),
        ("time", scenario.time, duration),
    )
    rows = tuple(
        (name, *_spread_texts(spread, show)) for name, spread, show in figures if spread is not None
    )
    headers = ("median", "lower quartile", "upper quartile", "least", "most")
    columns = (Column(), *(Column(name, right=True) for name in headers))
    return [head, *([Grid(columns, rows)] if rows else [])]


def _spread_texts(spread: Spread, show: Any) -> tuple[str, ...]:
    values = (spread.median, spread.lower, spread.upper, spread.least, spread.most)
    return tuple(show(value) for value in values)


def _change_blocks(changes: tuple[Change, ...]) -> list[Block]:
    if not changes:
        return []
    judged = [change for change in changes if change.verdict in ("worse", "better", "same")]
    worse = [change for change in judged if change.verdict == "worse"]
    better = sum(change.verdict == "better" for change in judged)
    fresh = sum(change.verdict == "new" for change in changes)
    gone = sum(change.verdict == "gone" for change in changes)
    head = Line.of(
        Part("against the baseline", "strong"),
        f"{count(len(judged))} figures compared",
        f"{count(len(worse))} worse",
        f"{count(better)} better",
        f"{count(fresh)} new" if fresh else "",
        f"{count(gone)} gone" if gone else "",
    )
    return [
        head,
        *(Line.of(f"  {clean(change_line(change))}", tone="critical") for change in worse),
    ]
