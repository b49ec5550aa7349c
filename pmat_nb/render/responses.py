"""What is done at each pressure level, and what was: lines, tables and plain records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pmat_nb.engine.pressure_records import LevelPlan, PressureRecord, ResponseRun, StepRun
from pmat_nb.engine.records import Pressure

from .blocks import Block, Column, Fold, Grid, Line, Part
from .format import brief, duration, fraction, iso_utc, moment

__all__ = [
    "ahead",
    "asked",
    "critical_text",
    "past",
    "plan_dict",
    "run_dict",
    "run_text",
    "steps_grid",
    "why",
]

_RUNS_SHOWN = 5


def critical_text(pressure: Pressure) -> str:
    """The one line at CRITICAL."""
    return (
        f"pmat_nb: memory pressure is CRITICAL{why(pressure)} · %pmat_pressure · "
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
    simulated = " (simulated)" if run.simulated else why(before)
    now = "" if after.level is None else f" · now {after.level} {fraction(after.fraction)}"
    return f"pmat_nb: pressure {run.level}{simulated}: {said}{now} · %pmat_pressure"


def _action(step: StepRun) -> str:
    """Its name, with what it says that it gave back."""
    return f"{step.action} ({step.note})" if step.note and step.estimated_bytes else step.action


def why(pressure: Pressure) -> str:
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


def ahead(record: PressureRecord) -> list[Block]:
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


def asked(run: ResponseRun) -> Line:
    """Which responses were asked for, and whether they were carried out."""
    if all(step.state == "shown" for step in run.steps):
        done = "nothing of it done now:" if run.steps else "no responses are set"
        return Line.of(Part(f"at {run.level}, {done}", "strong"))
    return Line.of(Part(f"done as at {run.level}, gave back {_freed(run)}:", "strong"))


def steps_grid(steps: Sequence[StepRun]) -> Grid:
    """A row per step: what it is, what it gave back."""
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


def past(runs: Sequence[ResponseRun]) -> Fold:
    """The latest runs, a row each."""
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


def plan_dict(plan: LevelPlan) -> dict[str, Any]:
    """A level's plan as plain values."""
    return {
        "from": plan.enter,
        "source": plan.source,
        "steps": [step._asdict() for step in plan.steps],
    }


def run_dict(run: ResponseRun) -> dict[str, Any]:
    """A run as plain values."""
    made = run._asdict()
    return {**made, "at": iso_utc(run.at), "steps": [step._asdict() for step in run.steps]}
