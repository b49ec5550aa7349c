"""Commands that change something: pools, cleanup, settings, pressure."""

from __future__ import annotations

from typing import Any

from pmat_nb.magics.output import deliver
from pmat_nb.session.session import Session


def cleanup(
    session: Session,
    *,
    target: str | None,
    aggressive: bool,
    compact: bool,
    cache_age: float | None,
    dry_run: bool,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_cleanup``."""
    report = session.cleaner.clean(
        target,
        aggressive=aggressive,
        compact=compact,
        cache_age_s=cache_age,
        dry_run=dry_run,
    )
    return deliver(report, format, output)


def pools(
    session: Session, *, plot: bool, format: str | None, output: str | None, **options: Any
) -> Any:
    """``%pmat_pools``."""
    report = session.pools.report(**options)
    return report.plot() if plot else deliver(report, format, output)


def pressure(
    session: Session, *, history: bool, format: str | None, output: str | None, **options: Any
) -> Any:
    """``%pmat_pressure``."""
    report = session.pressure.report(**options)
    return report.plot() if history else deliver(report, format, output)


def configure(
    session: Session,
    *,
    reset: bool,
    save: str | None,
    trust: bool,
    format: str | None,
    output: str | None,
    **values: Any,
) -> Any:
    """``%pmat_configure``."""
    report = session.configure(
        {key: value for key, value in values.items() if value is not None},
        reset=reset,
        save=save,
        trust=trust,
    )
    return deliver(report, format, output)
