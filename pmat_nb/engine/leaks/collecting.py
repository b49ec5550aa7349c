"""Collecting what an iteration left as cycles, without going through the whole heap.

What was there when tracking began is put aside (``gc.freeze``), so that a collection
after each iteration visits only what came since: 0.1 ms instead of tens. Where the
user's code has frozen objects itself nothing is put aside.
"""

from __future__ import annotations

import gc

__all__ = ["Shelter"]


class Shelter:
    """Puts objects aside and back; ``active`` is false where that must not be done."""

    def __init__(self) -> None:
        self.active = False
        self._count = 0

    def freeze(self) -> None:
        """Collect all, then put all that is left aside."""
        gc.collect()
        self._freeze()

    def refreeze(self) -> None:
        """Put what is there aside without collecting, which was done before."""
        self._freeze()

    def collect(self) -> None:
        """What came since and is garbage goes; a whole collection without a shelter."""
        gc.collect()

    def fresh(self) -> list[object]:
        """What the collector watches that came since, oldest first; all without a shelter."""
        return gc.get_objects()

    def thaw(self) -> None:
        """Put back what was put aside, unless somebody else has put more aside since."""
        # Objects put aside that have died since are no longer counted.
        if self.active and gc.get_freeze_count() <= self._count:
            gc.unfreeze()
        self.active = False

    def _freeze(self) -> None:
        if hasattr(gc, "freeze") and gc.get_freeze_count() == 0:
            gc.freeze()
            self._count = gc.get_freeze_count()
            self.active = self._count > 0
