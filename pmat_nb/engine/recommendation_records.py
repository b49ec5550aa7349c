"""The frozen records of ``%pmat_recommend``: what is recommended, and what applying it did.

Code is what the user could type; ``pmat_nb`` runs no other. Bytes are ``int``; None is
unknown.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["COLUMNS", "Applied", "ApplyRecord", "RecommendRecord", "Recommendation", "Risk"]

# none: every value and every later result stays as it is. recompute, reload: what goes can be
# had again by running code or reading files again. lossy: values change by a stated error.
Risk = Literal["none", "recompute", "reload", "lossy"]
State = Literal["done", "failed", "changed", "yours", "undone", "left"]


class Recommendation(NamedTuple):
    """One row. ``estimated_bytes`` is what it would free; ``basis`` says how that is known.

    ``action`` is code; where it ``applies``, ``--apply`` runs it, else it is for the user to
    put into a cell of their own. ``undo`` is code that takes it back, empty where nothing
    can; ``undo_note`` says, before it is applied, what undoing does or why it cannot be.
    ``instead_of`` is the row of a larger saving about the same data: not both can be had.
    """

    row: int
    kind: str
    what: str
    why: str
    action: str
    estimated_bytes: int | None
    basis: str
    risk: Risk
    where: str
    applies: bool = True
    undo: str = ""
    undo_note: str = ""
    instead_of: int | None = None


COLUMNS = Recommendation._fields


class RecommendRecord(NamedTuple):
    """All rows, the largest saving first; ``complete`` is false where the time ran out.

    ``notes`` say what was not looked at, and why.
    """

    rows: tuple[Recommendation, ...]
    complete: bool
    duration_s: float
    rss_bytes: int | None
    lossy: bool = False
    notes: tuple[str, ...] = ()


class Applied(NamedTuple):
    """What applying, or undoing, one row did.

    ``changed``: what it was about has changed since it was listed. ``yours``: it is the
    user's to do. ``left``: it was not undone, for what it left is another thing by now.
    ``measured_bytes`` are resident bytes before less after, both after a collection and a
    trim; ``allocated_bytes`` the same of what allocators have given out, which is more than
    what came back where they keep free memory.
    """

    row: Recommendation
    state: State
    measured_bytes: int | None = None
    allocated_bytes: int | None = None
    duration_s: float | None = None
    why: str = ""


class ApplyRecord(NamedTuple):
    """One ``--apply`` or ``--undo``, over all of its rows."""

    applied: tuple[Applied, ...]
    undoing: bool
    rss_before_bytes: int | None
    rss_after_bytes: int | None

    @property
    def measured_bytes(self) -> int | None:
        """Resident bytes given back in all; negative where memory was taken."""
        if self.rss_before_bytes is None or self.rss_after_bytes is None:
            return None
        return self.rss_before_bytes - self.rss_after_bytes

    @property
    def estimated_bytes(self) -> int | None:
        """What the rows that were done were estimated to free."""
        known = [
            one.row.estimated_bytes
            for one in self.applied
            if one.state in ("done", "undone") and one.row.estimated_bytes is not None
        ]
        return sum(known) if known else None
