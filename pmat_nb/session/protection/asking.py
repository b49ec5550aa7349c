"""What ``%pmat_limit SIZE`` and ``pmat_nb.limit()`` ask of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pmat_nb.errors import UnavailableError, UsageError
from pmat_nb.units import LimitSpec, parse_limit

from .limits import CellLimit, ceiling_wanted, cell_bytes

if TYPE_CHECKING:
    from pmat_nb.engine.guard import limit_block
    from pmat_nb.session.session import Session

__all__ = ["block", "set_standing"]


def set_standing(session: Session, spec: LimitSpec, *, ceiling: str, warn_only: bool) -> None:
    """Set the kernel's one standing limit.

    Raises:
        UnavailableError: outside IPython.
    """
    if session.protector is None:
        raise UnavailableError("a standing limit needs an IPython shell; use pmat_nb.limit()")
    session.protector.set_standing(spec, ceiling=ceiling, warn_only=warn_only)


def block(
    session: Session,
    size: str | int,
    *,
    scope: Literal["cell", "total"],
    ceiling: Literal["auto", "on", "off"],
    warn_only: bool,
) -> limit_block:
    """A limit around a ``with`` block, by the session's guard.

    Raises:
        UsageError: a size that does not parse, cannot hold, or is ``off``.
    """
    from pmat_nb.engine.guard import limit_block

    asked = CellLimit(parse_limit(size), scope)
    room, held = session.room(), session.tree_bytes() or 0
    nbytes = cell_bytes(asked, room, held, magic="pmat_nb.limit()")
    if nbytes is None:
        raise UsageError("pmat_nb.limit(): 'off' limits nothing; leave the with statement out")
    return limit_block(
        nbytes,
        scope=scope,
        ceiling=ceiling_wanted(ceiling),
        warn_only=warn_only,
        guard=session.protector.guard() if session.protector is not None else None,
    )
