"""``%pmat_why``: what keeps one object alive, in readable paths with bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.stats_records import Holder, VariableSize

from .blocks import Block, Column, Grid, Line, Part
from .format import column, size
from .report import Report, frame_of
from .texts import clean, cut
from .variables import aside

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Why"]

_NAME_LENGTH = 40


class Why(Report):
    """The holders of one variable's object.

    ``size`` is the variable as last sized, None where it was not. ``hints`` are
    sentences on what would free it, shown last; ``complete`` is false where the
    search for holders ended early.
    """

    title = "Why it is alive"
    pictured = False

    def __init__(
        self,
        name: str,
        holders: Sequence[Holder],
        *,
        size: VariableSize | None = None,
        complete: bool = True,
        hints: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.holders = tuple(holders)
        self.size = size
        self.complete = complete
        self.hints = tuple(hints)

    def blocks(self) -> list[Block]:
        """What it is and keeps, a branch per holder, and what would free it."""
        return [
            Line.of(Part(self._what(), "strong"), *self._kept()),
            *self._branches(),
            *(Line.of(f"  → {hint}") for hint in self.hints),
        ]

    def compact(self) -> str:
        """One line: the object and its holders."""
        held = ", ".join(clean(holder.text) for holder in self.holders) or "nothing found"
        return f"{cut(clean(self.name), _NAME_LENGTH)} is held by {held}"

    def to_dict(self) -> dict[str, Any]:
        """``name``, its sizes where known, and the ``holders``."""
        sized = self.size
        return {
            "name": self.name,
            "type": sized.type if sized else None,
            "retained_bytes": sized.retained_bytes if sized else None,
            "shared_bytes": sized.shared_bytes if sized else None,
            "complete": self.complete and (sized is None or sized.complete),
            "holders": [self._row(holder) for holder in self.holders],
            "hints": list(self.hints),
        }

    def to_frame(self) -> pd.DataFrame:
        """A row per holder."""
        kinds = {"holder": "object", "kind": "object", "retained_bytes": "Int64"}
        return frame_of(map(self._row, self.holders), kinds)

    def plot(self, *, theme: str | None = None) -> Figure:
        """A bar per holder whose bytes are known."""
        from . import figures

        known = [holder for holder in self.holders if holder.retained_bytes is not None]
        return figures.bars(
            [holder.text for holder in known],
            {"keeps": [holder.retained_bytes or 0 for holder in known]},
            title=f"What keeps {cut(clean(self.name), _NAME_LENGTH)} alive",
            theme=theme,
        )

    @staticmethod
    def _row(holder: Holder) -> dict[str, Any]:
        return {
            "holder": holder.text,
            "kind": holder.kind,
            "retained_bytes": holder.retained_bytes,
        }

    def _what(self) -> str:
        name = cut(clean(self.name), _NAME_LENGTH)
        if self.size is None:
            return name
        kind = " ".join(text for text in (self.size.type, self.size.detail) if text)
        return f"{name} ({kind})" if kind else name

    def _kept(self) -> list[str]:
        sized = self.size
        if sized is None:
            return []
        if not sized.complete and not sized.retained_bytes:
            return ["not sized in the time given"]
        kept = [f"{size(sized.retained_bytes, lower=not sized.complete)} retained"]
        if sized.shared_bytes:
            kept.append(f"{size(sized.shared_bytes)} shared with others")
        return [*kept, *([note] if (note := aside(sized)) else [])]

    def _branches(self) -> list[Block]:
        if not self.holders:
            if self.complete:
                return [] if self.hints else [Line.of("  only this name holds it")]
            return [Line.of("  no holder found in the time given")]
        amounts = column((holder.retained_bytes for holder in self.holders), uniform=False)
        known = any(holder.retained_bytes is not None for holder in self.holders)
        last = len(self.holders) - 1
        rows = tuple(
            (
                f"{'└─' if at == last and self.complete else '├─'} {holder.text}",
                amounts[at] if known else "",
                holder.kind,
            )
            for at, holder in enumerate(self.holders)
        )
        if not self.complete:
            rows += (("└─ … the search ended early; there may be more", "", ""),)
        return [Grid((Column(flex=True, least=30), Column(right=True), Column(tone="muted")), rows)]
