"""Open figures, and the frames that the last error keeps."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pmat_nb.consumers.last_error import LastTraceback
from pmat_nb.consumers.temp import open_figures

from .base import Advice, Scene
from .pooled import amount, held_bytes, items_at

__all__ = ["Figures", "Traceback"]

_LEAST_BYTES = 1 << 20


class Figures:
    """Figures that pyplot keeps open."""

    name = "open figures"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """One advice for all of them; a figure that a variable holds stays usable."""
        items = items_at(scene, "temp", "temp:figures")
        total = held_bytes(items)
        if total < _LEAST_BYTES:
            return
        yield Advice(
            kind="open figures",
            what=f"figures that pyplot keeps open ({len(items):,})",
            why=f"no variable holds what they keep, {amount(total)}; a closed figure stays in "
            "the notebook as it was drawn",
            action="%pmat_cleanup --target temp:figures --aggressive",
            estimated_bytes=total,
            basis="what only they hold, as just sized",
            risk="recompute",
            where=", ".join(item.name for item in items[:5]),
            check=partial(_still_open, tuple(open_figures())),
            undo_note="cannot be undone: a figure is gone until its cell runs again",
        )


def _still_open(numbers: tuple[object, ...]) -> str:
    return "" if set(numbers) & set(open_figures()) else "these figures are closed"


class Traceback:
    """Objects that the frames of the last error keep."""

    name = "last traceback"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """One advice for the last error with all that came before it."""
        items = items_at(scene, "temp", "temp:traceback")
        total = held_bytes(items)
        if total < _LEAST_BYTES:
            return
        largest = max(items, key=lambda item: item.used_bytes)
        yield Advice(
            kind="pinned traceback",
            what=f"{largest.name}: what its frames hold",
            why=f"{largest.detail}: its frames keep {amount(total)} that no variable holds",
            action="%pmat_cleanup --target temp:traceback",
            estimated_bytes=total,
            basis="what only they hold, as just sized",
            risk="recompute",
            where=largest.name,
            check=partial(_still_pinned, scene.shell, largest.name),
            undo_note="cannot be undone: %debug and %tb have nothing to show until the next error",
        )


def _still_pinned(shell: Any, name: str) -> str:
    if any(held.name == name for held in LastTraceback(shell).held()):
        return ""
    return "another error has taken its place, or it was let go of"
