"""The limit that the kernel's pressure is measured by, read by whoever needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pmat_nb.engine.limits import Usable, limit_in_force, limits_in_force
from pmat_nb.engine.records import Limit

if TYPE_CHECKING:
    from .session import Session

__all__ = ["all_limits", "enforced_limit", "standing_limit", "standing_source"]


def standing_limit(session: Session, room: Usable | None) -> Limit | None:
    """The kernel's standing limit; enforced where a guard runs or can run."""
    protector = session.protector
    if protector is None or protector.standing.limit_bytes is None:
        return None
    source = standing_source(session, room)
    return Limit(protector.standing.limit_bytes, source, enforced=not protector.unavailable)


def standing_source(session: Session, room: Usable | None) -> str:
    """Who set the standing limit, for people: ``auto``, a variable, a file, ``%pmat_limit``."""
    row = session.settings.row("max_total")
    spec: Any = row.value
    machine, protector = session.settings.layer("machine"), session.protector
    if protector is not None and protector.standing.beyond_auto_bytes is not None:
        from pmat_nb.render.format import limit

        return f"auto, tighter than {limit(protector.standing.beyond_auto_bytes)}"
    if machine is not None and protector is not None and protector.standing.capped:
        return f"{machine.source}, a cap"
    if spec.kind == "auto":
        return f"auto, {room.bound.source}" if room is not None else "auto"
    return "%pmat_limit" if row.source == "set in this session" else row.source


def all_limits(session: Session, room: Usable | None) -> tuple[Limit, ...]:
    """Every limit on the kernel, tightest first; costs about a millisecond."""
    protector = session.protector
    return limits_in_force(
        session.probe,
        standing=standing_limit(session, room),
        own_ceiling_bytes=protector.own_ceiling_bytes if protector else None,
    )


def enforced_limit(session: Session, room: Usable | None = None) -> Limit | None:
    """The tightest limit that something enforces."""
    return limit_in_force(all_limits(session, room))
