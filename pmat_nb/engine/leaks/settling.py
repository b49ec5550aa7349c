"""Whether a record says all that further iterations would: then they need not run."""

from __future__ import annotations

from .evidence import FLOOR_BYTES
from .records import LeakRow
from .report import LeakRecord

__all__ = ["is_settled"]

# Of a row that says it is no leak, and of one that does: many bounds are met late.
_SURE, _SURE_OF_LEAKS = 0.95, 0.975
# Of what the process grows by, the share that rows must explain.
_EXPLAINED = 0.5


def is_settled(record: LeakRecord) -> bool:
    """Whether every row is as sure as it gets, and all growth has one."""
    return all(map(_is_sure, record.rows)) and not _is_unexplained(record)


def _is_sure(row: LeakRow) -> bool:
    if row.verdict == "undecided":
        return False
    return row.confidence >= (_SURE_OF_LEAKS if row.verdict == "leak" else _SURE)


def _is_unexplained(record: LeakRecord) -> bool:
    """Whether the process goes on growing, and what is known to grow is little of that."""
    total = record.total
    told = sum(r.bytes_per_iteration for r in record.rows if r.verdict in ("leak", "kept"))
    goes_on = total.kind not in ("none", "bounded", "saw-tooth") and total.low > FLOOR_BYTES
    return goes_on and told < _EXPLAINED * total.low
