"""The variables tab: sizes, why each is alive, parking on disk, and deleting.

Sizing goes through the user's objects, so it is done where cells run and while none does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import UsageError
from pmat_nb.render.format import brief, count, size
from pmat_nb.render.texts import clean

from .last_read import LastRead

if TYPE_CHECKING:
    from pmat_nb.engine.stats_records import MoreVariables
    from pmat_nb.session.parking import Freed
    from pmat_nb.session.session import Session
    from pmat_nb.widgets.orders import Order

__all__ = ["ORDERS", "read", "touched"]

_MOST = 1000
_WHY_WIDTH = 100


def read(session: Session) -> dict[str, Any]:
    """The variables as %pmat_vars sizes them, within its budget, and what is parked."""
    found = _last(session).get(partial(_sized, session))
    return {**found, "parked": _parked(session)}


def touched(session: Session) -> None:
    """The namespace is another: size it again when it is shown."""
    _last(session).touched()


def _last(session: Session) -> LastRead:
    return session.keep("the variables tab", LastRead)


def _sized(session: Session) -> dict[str, Any]:
    from pmat_nb.render.phrases import sizing_text

    report = session.reporter().variables(top=_MOST)
    return {
        "rows": [_row(row) for row in report.to_dict()["variables"]],
        "more": [_together(group) for group in report.more],
        "total": report.total,
        "retained": report.retained_bytes,
        "complete": report.complete,
        "sizing": sizing_text(report.sizing) if report.sizing is not None else "",
    }


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": clean(row["name"]),
        "retained": row["retained_bytes"],
        "shared": row["shared_bytes"],
        "device": row["device_bytes"],
        "type": clean(row["type"]),
        "detail": clean(row["detail"]),
        "held": clean(row["also_held_by"]),
        "bound": row["bound_in"],
        "unused": row["cells_since_use"],
        "complete": row["complete"],
    }


def _together(group: MoreVariables) -> str:
    held = size(group.retained_bytes, lower=not group.complete)
    return f"{count(group.number)} × {clean(group.type) or 'others'}: {held} together"


def _parked(session: Session) -> list[dict[str, Any]]:
    from pmat_nb.session.parking import parked

    return [
        {
            "key": one.key,
            "names": ", ".join(map(clean, one.names)),
            "type": clean(one.type),
            "stored": one.stored_bytes,
            "path": clean(str(one.path)),
            "saved": one.saved_at,
        }
        for one in parked(session)
    ]


def _named(session: Session, message: Mapping[str, Any]) -> str:
    """The name that a row shows, which may have characters that are shown as escapes.

    Raises:
        UsageError: there is none, or more than one that reads like it.
    """
    shown = str(message.get("name"))
    names = session.namespace_owner.user_ns
    found = [name for name in tuple(names) if type(name) is str and clean(name) == shown]
    if len(found) != 1:
        reads = "more than one reads so" if found else "no variable is called so any more"
        raise UsageError(f"{shown}: {reads}")
    return found[0]


def _size(session: Session, _message: Mapping[str, Any]) -> str:
    touched(session)
    read(session)
    return ""


def _why(session: Session, message: Mapping[str, Any]) -> dict[str, Any]:
    report = session.reporter().why(_named(session, message))
    return {"text": "", "why": report.text(width=_WHY_WIDTH)}


def _changing(
    act: Callable[[Session, Mapping[str, Any]], str],
) -> Callable[[Session, Mapping[str, Any]], str]:
    """Also where it fails half way the rows are read again."""

    def change(session: Session, message: Mapping[str, Any]) -> str:
        try:
            return act(session, message)
        finally:
            touched(session)

    return change


def _park(session: Session, message: Mapping[str, Any]) -> str:
    from pmat_nb.session.parking import park

    done = park(session, _named(session, message))
    return f"parked {_names(done.names)}: {_given_back(done)}"


def _bring_back(session: Session, message: Mapping[str, Any]) -> str:
    from pmat_nb.session.parking import bring_back

    return f"{_names(bring_back(session, str(message.get('key'))))} is back"


def _discard(session: Session, message: Mapping[str, Any]) -> str:
    from pmat_nb.session.parking import discard

    if message.get("confirmed") is not True:
        raise UsageError("a parked variable is discarded only once that is confirmed")
    gone = discard(session, str(message.get("key")))
    return f"discarded {_names(gone.names)}: {brief(gone.stored_bytes)} on disk"


def _delete(session: Session, message: Mapping[str, Any]) -> str:
    from pmat_nb.session.parking import delete

    if message.get("confirmed") is not True:
        raise UsageError("a variable is deleted only once that is confirmed")
    done = delete(session, _named(session, message))
    kept = f"; {_names(done.others)} is the same object and keeps it" if done.others else ""
    return f"deleted {_names(done.names)}: {_given_back(done)}{kept}"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(map(clean, names))


def _given_back(done: Freed) -> str:
    if done.freed_bytes is None:
        return "what came back cannot be measured here"
    return f"{brief(max(0, done.freed_bytes))} came back"


ORDERS: dict[str, tuple[bool, Order]] = {
    "variables size": (False, _size),
    "variables why": (False, _why),
    "variables park": (False, _changing(_park)),
    "variables back": (False, _changing(_bring_back)),
    "variables discard": (True, _discard),
    "variables delete": (False, _changing(_delete)),
}
