"""``%pmat_pressure``: the level, what makes it, how far the next one is, what happens there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pressure_records import (
    GcAdvice,
    PressureRecord,
    PressureSample,
)
from pmat_nb.errors import UnavailableError

from .blocks import Bar, Block, Column, Grid, Line, Part, level
from .format import brief, count, duration, fraction, iso_utc, limit, percent, signed
from .phrases import gc_text
from .report import Report, frame_of
from .responses import ahead, asked, past, plan_dict, run_dict, steps_grid, why

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["PressureReport"]

_BESIDE = {
    "kernel": "of its limit",
    "container": "without file cache, of the container's limit",
    "host": "of the machine; counts only when nearly nothing is left",
    "pools": "fullness of our caches; a full one is healthy",
    "psi": "of the time something waited for memory; from 10% the level is one higher",
}
_COLUMNS = {
    "at": "object",
    "fraction": "Float64",
    "level": "object",
    "tree_bytes": "Int64",
    "kernel": "Float64",
    "container": "Float64",
    "host": "Float64",
    "pools": "Float64",
    "psi": "Float64",
}


class PressureReport(Report):
    """Pressure as measured now, its samples, and the responses to it."""

    title = "Pressure"

    def __init__(self, record: PressureRecord) -> None:
        self.record = record

    def blocks(self) -> list[Block]:
        """Level and headroom, parts, trend, what happens next, what happened."""
        record = self.record
        lines: list[Block] = [_headline(record), _parts(record), _trend(record)]
        if record.asked is not None:
            lines.append(asked(record.asked))
            lines += [steps_grid(record.asked.steps)] if record.asked.steps else []
        else:
            lines += ahead(record)
        if record.runs:
            lines.append(past(record.runs))
        lines.append(Line.of(Part(_collections(record), "muted")))
        lines += [Line.of(f"  → {_advice(one)}") for one in record.gc_advice]
        lines += [Line.of(Part(note, "muted")) for note in record.notes]
        return [line for line in lines if not isinstance(line, Line) or line.parts]

    def compact(self) -> str:
        """One line: level, use, headroom, trend."""
        record = self.record
        return " · ".join(
            part.text for line in (_headline(record), _trend(record)) for part in line.parts
        )

    def to_dict(self) -> dict[str, Any]:
        """Every figure; the samples are in :meth:`to_frame`."""
        record = self.record
        room = record.headroom
        return {
            "timestamp": iso_utc(record.at),
            "pressure": record.pressure.fraction,
            "pressure_level": record.pressure.level,
            "pressure_parts": dict(record.pressure.parts),
            "simulated_level": record.simulated,
            "tree_bytes": record.tree_bytes,
            "limit_bytes": record.limit.limit_bytes if record.limit else None,
            "limit_source": record.limit.source if record.limit else None,
            "thresholds": {bound.level: bound.enter for bound in record.bounds},
            "next_level": room.level if room else None,
            "headroom_bytes": room.headroom_bytes if room else None,
            "trend": record.trend._asdict() if record.trend else None,
            "auto_respond": record.auto_respond,
            "exit_kernel": record.exit_kernel,
            "responses": {plan.level: plan_dict(plan) for plan in record.plans},
            "asked": None if record.asked is None else run_dict(record.asked),
            "runs": [run_dict(run) for run in record.runs],
            "gc": {
                "last_run_s_ago": record.gc.last_run_s_ago,
                "next_run_in_s": record.gc.next_run_in_s,
                "share_of_cells": record.gc_share,
                "runs": [run._asdict() for run in record.collections],
                "advice": [advice._asdict() for advice in record.gc_advice],
            },
            "notes": list(record.notes),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per sample, oldest first; ``at`` is a UTC timestamp, ``psi`` in percent."""
        import pandas as pd

        frame = frame_of((_sample_row(sample) for sample in self.record.samples), _COLUMNS)
        frame["at"] = pd.to_datetime(frame["at"], utc=True, format="ISO8601")
        return frame

    def plot(self, *, theme: str | None = None) -> Figure:
        """The fraction over time, the levels behind it, and when responses ran.

        Raises:
            UnavailableError: no samples with a fraction yet.
        """
        if not any(sample.fraction is not None for sample in self.record.samples):
            raise UnavailableError(
                "no pressure was sampled yet (one sample a second, from the first cell on)"
            )
        from .pressure_figure import over_time

        return over_time(self.record, theme)


def _headline(record: PressureRecord) -> Line:
    pressure, bound = record.pressure, record.limit
    if pressure.level is None:
        shown = Part("pressure n/a", "muted")
    else:
        shown = level(pressure.level, f"pressure {pressure.level}{why(pressure)}")
    parts: list[Part | str] = [shown]
    if record.simulated is not None:
        parts = [level(record.simulated, f"{record.simulated} (simulated)")]
        parts.append("measured: " + shown.text.removeprefix("pressure "))
    if bound is None:
        parts.append(f"{brief(record.tree_bytes)} in use, no limit known")
    else:
        source = f" ({bound.source})"
        parts.append(f"{brief(record.tree_bytes)} of {limit(bound.limit_bytes)}{source}")
    room = record.headroom
    if room is not None and room.headroom_bytes is not None:
        parts.append(f"{brief(room.headroom_bytes)} to {room.level} at {room.enter:.2f}")
    return Line.of(*parts)


def _parts(record: PressureRecord) -> Grid:
    rows: list[tuple[str | Bar, ...]] = []
    for name, value in record.pressure.parts.items():
        if value is None:
            continue
        psi = name == "psi"
        share = value / 100 if psi else value
        text = percent(share, decimals=1) if psi else fraction(value)
        rows.append((name, text, Bar(min(1.0, share), _hue(name)), _BESIDE.get(name, "")))
    return Grid(
        (Column(), Column(right=True), Column(gap=1), Column(flex=True, least=10, tone="muted")),
        tuple(rows),
    )


def _hue(name: str) -> str:
    return {"kernel": "analysis", "container": "other", "pools": "cache"}.get(name, "slack")


def _trend(record: PressureRecord) -> Line:
    trend, room = record.trend, record.headroom
    if trend is None:
        return Line.of(Part("trend: too few samples yet", "muted"))
    if trend.steady:
        return Line.of(f"trend: steady over the last {duration(trend.span_s)}")
    text = f"trend: {signed(round(trend.bytes_per_s))}/s over the last {duration(trend.span_s)}"
    if trend.bytes_per_s <= 0 or room is None or room.headroom_bytes is None:
        return Line.of(text)
    return Line.of(text, f"{room.level} in {duration(room.headroom_bytes / trend.bytes_per_s)}")


def _collections(record: PressureRecord) -> str:
    text = gc_text(record.gc)
    if record.collections:
        last = record.collections[-1]
        freed = "" if last.freed_bytes is None else f", {brief(max(0, last.freed_bytes))}"
        text += f" · ours freed {count(last.objects)} objects{freed} in {duration(last.duration_s)}"
    if record.gc_share is not None and record.gc_share >= 0.02:
        text += f" · about {percent(record.gc_share)} of the cells' time"
    return text


def _advice(advice: GcAdvice) -> str:
    measured = duration(advice.collection_s)
    if advice.after_s is not None:
        measured += f" → {duration(advice.after_s)}"
    return f"{advice.text} (measured: {measured})"


def _sample_row(sample: PressureSample) -> dict[str, Any]:
    return {**sample._asdict(), "at": iso_utc(sample.at)}
