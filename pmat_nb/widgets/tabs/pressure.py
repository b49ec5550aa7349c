"""The pressure tab: where the levels begin, what is done at each, and trying it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pressure import LEVELS
from pmat_nb.errors import UsageError
from pmat_nb.render.format import brief
from pmat_nb.render.texts import clean

if TYPE_CHECKING:
    from pmat_nb.engine.pressure_records import (
        LevelPlan,
        PressureSample,
        ResponseRun,
        StepRun,
    )
    from pmat_nb.session.session import Session
    from pmat_nb.widgets.orders import Order

__all__ = ["ORDERS", "read"]

_BOUNDS = ("low", "medium", "high")
_SPAN_S = 900.0
_POINTS = 180


def read(session: Session) -> dict[str, Any]:
    """Thresholds, responses and the last quarter of an hour; about a millisecond."""
    from pmat_nb.settings import setting

    record = session.pressure.record()
    get = session.settings.get
    options = {name: setting(f"pressure_{name}") for name in _BOUNDS}
    return {
        "bounds": [
            [name, get(option.key), option.minimum, option.maximum]
            for name, option in options.items()
        ],
        "levels": list(LEVELS),
        "level": record.pressure.level,
        "fraction": record.pressure.fraction,
        "parts": dict(record.pressure.parts),
        "auto": record.auto_respond,
        "exits": record.exit_kernel,
        "plans": [_plan(plan) for plan in record.plans],
        "runs": [_run(run) for run in reversed(record.runs)],
        "samples": _thinned(record.samples, record.at),
        "at": record.at,
        "notes": list(record.notes),
    }


def _plan(plan: LevelPlan) -> dict[str, Any]:
    return {
        "level": plan.level,
        "enter": plan.enter,
        "steps": [{"action": step.action, "what": clean(step.what)} for step in plan.steps],
        "source": plan.source,
    }


def _run(run: ResponseRun) -> dict[str, Any]:
    return {
        "at": run.at,
        "level": run.level,
        "simulated": run.simulated,
        "freed": run.freed_bytes,
        "steps": [_step(step) for step in run.steps],
    }


def _step(step: StepRun) -> dict[str, Any]:
    return {
        "action": step.action,
        "state": step.state,
        "estimated": step.estimated_bytes,
        "freed": step.freed_bytes,
        "note": clean(step.note or step.what),
    }


def _thinned(samples: Iterable[PressureSample], now: float) -> list[list[float]]:
    """[time, fraction] of the last quarter of an hour, the highest of each few seconds."""
    highest: dict[int, list[float]] = {}
    for sample in samples:
        if sample.fraction is None or sample.at < now - _SPAN_S:
            continue
        place = int((sample.at - now) * _POINTS / _SPAN_S)
        if place not in highest or highest[place][1] < sample.fraction:
            highest[place] = [round(sample.at, 1), round(sample.fraction, 4)]
    return list(highest.values())


def _set_bound(session: Session, message: Mapping[str, Any]) -> str:
    """The threshold ``bound`` becomes ``value``; all three must go on rising."""
    from pmat_nb.settings import setting

    name = str(message.get("bound"))
    if name not in _BOUNDS:
        raise UsageError(f"{name!r} is no threshold; they are {', '.join(_BOUNDS)}")
    key = f"pressure_{name}"
    changes: dict[str, Any] = {key: setting(key).parse(message.get("value"))}
    session.pressure.report(**changes)
    return ""


def _respond(session: Session, message: Mapping[str, Any]) -> str:
    """Turn responses ``on`` or off."""
    on = message.get("on") is True
    session.configure({"pressure_auto_respond": on})
    return "responses come by themselves" if on else "responses are off"


def _simulate(session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    """Show what ``level`` would do; only where it is ``confirmed``, do it."""
    level = str(message.get("level"))
    if level not in LEVELS:
        raise UsageError(f"{level!r} is no level; they are {', '.join(LEVELS)}")
    dry_run = message.get("confirmed") is not True
    run = session.pressure.report(simulate=level, dry_run=dry_run).record.asked
    if run is None or not run.steps:
        return {"text": f"at {level}, no responses are set", "steps": []}
    freed = "n/a" if run.freed_bytes is None else brief(max(0, run.freed_bytes))
    done = "nothing of this was done" if dry_run else f"done; {freed} came back"
    return {"text": f"at {level}: {done}", "steps": [_step(step) for step in run.steps]}


ORDERS: dict[str, tuple[bool, Order]] = {
    "pressure bound": (True, _set_bound),
    "pressure respond": (True, _respond),
    "pressure simulate": (False, _simulate),
}
