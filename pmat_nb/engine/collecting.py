"""When a full garbage collection of ours is due. Pure; time is passed in."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .responses.cooldown import Cooldown

__all__ = ["Reason", "Schedule"]

Reason = Literal["interval", "pressure"]


class Schedule(NamedTuple):
    """``interval_s`` between two full collections (None: none of ours); ``threshold`` is the
    pressure from which on one comes before its time, as its cool-down allows.
    """

    interval_s: float | None
    threshold: float

    def next_at(self, last_at: float, fraction: float | None, pause: Cooldown) -> float | None:
        """When the next one is due, if pressure stays as it is; None: never."""
        if self.interval_s is None:
            return None
        at = last_at + self.interval_s
        if fraction is None or fraction < self.threshold:
            return at
        return min(at, max(last_at, pause.ready_at))

    def due(
        self, now: float, last_at: float, fraction: float | None, pause: Cooldown
    ) -> Reason | None:
        """Why one is due now, or None."""
        if self.interval_s is None:
            return None
        if now >= last_at + self.interval_s:
            return "interval"
        next_at = self.next_at(last_at, fraction, pause)
        return "pressure" if next_at is not None and now >= next_at else None
