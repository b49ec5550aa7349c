"""What the dashboard's controls do: each order calls one method of the session.

Orders arrive on the main thread, or on a subshell's while a cell runs. What is safe at any
time (budgets, thresholds, settings) is done at once; what touches the user's objects waits
until no cell runs, and is answered then.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import PmatError

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["ORDERS", "Answer", "RefusedError", "carry_out"]

# Called with "done" or "refused", and what to say.
Answer = Callable[[str, str], None]
Order = Callable[["Session", Mapping[str, Any]], str]


class RefusedError(PmatError):
    """The order cannot be carried out; the message is shown beside its control."""


def carry_out(session: Session, order: str, message: Mapping[str, Any], answer: Answer) -> None:
    """Carry out ``order`` now, or once no cell runs, and answer.

    An order that fails of itself is refused from then on; the others still work.

    Raises:
        RefusedError: there is no such order.
    """
    if order not in ORDERS:
        raise RefusedError(f"there is no order {order!r}")
    at_once, act = ORDERS[order]

    def run() -> None:
        answer(*_outcome(session, f"the dashboard's {order}", lambda: act(session, message)))

    if at_once or _between_cells(session):
        run()
    else:
        session.between_cells.post(f"the dashboard's {order} {message.get('id')}", run)


def _outcome(session: Session, feature: str, act: Callable[[], str]) -> tuple[str, str]:
    if session.faults.off(feature):
        return "refused", f"switched off: {session.faults.seen[feature]}"
    try:
        return "done", act()
    except PmatError as problem:
        return "refused", str(problem)
    except MemoryError:
        return "refused", "there is no memory left for it"
    except Exception as problem:
        session.faults.report(feature, problem)
        return "refused", f"failed: {type(problem).__name__}: {problem}"


def _between_cells(session: Session) -> bool:
    """Whether this is the thread that runs cells, and it runs none."""
    return threading.current_thread() is threading.main_thread() and not session.meter.busy


def _set_pool(session: Session, message: Mapping[str, Any]) -> str:
    """``pool`` gets the limit ``value``: bytes, a size as text, or ``off``."""
    name = str(message.get("pool"))
    if name in session.pools.created:
        session.pools[name].set_limit(str(message.get("value")))
        return ""
    return _put(session, {f"{name}_pool": message.get("value")})


def _put(session: Session, wanted: Mapping[str, Any]) -> str:
    """Set settings by key, each from what the page sent."""
    from pmat_nb.settings import setting

    session.configure({key: setting(key).parse(value) for key, value in wanted.items()})
    return ""


# Whether it may be done while a cell runs, and what does it.
ORDERS: dict[str, tuple[bool, Order]] = {
    "pool limit": (True, _set_pool),
}
