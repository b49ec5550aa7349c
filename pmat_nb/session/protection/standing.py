"""The kernel's one standing limit: what it comes to now, and how it is enforced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .limits import ceiling_wanted, standing_in_force

if TYPE_CHECKING:
    from pmat_nb.engine.guard import Guard
    from pmat_nb.session.session import Session

__all__ = ["StandingLimit"]


class StandingLimit:
    """As last resolved from the settings. ``limit_bytes`` is of the kernel's tree; None: none.

    ``ceiling`` (``auto``, ``on``, ``off``) and ``warn_only`` are as ``%pmat_limit`` asked.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.limit_bytes: int | None = None
        # What was asked for, where the automatic limit is the tighter one and holds instead.
        self.beyond_auto_bytes: int | None = None
        # Whether it is the machine's cap, below what anybody else asked for.
        self.capped = False
        self.ceiling = "auto"
        self.warn_only = False

    def resolve(self) -> None:
        """Compute it from the settings and what is usable now."""
        session = self._session
        spec: Any = session.settings.get("max_total")
        cap: Any = session.settings.cap("max_total")
        room, held = session.room(), session.tree_bytes() or 0
        found = standing_in_force(spec, cap, room, held)
        self.limit_bytes, self.beyond_auto_bytes, self.capped = found

    @property
    def has_ceiling(self) -> bool:
        """Whether single allocations are refused at it too."""
        # The automatic limit is only watched: its figure moves with what others use.
        spec: Any = self._session.settings.get("max_total")
        named = self.capped or spec.kind not in ("auto", "off")
        return named and self.beyond_auto_bytes is None and ceiling_wanted(self.ceiling)

    def hand_to(self, guard: Guard) -> None:
        """Have ``guard`` watch it from now on."""
        guard.set_standing(self.limit_bytes, ceiling=self.has_ceiling, warn_only=self.warn_only)

    def announcement(self) -> str:
        """The one line at load."""
        from pmat_nb.render.format import limit

        kind = getattr(self._session.settings.get("max_total"), "kind", "auto")
        auto = kind == "auto" or self.beyond_auto_bytes is not None
        return (
            f"pmat_nb: a cell that takes this kernel over {limit(self.limit_bytes)} is stopped "
            f"({'auto' if auto else 'max_total'}); %pmat_limit off switches this off"
        )
