"""One armed scope, as the kernel sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from types import CodeType, FrameType
from typing import Any

from pmat_nb.errors import MemoryLimitExceeded

__all__ = ["Token", "text_of"]

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
        "between",
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
        "judged",
        "limit_bytes",
        "line",
        "outliving",
        "outliving_tasks",
        "own_rss_bytes",
        "pending",
        "posted",
        "raised_in_thread",
        "replaced_before",
        "scope",
        "seen",
        "seq",
        "started_ns",
        "tasks_started",
        "tasks_told",
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
        # Which asyncio tasks it started, and those of them that go on after it.
        self.tasks_started: Callable[[], Sequence[Any]] | None = None
        self.outliving_tasks: tuple[Any, ...] = ()
        self.tasks_told: list[Any] = []
        # What the process held, and each task had added, when they were judged last or seen
        # to keep the limit; what it held at the last signal between cells, after which of them.
        self.judged: tuple[int, dict[int, int]] | None = None
        self.seen: tuple[int, dict[int, int]] | None = None
        self.between: tuple[int, int] | None = None
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

    @property
    def own_limit_holds(self) -> bool:
        """Whether it is the scope's own limit that is in force, not a tighter one around it."""
        if self.limit_bytes is None or self.threshold_bytes is None:
            return False
        base = self.baseline_bytes if self.scope == "cell" else 0
        return base + self.limit_bytes <= self.threshold_bytes

    def _message(self, duration: float) -> str:
        reached = text_of(self.tree_bytes or 0)
        added = ""
        if self.scope == "cell" and self.limit_bytes and self.own_limit_holds:
            added = f", {text_of(self.limit_bytes)} over what was in use"
        limit = text_of(self.threshold_bytes or 0)
        return f"stopped at {reached} (limit {limit}{added}) after {duration:.1f} s"


def text_of(nbytes: int) -> str:
    """Bytes as the reports write limits: ``512 MB``, ``1 GB``, ``13.4 GB``."""
    unit, scaled = "MB", nbytes / 1024**2
    for larger in ("GB", "TB", "PB"):
        if scaled < 1023.5:
            break
        unit, scaled = larger, scaled / 1024
    text = f"{scaled:.0f}" if unit == "MB" and scaled >= 9.95 else f"{scaled:.1f}"
    return f"{text.removesuffix('.0')} {unit}"
