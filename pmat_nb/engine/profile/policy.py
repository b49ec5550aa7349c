"""When to look where the traced memory is.

A look copies all traces (half a second for 1.5 million) and holds everything up meanwhile.
So one is taken where the total has risen well above the last one's, and only as long as
all looks together stay within a share of the time gone by.
"""

from __future__ import annotations

__all__ = ["LookPolicy"]

_SHARE = 0.25
# What the first looks may cost in any case.
_ALLOWANCE_S = 0.02
_STEP = 1.05
_STEP_BYTES = 128 * 1024
# Seconds for each byte that tracing holds of its own, until a look has been measured:
# 0.49 s for 81 MB (1.5 million traces, two shared cores).
_SECONDS_PER_BYTE = 6e-9
# A look at fewer traces costs what any look costs, whatever their number.
_TELLING_BYTES = 4 * 1024**2


class LookPolicy:
    """Told of each look's cost, it says whether another is worth it."""

    def __init__(self, *, share: float = _SHARE) -> None:
        self._share = share
        self._spent_s = 0.0
        self._rate = _SECONDS_PER_BYTE
        self.best_bytes = 0

    def due(self, traced_bytes: int, tracer_bytes: int, elapsed_s: float) -> bool:
        """Whether to look now; ``tracer_bytes`` (what tracing holds) tells the cost."""
        if traced_bytes < self.best_bytes * _STEP + _STEP_BYTES:
            return False
        cost_s = self._rate * tracer_bytes
        return self._spent_s + cost_s <= self._share * elapsed_s + _ALLOWANCE_S

    def looked(self, traced_bytes: int, tracer_bytes: int, cost_s: float) -> None:
        """A look was taken at ``traced_bytes``."""
        self._spent_s += cost_s
        if tracer_bytes >= _TELLING_BYTES:
            self._rate = cost_s / tracer_bytes
        self.best_bytes = max(self.best_bytes, traced_bytes)
