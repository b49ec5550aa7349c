"""Commands that find leaks."""

from __future__ import annotations

from typing import Any

from pmat_nb.magics.output import deliver
from pmat_nb.session.session import Session


def leaks(
    session: Session,
    *,
    what: str | None,
    warmup: int | None,
    top: int | None,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_leaks``."""
    report = session.leaks.run(what, warmup=3 if warmup is None else warmup, top=top)
    return None if report is None else deliver(report, format, output)
