"""What IPython's own history keeps: displayed objects and printed text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pmat_nb.consumers.history import OutputHistory, PrintedOutput
from pmat_nb.consumers.shell import output_history, snapshot

from .base import Advice, Scene
from .pooled import amount, held_bytes, items_at

__all__ = ["Displayed", "Printed"]

_LEAST_BYTES = 1 << 20
_MOST_NAMED = 5


class Displayed:
    """Objects that only ``Out`` and its like keep."""

    name = "displayed objects"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """One advice for all of them: IPython's history is let go of as a whole."""
        items = items_at(scene, "cache", "cache:Out")
        total = held_bytes(items)
        if total < _LEAST_BYTES:
            return
        largest = sorted(items, key=lambda item: -item.used_bytes)[:_MOST_NAMED]
        named = ", ".join(f"{item.name} {amount(item.used_bytes)}" for item in largest)
        numbers = tuple(snapshot(output_history(scene.shell)))
        yield Advice(
            kind="displayed objects",
            what=f"objects that were displayed and are kept for Out ({len(items):,})",
            why=f"no variable holds what these keep: {named}",
            action="%pmat_cleanup --target cache:Out --aggressive",
            estimated_bytes=total,
            basis="what only they hold, as just sized",
            risk="recompute",
            where=f"Out, {len(numbers):,} entries",
            check=partial(_still_displayed, scene.shell, tuple(item.name for item in items)),
            undo_note="cannot be undone: Out[n] is gone until its cell runs again",
        )


def _still_displayed(shell: Any, names: tuple[str, ...]) -> str:
    left = {held.name for held in OutputHistory(shell).held()}
    return "" if left.intersection(names) else "none of these objects is kept any more"


class Printed:
    """Printed text that IPython keeps of each cell."""

    name = "printed output"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """Printed text and reprs of earlier cells; the front end's own copy stays."""
        total = held_bytes(items_at(scene, "cache", "cache:outputs"))
        if total < _LEAST_BYTES:
            return
        yield Advice(
            kind="printed output",
            what="text that earlier cells printed, kept by IPython",
            why=f"IPython keeps {amount(total)} of output in history_manager.outputs",
            action="%pmat_cleanup --target cache:outputs",
            estimated_bytes=total,
            basis="as just sized",
            risk="recompute",
            where="history_manager.outputs",
            check=partial(_still_printed, scene.shell),
            undo_note="cannot be undone: %notebook lacks it; what you see stays",
        )


def _still_printed(shell: Any) -> str:
    held = next(iter(PrintedOutput(shell).held()), None)
    return "" if held is not None else "no printed text is kept any more"
