"""What the dashboard's controls do: each order calls one method of the session.

Orders arrive on the main thread, or on a subshell's while a cell runs. What is safe at any
time (budgets, thresholds, settings) is done at once; what touches the user's objects waits
until no cell runs, and is answered then.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import PmatError

from .tabs import live, pools, pressure, recommendations, variables

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["ORDERS", "Answer", "RefusedError", "carry_out", "is_between_cells", "outcome"]

# Called with "done" or "refused", what to say, and what the page asked for.
Answer = Callable[[str, str, Mapping[str, Any] | None], None]
# Gives what to say, or a mapping with that as ``text`` and more that the page asked for.
Order = Callable[["Session", Mapping[str, Any]], str | Mapping[str, Any]]


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
        answer(*outcome(session, f"the dashboard's {order}", lambda: act(session, message)))

    if at_once or is_between_cells(session):
        run()
    else:
        session.between_cells.post(f"the dashboard's {order} {message.get('number')}", run)


def outcome(
    session: Session, feature: str, act: Callable[[], str | Mapping[str, Any]]
) -> tuple[str, str, Mapping[str, Any] | None]:
    """What ``act`` gives, as an answer; it does not raise. What fails is switched off."""
    if session.faults.off(feature):
        return "refused", f"switched off: {session.faults.seen[feature]}", None
    try:
        found = act()
    except PmatError as problem:
        return "refused", _beside_a_control(str(problem)), None
    except MemoryError:
        return "refused", "there is no memory left for it", None
    except Exception as problem:
        session.faults.report(feature, problem)
        return "refused", f"failed: {type(problem).__name__}: {problem}", None
    if isinstance(found, str):
        return "done", found, None
    return "done", str(found.get("text", "")), found


def _beside_a_control(text: str) -> str:
    """A message without the options of the magics: the control says what it is about."""
    return re.sub(r"(?<![\w-])--([a-z-]+):? ", "", text)


def is_between_cells(session: Session) -> bool:
    """Whether this is the thread that runs cells, and it runs none."""
    return threading.current_thread() is threading.main_thread() and not session.meter.busy


# Whether it may be done while a cell runs, and what does it.
ORDERS: dict[str, tuple[bool, Order]] = {
    **live.ORDERS,
    **pools.ORDERS,
    **variables.ORDERS,
    **recommendations.ORDERS,
    **pressure.ORDERS,
}
