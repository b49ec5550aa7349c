"""``%pmat_stats``: where the kernel's memory is, part by part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.records import CellRecord
from pmat_nb.engine.stats_records import PoolRecord, StatsRecord

from . import detailed
from .blocks import Bar, Block, Column, Grid, Line, Part, Stack
from .breakdown import Breakdown
from .format import brief, column, iso_utc, percent
from .parts import Share, every_part, shown
from .phrases import (
    cell_text,
    device_text,
    gc_text,
    headline,
    not_resident_text,
    sizing_text,
    stops_text,
    unit_for,
)
from .report import Report, frame_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from .suspects import SuspectReport

__all__ = ["Stats", "identity_blocks"]

_COLUMNS = {
    "part": "object",
    "shown_as": "object",
    "used_bytes": "Int64",
    "share": "Float64",
    "complete": "boolean",
    "limit_bytes": "Int64",
    "capacity_bytes": "Int64",
    "peak_bytes": "Int64",
    "peak_kind": "object",
    "mean_bytes": "Int64",
    "waste": "Float64",
    "as_of_s": "Float64",
    "growth": "object",
}


class Stats(Report):
    """Where the kernel's memory is at one moment; what ``pmat.stats()`` returns.

    Every key of :meth:`to_dict` is also an attribute (``stats.rss_bytes``), and so are
    the other fields of the record. ``hints`` gives a command per pool that is offered
    beside it (``{"cache": "%pmat_cleanup --target cache"}``).
    """

    title = "Memory of this kernel"

    def __init__(
        self,
        record: StatsRecord,
        *,
        detailed: bool = False,
        hints: Mapping[str, str] | None = None,
        leaks: SuspectReport | None = None,
    ) -> None:
        self.record = record
        self._leaks = leaks
        self._detailed = detailed
        self._hints = dict(hints or {})

    def __getattr__(self, name: str) -> Any:
        # Only reached for what is not set; "record" itself is missing while unpickling.
        if name.startswith("_") or name == "record":
            raise AttributeError(name)
        figures = self.to_dict()
        if name in figures:
            return figures[name]
        try:
            return getattr(self.record, name)
        except AttributeError:
            raise AttributeError(f"Stats has no figure {name!r}") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.to_dict(), "variables", "devices", "limits"})

    def detailed(self) -> Stats:
        """The same figures with the pool tree, variables, caches, allocators and limits."""
        return Stats(self.record, detailed=True, hints=self._hints, leaks=self._leaks)

    def by(self, what: str) -> Breakdown:
        """The memory grouped by ``pool``, ``variable``, ``cell`` or ``type``.

        Raises:
            UsageError: for any other ``what``.
        """
        return Breakdown(self.record, what)

    def blocks(self) -> list[Block]:
        """The identity as rows, then devices, collector, last cell and notes."""
        made = [*identity_blocks(self.record, self._hints), *_closing(self.record)]
        made += [] if self._leaks is None else self._leaks.in_short()
        return [*made, *detailed.blocks(self.record)] if self._detailed else made

    def compact(self) -> str:
        """One line: in use, level, the three largest parts, last cell."""
        unit = unit_for(self.record)
        parts = sorted(shown(self.record, unit), key=lambda part: -(part.used_bytes or 0))
        named = [
            f"{part.label} {part.bound}{brief(part.used_bytes, unit=unit, named=False)}"
            for part in parts[:3]
        ]
        head = headline(self.record).parts
        line = Line.of(head[0], head[-1], ", ".join(named), cell_text(self.record.cell, unit))
        return " · ".join(part.text for part in line.parts)

    def to_dict(self) -> dict[str, Any]:
        """The figures under the names that logs and programs rely on; ``leaks`` if asked for."""
        figures = _figures(self.record)
        return figures if self._leaks is None else figures | {"leaks": self._leaks.to_dict()}

    def to_frame(self) -> pd.DataFrame:
        """One row per part of the identity; ``used_bytes`` sum up to the RSS."""
        return frame_of((_row(part) for part in every_part(self.record)), _COLUMNS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """One stacked bar of the identity, against the limit."""
        from . import figures

        return figures.identity(self.record, shown(self.record, unit_for(self.record)), theme)


def identity_blocks(record: StatsRecord, hints: Mapping[str, str]) -> list[Block]:
    """The headline and one row per part."""
    rows = shown(record, unit_for(record))
    sizes = column((part.used_bytes for part in rows), bounds=[part.bound for part in rows])
    whole = sum(part.share for part in rows if part.share and part.share > 0) or 1.0
    grid = Grid(
        columns=(
            Column(),
            Column(right=True),
            Column(right=True, gap=1, tone="muted"),
            Column(gap=1),
            Column(flex=True),
        ),
        rows=tuple(
            (
                part.label,
                amount,
                percent(part.share),
                Bar(part.share, part.key),
                _aside(part, hints),
            )
            for part, amount in zip(rows, sizes, strict=True)
        ),
    )
    segments = tuple((part.label, (part.share or 0.0) / whole, part.key) for part in rows)
    return [headline(record), Stack(segments), grid]


def _aside(part: Share, hints: Mapping[str, str]) -> str:
    hint = hints.get(part.key, "")
    # A command that was cut is of no use: the largest item leaves it room.
    detail = part.detail.partition(", ")[0] if hint else part.detail
    return f"{detail} → {hint}".lstrip() if hint else detail


def _closing(record: StatsRecord) -> list[Block]:
    lines = [
        *(Line.of(device_text(device)) for device in record.devices),
        Line.of(gc_text(record.gc), stops_text(record)),
        Line.of(cell_text(record.cell, unit_for(record)), sizing_text(record.sizing)),
        *(
            Line.of(Part(note, "muted"))
            for note in (not_resident_text(record), *record.notes)
            if note
        ),
    ]
    return list(lines)


def _row(part: Share) -> dict[str, Any]:
    ledger = _ledger(part.pool) if part.pool is not None else {}
    return {
        **ledger,
        "part": part.key,
        "shown_as": part.label,
        "used_bytes": part.used_bytes,
        "share": part.share,
        "complete": None if part.used_bytes is None else not part.bound,
    }


def _ledger(pool: PoolRecord) -> dict[str, Any]:
    return {
        "limit_bytes": pool.limit_bytes,
        "capacity_bytes": pool.capacity_bytes,
        "used_bytes": pool.used_bytes,
        "peak_bytes": pool.peak_bytes,
        "peak_kind": pool.peak_kind,
        "mean_bytes": None if pool.mean_bytes is None else round(pool.mean_bytes),
        "waste": pool.waste,
        "as_of_s": pool.as_of_s,
        "complete": pool.complete,
        "growth": pool.growth,
    }


def _cell(cell: CellRecord | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "execution_count": cell.execution_count,
        "label": cell.label,
        "first_line": cell.first_line,
        "duration_s": cell.duration_s,
        "growth_bytes": cell.growth_bytes,
        "peak_bytes": cell.peak_bytes,
        "peak_kind": cell.peak_kind,
        "failed": cell.failed,
    }


def _figures(record: StatsRecord) -> dict[str, Any]:
    allocated, used = detailed.pools_total(record.pools)
    return {
        "timestamp": iso_utc(record.timestamp),
        "rss_bytes": record.rss_bytes,
        "tree_bytes": record.tree_bytes,
        "children_bytes": record.children_bytes,
        "baseline_bytes": record.baseline_bytes,
        "imports_bytes": record.imports_bytes,
        "slack_bytes": record.slack_bytes,
        "unattributed_bytes": record.unattributed_bytes,
        "not_resident_bytes": record.not_resident_bytes,
        "device_bytes": record.device_bytes,
        "total_allocated_bytes": allocated,
        "total_used_bytes": used,
        "total_available_bytes": max(0, allocated - used),
        "limit_bytes": record.limit.limit_bytes if record.limit else None,
        "limit_source": record.limit.source if record.limit else None,
        "pressure": record.pressure.fraction,
        "pressure_level": record.pressure.level,
        "pressure_parts": dict(record.pressure.parts),
        "pools": {pool.name: _ledger(pool) for pool in record.pools},
        "gc": {
            "last_run_s_ago": record.gc.last_run_s_ago,
            "next_run_in_s": record.gc.next_run_in_s,
        },
        "cell": _cell(record.cell),
    }
