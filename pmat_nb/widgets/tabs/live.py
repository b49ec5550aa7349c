"""The live tab: what it shows comes from the feed; its one order sizes everything anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmat_nb.session.session import Session
    from pmat_nb.widgets.orders import Order

__all__ = ["ORDERS", "read"]


def read(session: Session) -> dict[str, Any]:
    """Nothing beside the feed."""
    return {}


def _size(session: Session, _message: Mapping[str, Any]) -> str:
    """Size everything within the budget that reports have."""
    from pmat_nb.render.phrases import sizing_text

    report = session.reporter().stats()
    if (feed := session.part_if_made("dashboards")) is not None:
        feed.sized()
    return sizing_text(report.record.sizing)


ORDERS: dict[str, tuple[bool, Order]] = {"size": (False, _size)}
