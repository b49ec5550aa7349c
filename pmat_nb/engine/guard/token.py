"""One armed scope, as the kernel sees it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from types import CodeType, FrameType

from pmat_nb.errors import MemoryLimitExceeded

__all__ = ["Token"]

InScope = Callable[[FrameType], bool]


class Token:
    """What :meth:`Guard.arm` gives and :meth:`Guard.disarm` takes.

    ``active`` says that the scope's own code may be interrupted now: whoever arms
    sets it just before that code begins and clears it just after. ``pending`` is
    true from the first signal on, also where nothing could be raised.
    """

    __slots__ = (
        "active",
        "baseline_bytes",
        "block_handler",
        "cancel",
        "ceiling",
        "ceiling_bytes",
        "deliveries",
        "ended",
        "error_type",
        "idents_before",
        "idle_deliveries",
        "in_scope",
        "limit_bytes",
        "line",
        "outliving",
        "own_rss_bytes",
        "pending",
        "posted",
        "raised_in_thread",
        "replaced_before",
        "scope",
        "seq",
        "started_ns",
        "thread_cpu",
        "thread_ident",
        "threshold_bytes",
        "trace_before",
        "traced",
        "tree_bytes",
        "warn_only",
    )

    def __init__(self, seq: int, limit_bytes: int | None, scope: str, started_ns: int) -> None:
        self.seq = seq
        self.limit_bytes = limit_bytes
        self.scope = scope
        self.started_ns = started_ns
        self.threshold_bytes: int | None = None
        self.baseline_bytes = 0
        self.own_rss_bytes = 0
        self.tree_bytes: int | None = None
        self.ceiling = False
        self.ceiling_bytes: int | None = None
        self.warn_only = False
        # Told to the guard by shared memory instead of a message.
        self.posted = False
        self.in_scope: InScope | None = None
        self.cancel: Callable[[], object] | None = None
        self.thread_ident = 0
        self.idents_before: frozenset[int] = frozenset()
        # Threads that it started and that go on after it.
        self.outliving: tuple[Thread, ...] = ()
        self.idle_deliveries = 0
        self.raised_in_thread: dict[int, int] = {}
        self.thread_cpu: dict[int, tuple[int, int]] = {}
        self.active = False
        self.pending = False
        self.ended = False
        self.deliveries = 0
        self.replaced_before = 0
        self.line: tuple[str, int] | None = None
        self.traced = False
        self.trace_before: object = None
        # The scope's own `with` statement: what it catches is not swallowed.
        self.block_handler: tuple[CodeType, int] | None = None
        self.error_type: type[MemoryLimitExceeded] | None = None

    def error(self, now_ns: int) -> MemoryLimitExceeded:
        """The stop as an exception, new each time so that no traceback grows."""
        duration = (now_ns - self.started_ns) / 1e9
        return MemoryLimitExceeded(
            self._message(duration),
            limit_bytes=self.limit_bytes or self.threshold_bytes,
            tree_bytes=self.tree_bytes,
            duration_s=duration,
        )

    def refused_error(self, now_ns: int, cause: BaseException) -> MemoryLimitExceeded:
        """A failed allocation that the ceiling refused, as the stop it stands for."""
        made = self.error(now_ns)
        detail = str(cause) or type(cause).__name__
        return MemoryLimitExceeded(
            f"an allocation over the limit was refused ({detail}); {made}",
            limit_bytes=made.limit_bytes,
            tree_bytes=made.tree_bytes,
            duration_s=made.duration_s,
        )

    def _message(self, duration: float) -> str:
        reached = f"{(self.tree_bytes or 0) / 1024**2:,.0f} MB"
        total = f"{(self.threshold_bytes or 0) / 1024**2:,.0f} MB"
        added = ""
        if self.scope == "cell" and self.limit_bytes:
            added = f", {self.limit_bytes / 1024**2:,.0f} MB over what was in use"
        return f"stopped at {reached} (limit {total}{added}) after {duration:.1f} s"
