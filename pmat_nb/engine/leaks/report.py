"""What a tracked run found: rows, how it was measured, and what changed between two."""

# No annotations from __future__: named tuples would compile the text of each one again.
from collections.abc import Iterable
from typing import Literal, NamedTuple

from .records import Growth, LeakRow, RowDetail, Verdict

__all__ = ["LeakChange", "LeakRecord", "compare", "in_order"]

_ORDER: dict[str, int] = {
    name: rank
    for rank, name in enumerate(("leak", "undecided", "kept", "bounded", "warm-up", "noise"))
}


class LeakChange(NamedTuple):
    """One site in two reports; a verdict is None where the report does not have the site."""

    site: str
    source: str
    change: Literal["appeared", "gone", "same"]
    before: Verdict | None
    after: Verdict | None
    bytes_per_iteration_before: float
    bytes_per_iteration_after: float


class LeakRecord(NamedTuple):
    """A report. ``rows`` are in order, most certain leak first.

    ``iterations`` ran in all, ``warmup`` of them not counted, ``traced`` with tracing and
    ``failures`` ended with an exception. ``plain_s`` is the median time of one without
    tracing, ``cost`` the time of all over that of as many plain ones. ``total`` is the
    course of the process by its counters, ``series`` its points. ``more_iterations``
    estimates what would decide what is undecided, None where nothing is. ``details`` has
    one for each row, in their order. ``repeat`` is how many runs were asked for, None where
    the user ran or marked each.
    """

    rows: tuple[LeakRow, ...]
    iterations: int
    warmup: int
    traced: int
    failures: int
    duration_s: float
    plain_s: float | None
    cost: float | None
    interrupted: bool
    total: Growth
    series: tuple[tuple[int, int], ...]
    more_iterations: int | None = None
    notes: tuple[str, ...] = ()
    details: tuple[RowDetail, ...] = ()
    repeat: int | None = None

    @property
    def leaking(self) -> bool:
        """Whether any row is a leak."""
        return any(row.verdict == "leak" for row in self.rows)

    def compare(self, other: "LeakRecord") -> tuple[LeakChange, ...]:
        """What changed from ``other``, the earlier one, to this one."""
        return compare(other.rows, self.rows)


def in_order(rows: Iterable[LeakRow]) -> tuple[LeakRow, ...]:
    """Leaks first, the surest and then the largest first."""
    return tuple(
        sorted(
            rows,
            key=lambda r: (_ORDER[r.verdict], -round(r.confidence, 1), -r.bytes_per_iteration),
        )
    )


def compare(before: Iterable[LeakRow], after: Iterable[LeakRow]) -> tuple[LeakChange, ...]:
    """By site, what appeared and what went away; a site is known by its text.

    Line numbers move when code is edited and cells are numbered anew on each run, so the
    file's name counts only where the source cannot be read. A row that is no leak is as
    good as none for ``change``.
    """
    old, new = {_key(row): row for row in before}, {_key(row): row for row in after}
    found = [_change(old.get(key), new.get(key)) for key in {**new, **old}]
    ranks = {"appeared": 0, "same": 1, "gone": 2}
    return tuple(sorted(found, key=lambda c: (ranks[c.change], -c.bytes_per_iteration_after)))


def _key(row: LeakRow) -> tuple[str, str, str]:
    return row.function, row.source or row.site, row.kind


def _change(old: LeakRow | None, new: LeakRow | None) -> LeakChange:
    was, now = (row is not None and row.verdict == "leak" for row in (old, new))
    known = new or old
    assert known is not None
    return LeakChange(
        known.site,
        known.source,
        "same" if was == now else "appeared" if now else "gone",
        None if old is None else old.verdict,
        None if new is None else new.verdict,
        0.0 if old is None else old.bytes_per_iteration,
        0.0 if new is None else new.bytes_per_iteration,
    )
