"""What each magic calls: one session method, and the shape the user asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pmat_nb.errors import UsageError
from pmat_nb.session.protection.limits import CellLimit
from pmat_nb.session.session import Session
from pmat_nb.settings import SETTINGS
from pmat_nb.units import LimitSpec

from .output import deliver

__all__ = ["CELL_COMMANDS", "COMMANDS"]


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
    deaths: bool,
    plot: bool,
    forecast: bool,
    format: str | None,
    output: str | None,
) -> Any:
    view = "deaths" if deaths else "sessions" if sessions else "cells"
    report = session.history(view=view, forecast=forecast)
    return report.plot() if plot else deliver(report, format, output)


def _limit(
    session: Session,
    *,
    size: LimitSpec | None,
    format: str | None,
    output: str | None,
    **options: Any,
) -> Any:
    if size is not None:
        session.set_limit(size, ceiling=options["ceiling"], warn_only=options["warn_only"])
    return deliver(session.limit_report(), format, output)


def _save(
    session: Session,
    *,
    path: str | None,
    vars: str | None,
    format: str | None,
    output: str | None,
) -> Any:
    return deliver(session.save(path, names=_names(vars)), format, output)


def _restore(
    session: Session,
    *,
    path: str | None,
    vars: str | None,
    format: str | None,
    output: str | None,
) -> Any:
    return deliver(session.restore(path, names=_names(vars)), format, output)


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _limit_cell(
    session: Session, first_line: str, *, size: LimitSpec | None, **options: Any
) -> None:
    if size is None:
        raise UsageError("%%pmat_limit: SIZE is missing; for example %%pmat_limit 2GB")
    if session.protector is not None:
        wanted = CellLimit(
            size,
            scope=options["scope"] or "cell",
            ceiling=options["ceiling"] or "auto",
            warn_only=options["warn_only"],
            restore_names=options["restore_names"],
            keep_frames=options["keep_frames"],
        )
        session.protector.arm_next(first_line, wanted)


def _configure(
    session: Session, *, reset: bool, format: str | None, output: str | None, **values: Any
) -> Any:
    if reset:
        session.settings.reset()
    for option in SETTINGS:
        if values[option.key] is not None:
            session.settings.put(option.key, values[option.key])
    session.settings_changed()
    return deliver(session.configuration(), format, output)


COMMANDS: dict[str, Callable[..., Any]] = {
    "status": _status,
    "stats": _stats,
    "vars": _vars,
    "why": _why,
    "history": _history,
    "configure": _configure,
    "limit": _limit,
    "save": _save,
    "restore": _restore,
}

# What a cell magic does with its line before the cell that it heads runs.
CELL_COMMANDS: dict[str, Callable[..., None]] = {"limit": _limit_cell}
