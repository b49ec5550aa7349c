"""What a call took by itself: the time of cached calls within it is theirs.

Otherwise a recursion that takes a millisecond would be said to save a second: each level
would count all the levels below it again.
"""

from __future__ import annotations

import time
from contextvars import ContextVar
from types import TracebackType

__all__ = ["Stopwatch"]

# Seconds spent in cached calls within the one under way; tasks of a call share its list.
_within: ContextVar[list[float] | None] = ContextVar("pmat_nb_cached_call", default=None)


class Stopwatch:
    """Times one call of a cached function, from ``with`` to its end."""

    __slots__ = ("_inner", "_outer", "_started")

    def __enter__(self) -> Stopwatch:
        self._outer = _within.get()
        self._inner = [0.0]
        _within.set(self._inner)
        self._started = time.perf_counter()
        return self

    def own_s(self) -> float:
        """Seconds so far without those of cached calls within; never negative."""
        return max(0.0, time.perf_counter() - self._started - self._inner[0])

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # By value, not by token: a coroutine may be closed in another context.
        _within.set(self._outer)
        if self._outer is not None:
            self._outer[0] += time.perf_counter() - self._started
