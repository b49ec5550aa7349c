"""What the dashboard's controls do: each order calls one method of the session.

Orders arrive on the main thread, or on a subshell's while a cell runs. What is safe at any
time (budgets, thresholds, settings) is done at once; what touches the user's objects waits
until no cell runs, and is answered then.
"""

from __future__ import annotations

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

    Raises:
        RefusedError: there is no such order.
    """
    if order not in ORDERS:
        raise RefusedError(f"there is no order {order!r}")
    at_once, act = ORDERS[order]

    def run() -> None:
        try:
            answer("done", act(session, message))
        except PmatError as problem:
            answer("refused", str(problem))

    if at_once:
        run()
    else:
        session.between_cells.post(f"dashboard: {order} {message.get('id')}", run)


def _set_pool(session: Session, message: Mapping[str, Any]) -> str:
    """``pool`` gets the limit ``value`` in bytes."""
    name = str(message.get("pool"))
    session.configure({f"{name}_pool": str(int(message["value"]))})
    return ""


# Whether it may be done while a cell runs, and what does it.
ORDERS: dict[str, tuple[bool, Order]] = {
    "pool limit": (True, _set_pool),
}
