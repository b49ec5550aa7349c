"""What each magic calls: one session method, and the shape the user asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmat_nb.session.session import Session
from pmat_nb.settings import SETTINGS

from .output import deliver

__all__ = ["COMMANDS"]


def _status(session: Session, *, format: str | None, output: str | None) -> Any:
    return deliver(session.status(), format, output)


def _stats(
    session: Session,
    *,
    detailed: bool,
    watch: float | str | None,
    by: str | None,
    analyze_log: str | None,
    format: str | None,
    output: str | None,
) -> Any:
    if watch is not None:
        return session.watch(watch, format=format, output=output)
    if analyze_log is not None:
        return deliver(session.analyze_log(analyze_log), format, output)
    return deliver(session.stats(detailed=detailed, by=by), format, output)


def _vars(
    session: Session, *, exact: bool, top: int | None, format: str | None, output: str | None
) -> Any:
    return deliver(session.variables(exact=exact, top=top), format, output)


def _why(session: Session, *, name: str, format: str | None, output: str | None) -> Any:
    return deliver(session.why(name), format, output)


def _history(
    session: Session,
    *,
    sessions: bool,
    plot: bool,
    forecast: bool,
    format: str | None,
    output: str | None,
) -> Any:
    report = session.history(sessions=sessions, forecast=forecast)
    return report.plot() if plot else deliver(report, format, output)


def _configure(
    session: Session, *, reset: bool, format: str | None, output: str | None, **values: Any
) -> Any:
    if reset:
        session.settings.reset()
    for option in SETTINGS:
        if values[option.key] is not None:
            session.settings.put(option.key, values[option.key])
    return deliver(session.configuration(), format, output)


COMMANDS: dict[str, Callable[..., Any]] = {
    "status": _status,
    "stats": _stats,
    "vars": _vars,
    "why": _why,
    "history": _history,
    "configure": _configure,
}
