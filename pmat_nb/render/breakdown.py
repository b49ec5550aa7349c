"""``%pmat_stats --by``: the same memory grouped by pool, variable, cell or type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.stats_records import MoreVariables, StatsRecord, VariableSize
from pmat_nb.errors import UsageError

from .blocks import Bar, Block, Column, Grid, Line
from .format import column, count, percent, size
from .parts import every_part, pool_detail
from .phrases import headline, sizing_text, unit_for
from .report import Report, frame_of
from .variables import aside

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["GROUPINGS", "Breakdown", "Group"]

GROUPINGS = ("pool", "variable", "cell", "type")
_SHOWN = 20
_NAMED = 3
_WORTH_NOTING = 1 << 20


@dataclass(frozen=True, slots=True)
class Group:
    """One row of a breakdown: bytes of ``count`` things under one name, each byte once."""

    name: str
    used_bytes: int | None
    share: float | None
    count: int | None
    complete: bool | None
    detail: str
    hue: str = "analysis"


class Breakdown(Report):
    """A view of one :class:`StatsRecord`, largest group first.

    Variables count with what is charged to them: what several names share counts once,
    for the first of them, so that no group is larger than what is in memory.
    """

    title = "Memory by group"

    def __init__(self, record: StatsRecord, what: str) -> None:
        if what not in GROUPINGS:
            raise UsageError(
                f"--by: {what!r} is not one of {', '.join(GROUPINGS)}; for example --by variable"
            )
        self.record = record
        self.what = what
        self.groups = _by_pool(record) if what == "pool" else _by_variables(record, what)

    def blocks(self) -> list[Block]:
        """The headline, then a row per group with its share of the RSS."""
        if not self.groups:
            return [headline(self.record), Line.of("no variables yet")]
        rows = self.groups[:_SHOWN]
        bounds = [_bound(group) for group in rows]
        amounts = column(
            (group.used_bytes for group in rows), bounds=bounds, uniform=self.what == "pool"
        )
        grid = Grid(
            columns=(
                Column(self.what, flex=True, least=12),
                Column("used", right=True),
                Column("share", right=True, tone="muted"),
                Column(),
                Column("holds", flex=True),
            ),
            rows=tuple(
                (
                    group.name,
                    amount,
                    percent(group.share),
                    Bar(group.share, group.hue),
                    group.detail,
                )
                for group, amount in zip(rows, amounts, strict=True)
            ),
        )
        rest = len(self.groups) - len(rows)
        more = [Line.of(f"  +{count(rest)} more in .to_frame()")] if rest > 0 else []
        return [headline(self.record), grid, *more, Line.of(sizing_text(self.record.sizing))]

    def compact(self) -> str:
        """One line: the five largest groups."""
        named = [f"{group.name} {_bound(group)}{size(group.used_bytes)}" for group in self.groups]
        return f"by {self.what}: " + (", ".join(named[:5]) or "nothing yet")

    def to_dict(self) -> dict[str, Any]:
        """``by`` and its ``groups``."""
        return {"by": self.what, "groups": [self._row(group) for group in self.groups]}

    def to_frame(self) -> pd.DataFrame:
        """A row per group; the first column is named after the grouping."""
        kinds = {
            self.what: "object",
            "used_bytes": "Int64",
            "share": "Float64",
            "count": "Int64",
            "complete": "boolean",
            "detail": "object",
        }
        return frame_of(map(self._row, self.groups), kinds)

    def plot(self, *, theme: str | None = None) -> Figure:
        """A bar per group."""
        from . import figures

        rows = [group for group in self.groups[:_SHOWN] if group.used_bytes is not None]
        return figures.bars(
            [group.name for group in rows],
            {"used": [group.used_bytes or 0 for group in rows]},
            title=f"Memory by {self.what}",
            theme=theme,
            hues=[group.hue for group in rows],
        )

    def _row(self, group: Group) -> dict[str, Any]:
        return {
            self.what: group.name,
            "used_bytes": group.used_bytes,
            "share": group.share,
            "count": group.count,
            "complete": group.complete,
            "detail": group.detail,
        }


def _bound(group: Group) -> str:
    return "≥" if group.complete is False else ""


def _by_pool(record: StatsRecord) -> list[Group]:
    unit = unit_for(record)
    groups = []
    for part in every_part(record):
        items = part.pool.items if part.pool is not None else ()
        groups.append(
            Group(
                part.label,
                part.used_bytes,
                part.share,
                len(items) if part.pool is not None else None,
                None if part.used_bytes is None else not part.bound,
                pool_detail(items, unit, _NAMED),
                part.key if part.pool or part.key in ("slack", "unattributed") else "libraries",
            )
        )
    return groups


def _key_of(what: str) -> Callable[[VariableSize], str]:
    if what == "variable":
        return lambda row: row.name
    if what == "cell":
        return lambda row: row.bound_in or "cell unknown"
    return lambda row: row.type


def _by_variables(record: StatsRecord, what: str) -> list[Group]:
    key = _key_of(what)
    grouped: dict[str, list[VariableSize]] = {}
    for row in record.variables:
        grouped.setdefault(key(row), []).append(row)
    groups = [_group(name, rows, record.rss_bytes, what) for name, rows in grouped.items()]
    for more in record.more_variables:
        _add_more(groups, more, record.rss_bytes, what)
    return sorted(groups, key=lambda group: (-(group.used_bytes or 0), group.name))


def _group(name: str, rows: list[VariableSize], rss_bytes: int | None, what: str) -> Group:
    used = sum(map(_charged, rows))
    return Group(
        name,
        used,
        used / rss_bytes if rss_bytes else None,
        len(rows),
        all(row.complete for row in rows),
        _described(rows[0]) if what == "variable" else _named(rows),
    )


def _charged(row: VariableSize) -> int:
    return row.retained_bytes if row.charged_bytes is None else row.charged_bytes


def _described(row: VariableSize) -> str:
    shared = row.shared_bytes - max(0, _charged(row) - row.retained_bytes)
    counted = f"shares {size(shared)} counted elsewhere" if shared >= _WORTH_NOTING else ""
    texts = (f"{row.type} {row.detail}".strip(), aside(row), counted)
    return ", ".join(text for text in texts if text)


def _add_more(groups: list[Group], more: MoreVariables, rss_bytes: int | None, what: str) -> None:
    """Add variables that were sized together: to their type, else as a group of their own."""
    together = f"{count(more.number)} × {more.type or 'others'}"
    name = {"type": more.type or "others", "cell": "cell unknown"}.get(what, together)
    known = next((group for group in groups if group.name == name), None)
    if known is not None:
        groups.remove(known)
    used = more.retained_bytes + (known.used_bytes or 0 if known else 0)
    groups.append(
        Group(
            name,
            used,
            used / rss_bytes if rss_bytes else None,
            more.number + (known.count or 0 if known else 0),
            more.complete and (known is None or known.complete is True),
            ", ".join([*([known.detail] if known else []), f"{together} together"]),
        )
    )


def _named(rows: Iterable[VariableSize]) -> str:
    ordered = sorted(rows, key=lambda row: -_charged(row))
    rest = len(ordered) - _NAMED
    names = [row.name for row in ordered[:_NAMED]]
    return ", ".join([*names, f"+{rest}"] if rest > 0 else names)
