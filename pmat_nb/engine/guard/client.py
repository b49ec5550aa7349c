"""The guard as the kernel uses it: arm a limit, run the code, disarm.

Scope: one object per process (``Guard()``), usable from any thread. What it is made of:
:mod:`.life` (its beginning and end), :mod:`.link` (the guard process), :mod:`.armed` (the
scopes), :mod:`.orders` (what the guard process is told), :mod:`.own_ceiling` (the ceiling
from this side), :mod:`.delivery` (stops that arrive) and :mod:`.keeper` (the thread that
keeps the guard alive).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

from pmat_nb.errors import UsageError

from . import ceiling as _ceiling
from . import stop, tasks, threads
from .life import GuardLife
from .process import layout, procfs
from .report import GuardReport
from .reports import build_report
from .token import InScope, Token

__all__ = ["Guard"]

_READY_S = 0.25


class Guard(GuardLife):
    """Watches this process and its descendants from outside, and stops what exceeds.

    Args:
        certificate_path: where the guard writes what it knows if this process dies;
            none where None.
        clock_ns: a clock shared by processes; ``time.monotonic_ns`` but in tests.
    """

    # -- limits -----------------------------------------------------------------
    def set_standing(
        self, limit_bytes: int | None, *, ceiling: bool = False, warn_only: bool = False
    ) -> None:
        """Set, change or (None) end the limit of the whole kernel.

        Holds between cells and, where it is the tighter one, for every scope; a
        change reaches scopes that are running.
        """
        armed = self._armed
        with self._lock:
            old = armed.standing
            if limit_bytes is None:
                armed.standing = None
                if old is not None and self._link is not None:
                    self._link.send(layout.DISARM, old.seq, 0)
            else:
                self.start()
                token = old or armed.new_token(limit_bytes, "total", self._clock_ns())
                token.limit_bytes = token.threshold_bytes = limit_bytes
                token.warn_only = warn_only
                token.ceiling = ceiling
                armed.standing = token
                self._send_arm(token)
            for token in armed.running.values():
                token.threshold_bytes = armed.threshold(token)
                if token.threshold_bytes is None:
                    self._withdraw(token)
                self._send_arm(token)

    def arm(
        self,
        limit_bytes: int | None = None,
        scope: Literal["cell", "total"] = "cell",
        *,
        ceiling: bool = False,
        warn_only: bool = False,
        in_scope: InScope | None = None,
        cancel: Callable[[], object] | None = None,
        tasks_started: Callable[[], Sequence[Any]] | None = None,
        thread_ident: int | None = None,
        active: bool = True,
    ) -> Token:
        """Begin a limit; None leaves only the standing one in force.

        Args:
            limit_bytes: what the scope may add (``cell``), or the tree's total.
            in_scope: called with the interrupted frame of the main thread; true where
                the scope's code is on the stack and may be raised in.
            cancel: called from the signal handler when ``in_scope`` is false: cancels
                the task of a scope that awaits. Without it only a flag is set.
            tasks_started: called when the scope ends: the asyncio tasks that it started and
                that go on; they stay under its limit, as its threads do.
            thread_ident: the thread that runs the scope; the calling one by default.
            active: false where the caller sets ``token.active`` itself, at the last
                moment before the scope's code begins.
        """
        if limit_bytes is not None and limit_bytes <= 0:
            raise UsageError(f"limit: {limit_bytes!r} is not above zero; for example 512 * 1024**2")
        with self._lock:
            self.start()
            token = self._armed.new_token(limit_bytes, scope, self._clock_ns())
            token.warn_only, token.in_scope, token.cancel = warn_only, in_scope, cancel
            token.tasks_started = tasks_started
            token.thread_ident = thread_ident or threading.get_ident()
            token.idents_before = threads.idents()
            token.replaced_before = len(self.replaced)
            self._begin(token, ceiling=ceiling)
        token.active = active
        return token

    def _begin(self, token: Token, *, ceiling: bool) -> None:
        """Measure where the scope begins, and tell the guard."""
        armed, alone = self._armed, token.limit_bytes is None
        if ceiling:
            self._ceiling.make_reservations(armed.running, self._tree_bytes)
        rss, data = _ceiling.own_memory()
        token.own_rss_bytes = rss
        # On the path of every cell: a scope of its own is worth an exact look.
        token.baseline_bytes = self._tree_bytes(rss, exact=not alone)
        token.threshold_bytes = armed.threshold(token)
        token.ceiling = ceiling and not token.warn_only and token.threshold_bytes is not None
        token.posted = (
            alone
            and not (token.ceiling or token.warn_only)
            and not any(other.posted for other in armed.running.values())
        )
        armed.running[token.seq] = token
        if token.ceiling and self._link is not None:
            # Nobody would move it before: a pool of threads must not run into it.
            self._link.wait_ready(_READY_S)
            self._ceiling.set(token, data, armed.running)
        self._send_arm(token)

    def _tree_bytes(self, rss: int, *, exact: bool = True) -> int:
        """The tree now; by the guard's last look alone where that is good enough."""
        link = self._link
        if exact and not procfs.descendants(self._pid, link.launcher if link is not None else 0):
            return rss
        children = link.fresh_children_bytes(self._clock_ns()) if link is not None else None
        if not exact:
            return rss + max(0, children or 0)
        return rss + children if children is not None else procfs.tree_bytes(self._pid) or rss

    def tighten(self, token: Token, threshold_bytes: int) -> None:
        """Stop a running scope once the tree is over this, where its limit is higher."""
        with self._lock:
            link, was = self._link, token.threshold_bytes
            if link is None or token.ended or was is None or was <= threshold_bytes:
                return
            token.threshold_bytes = threshold_bytes
            self._send_arm(token)
            if token.posted:
                # The posted words alone are read at the next look that sees a change.
                link.send(layout.ARM, token.seq, threshold_bytes, 0, 0, 0, token.baseline_bytes)

    def disarm(self, token: Token) -> GuardReport:
        """End a limit: the ceiling goes first, then what was seen is reported."""
        token.active = False
        with self._lock:
            self._armed.running.pop(token.seq, None)
            self._ceiling.end()
            stop.end_watching(token)
            if token.pending and token.thread_ident != threading.get_ident():
                stop.forget_in_thread(token.thread_ident)
            running = threads.started_since(token.idents_before)
            report = build_report(self, token, self._words(), running)
            if self._link is not None and not token.ended and token.threshold_bytes is not None:
                if token.limit_bytes is not None and not token.warn_only:
                    token.outliving = tuple(running)
                    token.outliving_tasks = tuple(
                        token.tasks_started() if token.tasks_started else ()
                    )
                    tasks.watch(token, self.delivery.meter)
                if token.outliving or token.outliving_tasks:
                    self._armed.lingering[token.seq] = token
                self._withdraw(token)
            token.ended, token.tasks_started = True, None
            self._ceiling_for_outer()
        return report

    def _ceiling_for_outer(self) -> None:
        running = self._armed.running
        outer = [t for t in running.values() if t.ceiling and t.threshold_bytes is not None]
        if outer:
            tightest = min(outer, key=lambda t: (t.threshold_bytes or 0, t.seq))
            rss, data = _ceiling.own_memory()
            tightest.baseline_bytes, was = self._tree_bytes(rss), tightest.baseline_bytes
            self._ceiling.set(tightest, data, running)
            tightest.baseline_bytes = was
            self._send_arm(tightest)

    def library_arrived(self) -> None:
        """Called after an import: what it maps and does not fill is to take no room."""
        # Without the lock: a thread that imports holds the lock of its module.
        running = dict(self._armed.running)
        if any(token.ceiling for token in running.values()):
            self._ceiling.make_reservations(running, self._tree_bytes)

    def ceiling_caused(self, error: BaseException, token: Token) -> bool:
        """Whether the ceiling of this scope explains a failed allocation."""
        return self._ceiling.explains(error, token)

    @property
    def standing_exceeded(self) -> bool:
        """Whether the kernel went over its standing limit while no scope ran; clears it."""
        token = self._armed.standing
        if token is None or not token.pending:
            return False
        token.pending = False
        return True
