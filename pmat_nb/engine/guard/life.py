"""The guard process of a kernel: started, kept alive, told of the scopes, ended."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable

from pmat_nb.errors import UnavailableError

from . import link as _link
from . import orders, tasks
from .armed import Armed
from .delivery import Delivery
from .keeper import Keeper
from .own_ceiling import OwnCeiling
from .process import layout
from .process_wide import register
from .token import Token

__all__ = ["GuardLife"]

_MOST_REPLACEMENTS = 20


class GuardLife:
    """What a guard is before anything is limited; :class:`.client.Guard` adds the limits."""

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
        self._armed = Armed()
        self._ceiling = OwnCeiling(self._words)
        self.delivery = Delivery(self._armed, self._ceiling, self._words, self._forget)
        self._list_only: set[int] = set()

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
                self._ceiling.read_limit(link.words)
                link.spawn()
                self._link = link
                self._keeper = Keeper(self)
                self._keeper.start()
                register(self)
        self.delivery.install()

    def close(self) -> None:
        """End the guard, restore the limit and the signal handler."""
        link = self._link
        if link is None or self._pid != os.getpid():
            return
        self._ceiling.end()
        self._link = None
        link.words[layout.CLEAN_EXIT] = 1
        link.send(layout.QUIT)
        if self._keeper is not None:
            self._keeper.end()
        link.collect_launcher()
        link.close()
        self._armed.forget_all()
        self.delivery.restore()

    def disown(self) -> None:
        """In a forked child: this process has no guard and no ceiling."""
        link, self._link = self._link, None
        with contextlib.suppress(OSError, ValueError):
            if link is not None:
                self._ceiling.lift(link.words)
            self.delivery.restore()
        self._armed.forget_all()
        self._lock = threading.RLock()
        self._pid = os.getpid()
        if link is not None:
            link.close()

    def check(self) -> str:
        """Replace a guard that died or stopped; why it was replaced, else empty."""
        link = self._link
        if link is None or self._pid != os.getpid():
            return ""
        why = link.trouble(self._clock_ns())
        return self._replace(why) if why else ""

    def replace_dead(self) -> None:
        """Start another guard in the place of one that ended."""
        if len(self.replaced) < _MOST_REPLACEMENTS:
            self._replace("the guard process ended")

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
            for token in self._armed.all():
                self._send_arm(token)
        return why

    @property
    def children_bytes(self) -> int | None:
        """What descendants add to this process's RSS by the guard's last look.

        None where it has not looked lately; negative where a child shares much.
        """
        link = self._link
        if link is None or self._pid != os.getpid():
            return None
        return link.fresh_children_bytes(self._clock_ns())

    # -- what the process is told ---------------------------------------------------
    def _send_arm(self, token: Token) -> None:
        link = self._link
        if link is None or orders.arm(link, token, is_standing=token is self._armed.standing):
            return
        if link.trouble(self._clock_ns()) != "not started":
            self.replace_dead()

    def _withdraw(self, token: Token) -> None:
        if self._link is not None and self._pid == os.getpid():
            orders.withdraw(self._link, token, watch_on=token.seq in self._armed.lingering)

    def list_only(self, pids: Iterable[int]) -> None:
        """Name child processes that limit themselves and must never be ended."""
        for pid in pids:
            if pid not in self._list_only:
                self._list_only.add(pid)
                if self._link is not None:
                    self._link.send(layout.LIST_ONLY, pid)

    def forget_ended_threads(self) -> None:
        """Called by the keeper's thread: end the watch over threads and tasks that ended."""
        for token in list(self._armed.lingering.values()):
            working = any(thread.is_alive() for thread in token.outliving)
            if not working and not tasks.alive(token):
                with self._lock:
                    self._forget(token)
            elif self._link is not None and self._link.words[layout.STOP_SEQ] != token.seq:
                tasks.look_afresh(token, self.delivery.meter)

    def _forget(self, token: Token) -> None:
        self._armed.lingering.pop(token.seq, None)
        self.delivery.meter.forget(token.outliving_tasks)
        token.judged = token.seen = None
        token.outliving, token.outliving_tasks, token.tasks_told = (), (), []
        if self._link is not None:
            self._link.send(layout.FORGET, token.seq)
