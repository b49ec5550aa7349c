"""What became of the rows of the last list, by what applying and taking back has recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pmat_nb.render.format import count
from pmat_nb.render.recommendations import Recommendations

if TYPE_CHECKING:
    from pmat_nb.engine.recommendation_records import Applied, Recommendation, RecommendRecord
    from pmat_nb.session.recommending import Recommender

__all__ = ["Standing", "headline", "standing"]


class Standing(NamedTuple):
    """``done`` by row number; ``settled``: the row that was done about the same data.

    ``back`` says of the rows that were done whether "Take back" means them: ``next``, or
    ``later``, after what was applied since.
    """

    done: dict[int, Applied]
    settled: dict[int, int]
    back: dict[int, str]

    def is_open(self, row: Recommendation) -> bool:
        """Whether the row can still be applied."""
        return row.row not in self.done and row.row not in self.settled


def standing(recommender: Recommender) -> Standing:
    """Of each row of the last list, what the runs since then did with it."""
    rows = recommender.last.rows if recommender.last is not None else ()
    # A row of an earlier list may read the same, and stand for another change.
    ours = {id(row): row for row in rows}
    done: dict[int, Applied] = {}
    for run in tuple(recommender.runs):
        for one in run.applied:
            if id(one.row) not in ours:
                continue
            if one.state == "done":
                done[one.row.row] = one
            elif one.state == "undone":
                done.pop(one.row.row, None)
    undoable = recommender.undoable
    back = {
        row.row: "next" if at == len(undoable) - 1 else "later"
        for at, together in enumerate(undoable)
        for row in together
        if row.row in done and id(row) in ours
    }
    return Standing(done, _settled(rows, done), back)


def _settled(rows: tuple[Recommendation, ...], done: dict[int, Applied]) -> dict[int, int]:
    found: dict[int, int] = {}
    for row in rows:
        if row.instead_of is None:
            continue
        for one, other in ((row.row, row.instead_of), (row.instead_of, row.row)):
            if other in done and one not in done:
                found[one] = other
    return found


def headline(record: RecommendRecord, now: Standing) -> str:
    """One line about the rows that can still be applied, and how many were."""
    left = record._replace(rows=tuple(filter(now.is_open, record.rows)))
    if not now.done:
        return Recommendations(record).compact()
    applied = f"{count(len(now.done))} applied"
    return (
        f"{Recommendations(left).compact()} · {applied}"
        if left.rows
        else f"nothing left · {applied}"
    )
