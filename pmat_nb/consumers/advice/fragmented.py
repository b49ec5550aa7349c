"""Memory that only a restart of the kernel gives back."""

from __future__ import annotations

from collections.abc import Iterator

from pmat_nb.engine.records import AllocatorState
from pmat_nb.engine.stats_records import StatsRecord
from pmat_nb.units import MIB

from .base import Advice, Scene
from .pooled import amount

__all__ = ["Fragmented"]

_LEAST_BYTES = 64 * MIB
_LEAST_SHARE = 0.10
_ACTION = "%pmat_save\n# restart the kernel, then\n%pmat_restore"


class Fragmented:
    """Free blocks of Python's small-object allocator, between objects that are in use."""

    name = "fragmentation"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """One advice, where that is a tenth of the kernel's memory or more."""
        state = _pymalloc(scene.stats)
        if state is None:
            return
        slack, held = state.slack_bytes or 0, state.held_bytes or 0
        if slack < max(_LEAST_BYTES, _LEAST_SHARE * (scene.stats.rss_bytes or 0)):
            return
        yield Advice(
            kind="fragmentation",
            what="memory that only a restart gives back",
            why=f"of {amount(held)} of Python's small-object allocator {amount(slack)} are free "
            "between objects in use: no cleanup and no trim hands them to the system, new "
            "small objects of this kernel can use them",
            action=_ACTION,
            estimated_bytes=slack,
            basis="the allocator's own figures",
            risk="reload",
            where="pymalloc",
            check=str,
            applies=False,
            undo_note="%pmat_restore brings the variables back",
        )


def _pymalloc(stats: StatsRecord) -> AllocatorState | None:
    return next((one for one in stats.allocators if one.name == "pymalloc"), None)
