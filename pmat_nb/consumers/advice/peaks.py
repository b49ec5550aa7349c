"""Cells that needed far more memory while they ran than they began and ended with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pmat_nb.units import MIB

from .base import Cell

__all__ = ["excess_bytes", "peaked"]

_LEAST_BYTES = 64 * MIB
# Of what was in use at its larger end.
_LEAST_SHARE = 0.10


def excess_bytes(cell: Cell) -> int | None:
    """Peak less the larger of before and after; None where one of them is unknown."""
    record = cell.record
    if record is None or record.peak_bytes is None:
        return None
    if record.rss_before_bytes is None or record.rss_after_bytes is None:
        return None
    return record.peak_bytes - max(record.rss_before_bytes, record.rss_after_bytes)


def peaked(cells: Sequence[Cell]) -> Iterator[tuple[Cell, int]]:
    """The last run of each source that peaked, and by how much; the latest first."""
    seen: set[str] = set()
    for cell in reversed(cells):
        if cell.source in seen:
            continue
        seen.add(cell.source)
        excess = excess_bytes(cell)
        if excess is None or cell.record is None:
            continue
        after = cell.record.rss_after_bytes or 0
        if excess >= max(_LEAST_BYTES, _LEAST_SHARE * after):
            yield cell, excess
