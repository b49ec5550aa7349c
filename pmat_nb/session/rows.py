"""Rows of a sizing: which of them are kept, and one for what is no variable."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pmat_nb.engine.stats_records import MoreVariables, SizingSummary, VariableSize

from .selection import NAMED

if TYPE_CHECKING:
    from .attribution import Attribution

__all__ = ["kept", "row_of_item", "summary_of"]


def kept(found: Attribution) -> Attribution:
    """What is kept of a sizing: its largest variables, the others as one sum."""
    if len(found.variables) <= NAMED:
        return found
    rest = found.variables[NAMED:]
    retained = sum(row.retained_bytes for row in rest)
    complete = all(row.complete for row in rest)
    more = MoreVariables("", len(rest), retained, complete)
    return replace(found, variables=found.variables[:NAMED], more=(*found.more, more))


def row_of_item(found: Attribution, name: str) -> VariableSize | None:
    """What is no variable but has a name in the reports: ``Out[11]``."""
    items = (item for pool in found.pools.values() for item in pool.items)
    item = next((item for item in items if item.name == name), None)
    if item is None:
        return None
    return VariableSize(
        name=item.name,
        retained_bytes=item.used_bytes,
        shared_bytes=0,
        shallow_bytes=0,
        device_bytes=None,
        type="",
        detail=item.detail,
        also_held_by="",
        bound_in=None,
        cells_since_use=None,
        complete=item.complete,
    )


def summary_of(found: Attribution, *, age_s: float) -> SizingSummary:
    """How complete, how long and how long ago a sizing was."""
    return SizingSummary(
        complete=found.complete,
        duration_s=found.duration_s,
        age_s=age_s,
        objects=found.objects,
    )
