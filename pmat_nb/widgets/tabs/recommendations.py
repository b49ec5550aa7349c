"""The recommendations tab: the last list, what was done of it, and taking it back.

Finders try their changes on the user's objects and may take seconds: a list is made when it
is asked for, never by looking at the tab.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import UsageError
from pmat_nb.render.texts import clean

from . import variables

if TYPE_CHECKING:
    from pmat_nb.engine.recommendation_records import (
        Applied,
        ApplyRecord,
        Recommendation,
        RecommendRecord,
    )
    from pmat_nb.session.recommending import Recommender
    from pmat_nb.session.session import Session
    from pmat_nb.widgets.orders import Order

    from .applied import Standing

__all__ = ["ORDERS", "read"]


def read(session: Session) -> dict[str, Any]:
    """The last list and what was done, as this session's recommender remembers them."""
    recommender = session.part_if_made("recommender")
    if recommender is None or recommender.last is None:
        return {"listing": 0, "summary": "", "rows": [], "runs": [], "undos": 0}
    from .applied import headline, standing

    last: RecommendRecord = recommender.last
    now = standing(recommender)
    undoable = recommender.undoable
    return {
        "listing": recommender.listing,
        "summary": headline(last, now),
        "rows": [_row(row) | _state(row, now) for row in last.rows],
        "lossy": last.lossy,
        "complete": last.complete,
        "took": last.duration_s,
        "notes": list(map(clean, last.notes)),
        "runs": [_run(run) for run in tuple(recommender.runs)[::-1]],
        "undos": len(undoable),
        "next": ", ".join(clean(row.what) for row in undoable[-1]) if undoable else "",
    }


def _row(row: Recommendation) -> dict[str, Any]:
    from pmat_nb.render.recommendations import way_beside

    return {
        "row": row.row,
        "what": clean(row.what),
        "why": clean("; ".join(part for part in (row.why, way_beside(row)) if part)),
        "action": "\n".join(map(clean, row.action.splitlines())),
        "estimated": row.estimated_bytes,
        "basis": clean(row.basis),
        "risk": row.risk,
        "where": clean(row.where),
        "applies": row.applies,
        "undo": bool(row.undo),
        "note": clean(row.undo_note.replace("--undo", "“Take back”")),
    }


def _state(row: Recommendation, now: Standing) -> dict[str, Any]:
    """What was ``done`` of it, and whether that can be taken back."""
    done = now.done.get(row.row)
    return {
        "done": None if done is None else {"measured": done.measured_bytes},
        "back": now.back.get(row.row, ""),
        "settled": now.settled.get(row.row),
    }


def _run(run: ApplyRecord) -> dict[str, Any]:
    return {
        "undoing": run.undoing,
        "estimated": run.estimated_bytes,
        "measured": run.measured_bytes,
        "rows": [_done(one) for one in run.applied],
    }


def _done(one: Applied) -> dict[str, Any]:
    return {
        "what": clean(one.row.what),
        "state": one.state,
        "estimated": one.row.estimated_bytes,
        "measured": one.measured_bytes,
        "why": clean(one.why.replace("%pmat_recommend lists", "“Look for savings” lists")),
    }


def _list(session: Session, message: Mapping[str, Any]) -> str:
    session.recommender.report(lossy=message.get("lossy") is True)
    return ""


def _apply(session: Session, message: Mapping[str, Any]) -> str:
    """Apply ``row`` of the list numbered ``listing``, which the page has seen."""
    recommender = session.recommender
    if message.get("listing") != recommender.listing:
        raise UsageError("the list is another by now; look at it again")
    number = message.get("row")
    rows = recommender.last.rows if recommender.last else ()
    row = next((one for one in rows if one.row == number), None)
    if row is None:
        raise UsageError(f"there is no row {number!r}")
    _check_open(recommender, row)
    if not _is_harmless(row) and message.get("confirmed") is not True:
        raise UsageError("this is applied only once that is confirmed")
    try:
        return recommender.apply([row.row]).compact()
    finally:
        variables.touched(session)


def _check_open(recommender: Recommender, row: Recommendation) -> None:
    from .applied import standing

    now = standing(recommender)
    if row.row in now.done:
        raise UsageError(
            f"row {row.row} is applied already; “Look for savings” lists what holds now"
        )
    if row.row in now.settled:
        raise UsageError(f"row {now.settled[row.row]}, about the same data, is applied")


def _is_harmless(row: Recommendation) -> bool:
    return row.risk == "none" and bool(row.undo)


def _undo(session: Session, message: Mapping[str, Any]) -> str:
    """Take back the last one of as many as the page has seen."""
    if message.get("undos") != len(session.recommender.undoable):
        raise UsageError("something else was applied or taken back meanwhile; look again")
    try:
        return session.recommender.undo().compact()
    finally:
        variables.touched(session)


ORDERS: dict[str, tuple[bool, Order]] = {
    "recommend list": (False, _list),
    "recommend apply": (False, _apply),
    "recommend undo": (False, _undo),
}
