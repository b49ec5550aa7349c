"""Which variables come first in every report. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .stats_records import VariableSize

__all__ = ["largest_first"]


def largest_first(rows: Iterable[VariableSize]) -> tuple[VariableSize, ...]:
    """Largest first by what is charged to each, whoever else holds it too.

    By retained size alone the largest object would come last as soon as a second name
    holds it; by what can be reached, all that contain it would come before it. Equal
    ones: by what can be reached, then by name.
    """
    return tuple(sorted(rows, key=_rank))


def _rank(row: VariableSize) -> tuple[int, int, str]:
    charged = row.reached_bytes if row.charged_bytes is None else row.charged_bytes
    return -max(charged, row.estimated_bytes or 0), -row.reached_bytes, row.name
