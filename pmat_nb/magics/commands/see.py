"""Commands that show where the memory is."""

from __future__ import annotations

from typing import Any

from pmat_nb.magics.output import deliver
from pmat_nb.session.session import Session


def status(session: Session, *, format: str | None, output: str | None) -> Any:
    """``%pmat``."""
    return deliver(session.reporter().status(), format, output)


def stats(
    session: Session,
    *,
    detailed: bool,
    watch: float | str | None,
    by: str | None,
    check_leaks: bool,
    leak_report: str | None,
    analyze_log: str | None,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_stats``, its live display and its log summary."""
    if watch is not None:
        return session.reporter().watch(watch, format=format, output=output)
    if analyze_log is not None:
        return deliver(session.reporter().analyze_log(analyze_log), format, output)
    if leak_report is not None:
        found = session.suspects.last_report()
        if leak_report == "-":
            return deliver(found, format, output)
        return session.suspects.write_report(leak_report)
    report = session.reporter().stats(detailed=detailed, check_leaks=check_leaks)
    return deliver(report if by is None else report.by(by), format, output)


def variables(
    session: Session, *, exact: bool, top: int | None, format: str | None, output: str | None
) -> Any:
    """``%pmat_vars``."""
    return deliver(session.reporter().variables(exact=exact, top=top), format, output)


def why(session: Session, *, name: str, format: str | None, output: str | None) -> Any:
    """``%pmat_why``."""
    return deliver(session.reporter().why(name), format, output)


def history(
    session: Session,
    *,
    sessions: bool,
    deaths: bool,
    plot: bool,
    forecast: bool,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_history``."""
    view = "deaths" if deaths else "sessions" if sessions else "cells"
    report = session.reporter().history(view=view, forecast=forecast)
    return report.plot() if plot else deliver(report, format, output)
