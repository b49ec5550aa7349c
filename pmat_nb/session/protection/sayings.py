"""What is said of a limit that a kernel or a cell is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pmat_nb.render.format import brief, limit
from pmat_nb.session.bounds import standing_source

if TYPE_CHECKING:
    from pmat_nb.engine.guard import GuardReport, Token
    from pmat_nb.session.session import Session

__all__ = ["over_line", "protection_words", "warning_line"]


def over_line(token: Token, standing_bytes: int) -> str:
    """The kernel held more than its limit before the cell began."""
    room = (token.threshold_bytes or 0) - token.baseline_bytes
    return (
        f"pmat_nb: the kernel holds {brief(token.baseline_bytes)}, over its limit of "
        f"{limit(standing_bytes)}; cells may add {brief(room)}, so that del and %pmat_limit work"
    )


def warning_line(report: GuardReport) -> str:
    """A cell with ``--warn-only`` went over its limit."""
    asked = limit(report.limit_bytes or report.threshold_bytes)
    return (
        f"pmat_nb: this cell went over its limit of {asked} (peak {brief(report.peak_tree_bytes)});"
        " --warn-only let it go on"
    )


def protection_words(session: Session) -> str:
    """What happens at the limit."""
    protector = session.protector
    if protector is None or protector.standing.limit_bytes is None:
        return "off: a runaway cell can end this kernel"
    if protector.unavailable:
        return f"not available here: {protector.unavailable}"
    source = standing_source(session, None)
    return f"a cell that reaches {limit(protector.standing.limit_bytes)} is stopped ({source})"
