"""``%pmat_save`` and ``%pmat_restore``: what went to disk or came back, and what did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.snapshot import RestoreReport, SavedVariable, SaveReport

from .blocks import Block, Column, Grid, Line, Part
from .format import brief, count, duration, moment
from .report import Report, frame_of

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Restored", "Saved"]

_SHOWN = 20
_KINDS = {"name": "object", "state": "object", "stored_bytes": "Int64", "reason": "object"}


class _Keeping(Report):
    """Variables that were kept, and those that could not be, with the reason."""

    verb = ""
    # A line of its own at the end.
    remark = ""

    def __init__(
        self,
        kept: Sequence[SavedVariable],
        skipped: Sequence[tuple[str, str]],
        summary: str,
        figures: dict[str, Any],
        *,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self.kept = tuple(kept)
        # What there is to know of a variable that was kept.
        self.notes = dict(notes or {})
        self.skipped = tuple(skipped)
        self._summary = summary
        self._figures = figures

    def blocks(self) -> list[Block]:
        """The summary, the largest variables, what is to be known of them, what was left out."""
        values = [one for one in self.kept if one.module is None]
        modules = [one.name for one in self.kept if one.module is not None]
        rows = sorted(values, key=lambda one: -one.stored_bytes)[:_SHOWN]
        rest = len(values) - len(rows)
        grid = Grid(
            (Column(flex=True, least=12), Column(right=True), Column(tone="muted")),
            tuple((one.name, brief(one.stored_bytes), one.type) for one in rows),
        )
        return [
            Line.of(Part(self._summary, "strong")),
            *([grid] if rows else []),
            *([Line.of(Part(f"  +{count(rest)} more", "muted"))] if rest > 0 else []),
            *([Line.of(Part(f"  modules: {', '.join(modules)}", "muted"))] if modules else []),
            *(Line.of(f"  {name} {note}") for name, note in self.notes.items()),
            *(Line.of(f"  left out: {name}: {reason}") for name, reason in self.skipped),
            *([Line.of(f"  {self.remark}")] if self.remark else []),
        ]

    def compact(self) -> str:
        """One line: how many, how large, how many were left out."""
        left = f", {count(len(self.skipped))} left out" if self.skipped else ""
        return f"{self._summary}{left}"

    def to_dict(self) -> dict[str, Any]:
        """The variables by name, what was left out, and the file."""
        return {
            **self._figures,
            self.verb: [one.name for one in self.kept],
            "skipped": dict(self.skipped),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per variable."""
        rows: list[dict[str, Any]] = [
            {
                "name": one.name,
                "state": self.verb,
                "stored_bytes": one.stored_bytes,
                "reason": self.notes.get(one.name),
            }
            for one in self.kept
        ]
        rows += [
            {"name": name, "state": "left out", "reason": reason} for name, reason in self.skipped
        ]
        return frame_of(rows, _KINDS)

    def plot(self, *, theme: str | None = None) -> Figure:
        """What each variable takes in the file."""
        from .comparison_figure import Row, compared

        values = [one for one in self.kept if one.module is None]
        return compared(
            [Row(one.name, one.stored_bytes) for one in values],
            title=f"Variables {self.verb}",
            theme=theme,
            axis="in the file",
            nothing=f"no variable was {self.verb}: there is nothing to draw",
        )


class Saved(_Keeping):
    """What ``%pmat_save`` wrote."""

    title = "Saved"
    verb = "saved"

    def __init__(self, report: SaveReport, *, earlier: Path | None = None) -> None:
        summary = (
            f"{_number(report.saved)} saved to {report.path} "
            f"({brief(report.total_bytes)}, {duration(report.duration_s)})"
        )
        figures = {
            "path": str(report.path),
            "total_bytes": report.total_bytes,
            "duration_s": report.duration_s,
            "copied": dict(report.copied),
            "earlier": None if earlier is None else str(earlier),
        }
        notes = {
            name: f"was a view of {other}: it is saved as a copy of what it shows"
            for name, other in report.copied
        }
        super().__init__(report.saved, report.skipped, summary, figures, notes=notes)
        if earlier is not None:
            self.remark = f"what an earlier kernel had saved is kept: %pmat_restore {earlier}"


class Restored(_Keeping):
    """What ``%pmat_restore`` brought back."""

    title = "Restored"
    verb = "restored"

    def __init__(self, report: RestoreReport, *, replaced: Sequence[str] = ()) -> None:
        summary = (
            f"{_number(report.restored)} restored as of {moment(report.saved_at)} "
            f"({brief(report.total_bytes)}, {duration(report.duration_s)})"
        )
        missing: dict[str, str] = {}
        for name, needed in report.unbound:
            missing[name] = f"{missing[name]}, {needed}" if name in missing else needed
        figures = {
            "path": str(report.path),
            "total_bytes": report.total_bytes,
            "duration_s": report.duration_s,
            "unbound": missing,
            "replaced": list(replaced),
        }
        notes = {
            name: f"is back, but uses {needed}, which is not: it fails when it gets there"
            for name, needed in missing.items()
        }
        super().__init__(report.restored, report.skipped, summary, figures, notes=notes)
        if replaced:
            names = ", ".join(replaced[:_SHOWN]) + (", …" if len(replaced) > _SHOWN else "")
            self.remark = f"in place of the values they had: {names}"


def _number(kept: Sequence[SavedVariable]) -> str:
    """How many variables; modules are just imported again."""
    return count(sum(one.module is None for one in kept))
