"""``%pmat_pressure``: the level, what makes it, how far the next one is, what happens there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pressure_records import (
    GcAdvice,
    LevelPlan,
    PressureRecord,
    PressureSample,
    ResponseRun,
    StepRun,
)
from pmat_nb.engine.records import Pressure
from pmat_nb.errors import UnavailableError

from .blocks import Bar, Block, Column, Fold, Grid, Line, Part, level
from .format import brief, count, duration, fraction, iso_utc, limit, moment, percent, signed
from .phrases import gc_text
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["PressureReport", "critical_text", "run_text"]

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
_RUNS_SHOWN = 5


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
            lines.append(_asked(record.asked))
            lines += [_steps(record.asked.steps)] if record.asked.steps else []
        else:
            lines += _ahead(record)
        if record.runs:
            lines.append(_past(record.runs))
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
            "responses": {plan.level: _plan_dict(plan) for plan in record.plans},
            "asked": None if record.asked is None else _run_dict(record.asked),
            "runs": [_run_dict(run) for run in record.runs],
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


def critical_text(pressure: Pressure) -> str:
    """The one line at CRITICAL."""
    return (
        f"pmat_nb: memory pressure is CRITICAL{_why(pressure)} · %pmat_pressure · "
        "%pmat_cleanup · silence: %pmat_configure --notices off"
    )


def run_text(run: ResponseRun, before: Pressure, after: Pressure) -> str:
    """The one line after responses have run."""
    done = [_action(step) for step in run.steps if step.state == "done" and _frees(step)]
    what = f"{', '.join(done)} gave back {_freed(run)}" if done else ""
    others = [f"{step.action}: {step.note}" for step in run.steps if step.note and not _frees(step)]
    failed = [f"{step.action} failed: {step.note}" for step in run.steps if step.state == "failed"]
    others = [text for text in others if not any(text in one for one in failed)]
    said = "; ".join(text for text in (what, *others, *failed) if text) or "nothing to do"
    simulated = " (simulated)" if run.simulated else _why(before)
    now = "" if after.level is None else f" · now {after.level} {fraction(after.fraction)}"
    return f"pmat_nb: pressure {run.level}{simulated}: {said}{now} · %pmat_pressure"


def _action(step: StepRun) -> str:
    """Its name, with what it says that it gave back."""
    return f"{step.action} ({step.note})" if step.note and step.estimated_bytes else step.action


def _why(pressure: Pressure) -> str:
    """The fraction, or the machine where it is what makes the level."""
    if pressure.fraction is None:
        return ""
    return f" {fraction(pressure.fraction)}"


def _frees(step: StepRun) -> bool:
    return step.freed_bytes is not None


def _freed(run: ResponseRun) -> str:
    known = [step.estimated_bytes for step in run.steps if step.estimated_bytes is not None]
    expected = f" ({brief(sum(known))} expected)" if known else ""
    # What other code took meanwhile would make it negative.
    given = max(0, run.freed_bytes) if run.freed_bytes is not None else None
    return f"{brief(given)}{expected}"


def _headline(record: PressureRecord) -> Line:
    pressure, bound = record.pressure, record.limit
    if pressure.level is None:
        shown = Part("pressure n/a", "muted")
    else:
        shown = level(pressure.level, f"pressure {pressure.level}{_why(pressure)}")
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


def _ahead(record: PressureRecord) -> list[Block]:
    """What each level's responses are, and whether they come by themselves."""
    plans = [plan for plan in record.plans if plan.level != "LOW" or plan.steps]
    rows = tuple(
        (
            f"at {plan.level}",
            f"{plan.enter:.2f}",
            ", ".join(step.action for step in plan.steps) or "nothing",
            "" if plan.source == "default" else plan.source,
        )
        for plan in plans
    )
    columns = (
        Column(tone="strong"),
        Column(right=True),
        Column(flex=True, least=20),
        Column(flex=True, optional=1, tone="muted"),
    )
    return [_by_themselves(record), Grid(columns, rows)]


def _by_themselves(record: PressureRecord) -> Line:
    if not record.auto_respond:
        off = "responses are off: at each level would be done"
        return Line.of(off, Part("%pmat_pressure --auto-respond", "command"))
    waits = ""
    if record.waits_s is not None:
        waits = f"the next at this level not before {duration(record.waits_s)}"
    return Line.of("responses are on, between cells", waits)


def _asked(run: ResponseRun) -> Line:
    if all(step.state == "shown" for step in run.steps):
        done = "nothing of it done now:" if run.steps else "no responses are set"
        return Line.of(Part(f"at {run.level}, {done}", "strong"))
    return Line.of(Part(f"done as at {run.level}, gave back {_freed(run)}:", "strong"))


def _steps(steps: Sequence[StepRun]) -> Grid:
    columns = (
        Column("step", tone="strong"),
        Column("", gap=1),
        Column("expected", right=True),
        Column("given back", right=True),
        Column("took", right=True),
        Column("", flex=True, least=20, tone="muted"),
    )
    rows = tuple(
        (
            step.action,
            step.state,
            _or_blank(step.estimated_bytes),
            _or_blank(step.freed_bytes),
            "" if step.duration_s is None else duration(step.duration_s),
            step.note or step.what,
        )
        for step in steps
    )
    return Grid(columns, rows)


def _or_blank(value: int | None) -> str:
    return "" if value is None else brief(value)


def _past(runs: Sequence[ResponseRun]) -> Fold:
    columns = (
        Column("when"),
        Column("level"),
        Column("given back", right=True),
        Column("steps", flex=True, least=20),
    )
    rows = tuple(
        (
            moment(run.at),
            run.level + (" (simulated)" if run.simulated else ""),
            brief(run.freed_bytes),
            ", ".join(_step_text(step) for step in run.steps)
            + (" (while a cell ran)" if run.beside_a_cell else ""),
        )
        for run in runs[-_RUNS_SHOWN:]
    )
    return Fold("last responses", (Grid(columns, rows),), open=True)


def _step_text(step: StepRun) -> str:
    return step.action if step.state == "done" else f"{step.action} ({step.state})"


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


def _plan_dict(plan: LevelPlan) -> dict[str, Any]:
    return {
        "from": plan.enter,
        "source": plan.source,
        "steps": [step._asdict() for step in plan.steps],
    }


def _run_dict(run: ResponseRun) -> dict[str, Any]:
    made = run._asdict()
    return {**made, "at": iso_utc(run.at), "steps": [step._asdict() for step in run.steps]}


def _sample_row(sample: PressureSample) -> dict[str, Any]:
    return {**sample._asdict(), "at": iso_utc(sample.at)}
