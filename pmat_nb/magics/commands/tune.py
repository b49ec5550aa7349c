"""Commands that tune: recommendations, and the dashboard."""

from __future__ import annotations

from typing import Any

from pmat_nb.errors import UsageError
from pmat_nb.magics.output import deliver
from pmat_nb.session.session import Session


def recommend(
    session: Session,
    *,
    apply: list[int] | None,
    lossy: bool,
    undo: bool,
    top: int | None,
    format: str | None,
    output: str | None,
) -> Any:
    """``%pmat_recommend``."""
    recommender = session.recommender
    if undo and apply is not None:
        raise UsageError(
            "%pmat_recommend: --undo and --apply are two steps; %pmat_recommend --undo takes back "
            "what was applied last"
        )
    if undo:
        return deliver(recommender.undo(), format, output)
    if apply is not None:
        return deliver(recommender.apply(apply), format, output)
    return deliver(recommender.report(lossy=lossy, top=top), format, output)


def dashboard(session: Session) -> Any:
    """``%pmat_dashboard``: the widget, or in a terminal the report that it would show."""
    if getattr(session.shell, "kernel", None) is None:
        return session.reporter().stats(detailed=True)
    from pmat_nb.widgets.dashboard import Dashboard
    from pmat_nb.widgets.feed import Feed

    return Dashboard(session, session.keep("dashboards", Feed))
