"""The guard as the kernel uses it: arm a limit, run the code, disarm.

Scope: one object per process (``Guard()``), usable from any thread; stops reach
the main thread by ``SIGURG``, which by default is ignored, so that a signal that
comes at the wrong moment harms nobody. The handler that was there before is called
for every signal that is not the guard's.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # typeshed does not list it
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Literal

from pmat_nb.errors import UnavailableError, UsageError

from . import ceiling as _ceiling
from . import link as _link
from . import stacks, stop, threads
from .keeper import Keeper
from .process import layout, procfs
from .report import GuardReport
from .reports import build_report
from .token import InScope, Token

__all__ = ["Guard"]

MIB = 1024**2
_MOST_REPLACEMENTS = 20
_READY_S = 0.25
_MOST_IDLE_DELIVERIES = 4


def default_reserve_bytes(headroom_bytes: int) -> int:
    """What may be mapped beyond the limit before the ceiling refuses.

    A little under the 48 MB or 5% that a stop may overshoot by.
    """
    return max(40 * MIB, headroom_bytes // 24)


class Guard:
    """Watches this process and its descendants from outside, and stops what exceeds.

    Args:
        certificate_path: where the guard writes what it knows if this process dies;
            none where None.
        clock_ns: a clock shared by processes; ``time.monotonic_ns`` but in tests.
    """

    def __init__(
        self,
        *,
        certificate_path: str | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.available, self.reason = _link.available()
        self.replaced: list[str] = []
        self._certificate = certificate_path or ""
        self._clock_ns = clock_ns
        self._link: _link.Link | None = None
        self._keeper: Keeper | None = None
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._next_seq = 1
        self._tokens: dict[int, Token] = {}
        self._lingering: dict[int, Token] = {}
        self._standing: Token | None = None
        self._list_only: set[int] = set()
        self._own_limit = (-1, -1)
        self._old_handler: Any = None
        self._handles_signal = False

    # -- life ---------------------------------------------------------------
    @property
    def process_id(self) -> int | None:
        """The guard process, None while none runs."""
        words = self._words()
        return (words[layout.GUARD_PID] or None) if words is not None else None

    def _words(self) -> memoryview[int] | None:
        return self._link.words if self._link is not None and self._pid == os.getpid() else None

    def start(self) -> None:
        """Start the guard process without waiting for it; does nothing if it runs.

        Raises:
            UnavailableError: where no guard can run; ``reason`` says why.
        """
        if not self.available:
            raise UnavailableError(f"memory limits need a guard: {self.reason}")
        with self._lock:
            if self._link is None:
                link = _link.Link(self._certificate)
                self._own_limit = _ceiling.read()
                link.words[layout.SOFT], link.words[layout.HARD] = self._own_limit
                link.spawn()
                self._link = link
                self._keeper = Keeper(self)
                self._keeper.start()
                _register(self)
        self._install_handler()

    def close(self) -> None:
        """End the guard, restore the limit and the signal handler."""
        link, self._link = self._link, None
        if link is None or self._pid != os.getpid():
            return
        self._restore_limit()
        link.words[layout.CLEAN_EXIT] = 1
        link.send(layout.QUIT)
        if self._keeper is not None:
            self._keeper.end()
        link.collect_launcher()
        link.close()
        self._tokens.clear()
        self._lingering.clear()
        self._standing = None
        if self._handles_signal and _on_main_thread():
            signal.signal(signal.SIGURG, self._old_handler or signal.SIG_DFL)
            self._handles_signal = False

    def check(self) -> str:
        """Replace a guard that died or stopped; why it was replaced, else empty."""
        link = self._link
        if link is None or self._pid != os.getpid():
            return ""
        why = link.trouble(self._clock_ns())
        return self._replace(why) if why else ""

    def _replace(self, why: str) -> str:
        with self._lock:
            link = self._link
            if link is None or len(self.replaced) >= _MOST_REPLACEMENTS:
                return why
            link.kill()
            link.collect_launcher()
            link.spawn()
            self.replaced.append(why)
            for pid in self._list_only:
                link.send(layout.LIST_ONLY, pid)
            for token in self._all_tokens():
                self._send_arm(token)
        return why

    def _all_tokens(self) -> list[Token]:
        standing = [self._standing] if self._standing is not None else []
        return [*standing, *self._lingering.values(), *self._tokens.values()]

    # -- limits -----------------------------------------------------------------
    def set_standing(
        self, limit_bytes: int | None, *, ceiling: bool = False, warn_only: bool = False
    ) -> None:
        """Set, change or (None) end the limit of the whole kernel.

        Holds between cells and, where it is the tighter one, for every scope; a
        change reaches scopes that are running.
        """
        with self._lock:
            old = self._standing
            if limit_bytes is None:
                self._standing = None
                if old is not None and self._link is not None:
                    self._link.send(layout.DISARM, old.seq, 0)
            else:
                self.start()
                token = old or self._new_token(limit_bytes, "total")
                token.limit_bytes = token.threshold_bytes = limit_bytes
                token.warn_only = warn_only
                token.ceiling = ceiling
                self._standing = token
                self._send_arm(token)
            for token in self._tokens.values():
                token.threshold_bytes = self._threshold(token)
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
            thread_ident: the thread that runs the scope; the calling one by default.
            active: false where the caller sets ``token.active`` itself, at the last
                moment before the scope's code begins.
        """
        if limit_bytes is not None and limit_bytes <= 0:
            raise UsageError(f"limit: {limit_bytes!r} is not above zero; for example 512 * 1024**2")
        with self._lock:
            self.start()
            token = self._new_token(limit_bytes, scope)
            token.warn_only, token.in_scope, token.cancel = warn_only, in_scope, cancel
            token.thread_ident = thread_ident or threading.get_ident()
            token.idents_before = threads.idents()
            token.replaced_before = len(self.replaced)
            rss, data = _ceiling.own_memory()
            token.own_rss_bytes = rss
            # On the path of every cell: a scope of its own is worth an exact look.
            alone = limit_bytes is None
            token.baseline_bytes = self._seen_bytes(rss) if alone else self._tree_bytes(rss)
            token.threshold_bytes = self._threshold(token)
            token.ceiling = ceiling and not warn_only and token.threshold_bytes is not None
            token.posted = not (token.ceiling or warn_only or limit_bytes is not None) and not any(
                other.posted for other in self._tokens.values()
            )
            self._tokens[token.seq] = token
            if token.ceiling and self._link is not None:
                # Nobody would move it before: a pool of threads must not run into it.
                self._link.wait_ready(_READY_S)
                self._set_ceiling(token, data)
            if token.threshold_bytes is not None:
                self._send_arm(token)
        token.active = active
        return token

    def _new_token(self, limit_bytes: int | None, scope: str) -> Token:
        token = Token(self._next_seq, limit_bytes, scope, self._clock_ns())
        self._next_seq += 1
        return token

    def _tree_bytes(self, rss: int) -> int:
        link = self._link
        if not procfs.descendants(self._pid, link.launcher if link is not None else 0):
            return rss
        children = link.fresh_children_bytes(self._clock_ns()) if link is not None else None
        if children is not None:
            return rss + children
        return procfs.tree_bytes(self._pid) or rss

    def _seen_bytes(self, rss: int) -> int:
        """The tree by the guard's last look, without a look of our own."""
        link = self._link
        children = link.fresh_children_bytes(self._clock_ns()) if link is not None else None
        return rss + max(0, children or 0)

    def _threshold(self, token: Token) -> int | None:
        """The tighter of the scope's own limit and the standing one, in total bytes."""
        bounds = []
        if token.limit_bytes is not None:
            base = token.baseline_bytes if token.scope == "cell" else 0
            bounds.append(base + token.limit_bytes)
        standing = self._standing
        if standing is not None and standing.limit_bytes is not None and not standing.warn_only:
            bound = standing.limit_bytes
            if token.baseline_bytes >= bound:
                # Over it already: room enough for `del` and a cleanup.
                bound = token.baseline_bytes + max(64 * MIB, bound // 20)
            bounds.append(bound)
        return min(bounds, default=None)

    def _send_arm(self, token: Token) -> None:
        if self._link is None or token.threshold_bytes is None:
            return
        if token.posted:
            self._post(token)
            return
        flags = (
            layout.CEILING * token.ceiling
            | layout.WARN_ONLY * token.warn_only
            | layout.STANDING * (token is self._standing)
        )
        headroom = max(0, token.threshold_bytes - token.baseline_bytes)
        reserve = default_reserve_bytes(headroom)
        sent = self._link.send(
            layout.ARM,
            token.seq,
            token.threshold_bytes,
            flags,
            reserve,
            token.ceiling_bytes or 0,
            token.baseline_bytes,
        )
        if not sent and self._link.trouble(self._clock_ns()) != "not started":
            self._replace_dead()

    def _post(self, token: Token) -> None:
        words = self._words()
        if words is not None and token.threshold_bytes is not None:
            words[layout.POST_THRESHOLD] = token.threshold_bytes
            words[layout.POST_BASELINE] = token.baseline_bytes
            words[layout.POST_SEQ] = token.seq

    def _withdraw(self, token: Token) -> None:
        """End a scope at the guard; one that is being stopped must hear of it at once."""
        words, link = self._words(), self._link
        if words is None or link is None:
            return
        if token.posted:
            words[layout.POST_SEQ] = 0
        if not token.posted or token.pending or words[layout.STOP_SEQ] == token.seq:
            watch_on = token.seq in self._lingering
            link.send(layout.DISARM, token.seq, layout.WATCH_ON * watch_on)

    def _replace_dead(self) -> None:
        if len(self.replaced) < _MOST_REPLACEMENTS:
            self._replace("the guard process ended")

    def disarm(self, token: Token) -> GuardReport:
        """End a limit: the ceiling goes first, then what was seen is reported."""
        token.active = False
        with self._lock:
            self._tokens.pop(token.seq, None)
            self._restore_limit()
            stop.end_watching(token)
            if token.pending and token.thread_ident != threading.get_ident():
                stop.forget_in_thread(token.thread_ident)
            running = threads.started_since(token.idents_before)
            report = build_report(self, token, self._words(), running)
            if self._link is not None and not token.ended and token.threshold_bytes is not None:
                watch_on = bool(running) and token.limit_bytes is not None and not token.warn_only
                if watch_on:
                    token.outliving = tuple(running)
                    self._lingering[token.seq] = token
                self._withdraw(token)
            token.ended = True
            self._ceiling_for_outer()
        return report

    def list_only(self, pids: Iterable[int]) -> None:
        """Name child processes that limit themselves and must never be ended."""
        for pid in pids:
            if pid not in self._list_only:
                self._list_only.add(pid)
                if self._link is not None:
                    self._link.send(layout.LIST_ONLY, pid)

    # -- ceiling ------------------------------------------------------------------
    def _set_ceiling(self, token: Token, data: int) -> None:
        words = self._words()
        if words is None or token.threshold_bytes is None:
            return
        if not words[layout.CEILING_SEQ]:
            self._own_limit = _ceiling.read()
            words[layout.SOFT], words[layout.HARD] = self._own_limit
        else:
            outer = self._tokens.get(words[layout.CEILING_SEQ])
            if outer is not None and (outer.threshold_bytes or 0) < token.threshold_bytes:
                return
        headroom = max(0, token.threshold_bytes - token.baseline_bytes)
        gap = headroom + default_reserve_bytes(headroom)
        token.ceiling_bytes = _ceiling.set_first(data, gap, self._own_limit)
        if token.ceiling_bytes is not None:
            words[layout.CEILING_SEQ] = token.seq
            stacks.watch(self._has_ceiling, self._own_limit[0])

    def _restore_limit(self) -> None:
        """The word first: a move of the guard that comes later undoes itself."""
        words = self._words()
        if words is not None and words[layout.CEILING_SEQ]:
            words[layout.CEILING_SEQ] = 0
            stacks.watch_no_more()
            _ceiling.restore(self._own_limit)

    def _has_ceiling(self) -> bool:
        words = self._words()
        return words is not None and bool(words[layout.CEILING_SEQ])

    def _ceiling_for_outer(self) -> None:
        outer = [t for t in self._tokens.values() if t.ceiling and t.threshold_bytes is not None]
        if outer:
            tightest = min(outer, key=lambda t: (t.threshold_bytes or 0, t.seq))
            rss, data = _ceiling.own_memory()
            tightest.baseline_bytes, was = self._tree_bytes(rss), tightest.baseline_bytes
            self._set_ceiling(tightest, data)
            tightest.baseline_bytes = was
            self._send_arm(tightest)

    def ceiling_caused(self, error: BaseException, token: Token) -> bool:
        """Whether the ceiling of this scope explains a failed allocation."""
        if token.ceiling_bytes is None:
            return False
        physical = os.sysconf("SC_PHYS_PAGES") * procfs.PAGE_BYTES
        return _ceiling.ceiling_caused(error, physical_bytes=physical)

    # -- stops --------------------------------------------------------------------
    def _install_handler(self) -> None:
        if not _on_main_thread() or self._pid != os.getpid():
            return
        # The C function: the other one makes an enum of the answer, on every cell.
        present = _signal.getsignal(signal.SIGURG)
        if present != self._on_signal:
            self._old_handler = present
            signal.signal(signal.SIGURG, self._on_signal)
            self._handles_signal = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        words = self._words()
        token = self._stopping(words)
        if token is None or words is None:
            if callable(self._old_handler):
                self._old_handler(number, frame)
            return
        if words[layout.CEILING_SEQ] and not token.ended:
            _ceiling.restore(self._own_limit)
        words[layout.ACK] += 1
        token.tree_bytes = words[layout.STOP_TREE]
        token.pending = True
        if token is self._standing:
            return
        self._stop_threads(token)
        if token.ended or not token.active:
            return
        if token.thread_ident != threading.get_ident():
            stop.raise_in_thread(token, token.thread_ident)
        elif frame is not None and token.in_scope is not None and token.in_scope(frame):
            stop.raise_in(token, frame)
        elif token.cancel is not None:
            token.deliveries += 1
            token.cancel()

    def _stop_threads(self, token: Token) -> None:
        words = self._words()
        if words is None:
            return
        grew = words[layout.TREE] - token.baseline_bytes
        if words[layout.KERNEL_RSS] - token.own_rss_bytes < max(16 * MIB, grew // 10):
            return  # child processes grew; threads may be what waits for them
        stopped = threads.stop_started(token, lingering=token.ended)
        if token.ended and not stopped:
            token.idle_deliveries += 1
            if token.idle_deliveries > _MOST_IDLE_DELIVERIES:
                # None of them is at work: somebody else grows.
                self._forget(token)

    def _forget(self, token: Token) -> None:
        self._lingering.pop(token.seq, None)
        if self._link is not None:
            self._link.send(layout.FORGET, token.seq)

    def _stopping(self, words: memoryview[int] | None) -> Token | None:
        seq = words[layout.STOP_SEQ] if words is not None else 0
        if not seq:
            return None
        if self._standing is not None and seq == self._standing.seq:
            return self._standing
        return self._tokens.get(seq) or self._lingering.get(seq)

    def deliver_beside(self) -> None:
        """Called by the keeper's thread: stop a scope that another thread runs."""
        words = self._words()
        token = self._stopping(words)
        if words is None or token is None or token is self._standing:
            return
        if token.thread_ident == threading.main_thread().ident and self._handles_signal:
            return
        if words[layout.CEILING_SEQ] and not token.ended:
            _ceiling.restore(self._own_limit)
        words[layout.ACK] += 1
        token.tree_bytes = words[layout.STOP_TREE]
        token.pending = True
        self._stop_threads(token)
        if token.active and not token.ended:
            token.deliveries += 1
            stop.raise_in_thread(token, token.thread_ident)

    def forget_ended_threads(self) -> None:
        """Called by the keeper's thread: end the watch over threads that ended."""
        for token in list(self._lingering.values()):
            if not any(thread.is_alive() for thread in token.outliving):
                with self._lock:
                    self._forget(token)

    @property
    def standing_exceeded(self) -> bool:
        """Whether the kernel went over its standing limit while no scope ran; clears it."""
        token = self._standing
        if token is None or not token.pending:
            return False
        token.pending = False
        return True

    def _disown(self) -> None:
        """In a forked child: this process has no guard and no ceiling."""
        with contextlib.suppress(OSError, ValueError):
            if self._link is not None and self._link.words[layout.CEILING_SEQ]:
                _ceiling.restore(self._own_limit)
            if self._handles_signal:
                signal.signal(signal.SIGURG, self._old_handler or signal.SIG_DFL)
        link, self._link = self._link, None
        self._handles_signal = False
        self._tokens = {}
        self._lingering = {}
        self._standing = None
        self._lock = threading.RLock()
        self._pid = os.getpid()
        if link is not None:
            link.close()


def _on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


_guards: list[Guard] = []


def _register(guard: Guard) -> None:
    if not _guards:
        import atexit

        atexit.register(_close_all)
        os.register_at_fork(after_in_child=_disown_all)
    if guard not in _guards:
        _guards.append(guard)


def _close_all() -> None:
    for guard in list(_guards):
        guard.close()


def _disown_all() -> None:
    for guard in _guards:
        guard._disown()
