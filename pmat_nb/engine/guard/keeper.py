"""A thread of the kernel that keeps the guard alive.

It sleeps in ``poll``: a guard that died is noticed at once (its pipe closes), one
that was stopped within three seconds (its heartbeat stands still). It also
delivers stops to scopes that do not run on the main thread.
"""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .life import GuardLife

__all__ = ["Keeper"]

_PERIOD_MS = 500


class Keeper(threading.Thread):
    """Runs until its guard is closed."""

    pmat_guard = True

    def __init__(self, guard: GuardLife) -> None:
        super().__init__(name="pmat-guard", daemon=True)
        self._guard = guard
        self._wake_read, self._wake_write = os.pipe()
        self._over = False

    def run(self) -> None:
        """Wait, check, deliver, until told to end."""
        while not self._over:
            link = self._guard._link
            if link is None:
                break
            if link.launcher:
                link.collect_launcher()
            poller = select.poll()
            poller.register(self._wake_read, select.POLLIN)
            if link.events >= 0:
                poller.register(link.events, select.POLLIN)
            ready = dict(poller.poll(_PERIOD_MS))
            if not self._over:
                self._answer(link.events, ready.get(link.events, 0))
        os.close(self._wake_read)

    def _answer(self, fd: int, event: int) -> None:
        if event & select.POLLIN:
            try:
                ended = not os.read(fd, 4096)
            except OSError:
                ended = False
            if not ended:
                self._guard.delivery.beside()
                return
            event |= select.POLLHUP
        if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
            self._guard.replace_dead()
            return
        self._guard.check()
        self._guard.forget_ended_threads()

    def end(self) -> None:
        """Ask the thread to end, and wait for it."""
        self._over = True
        os.close(self._wake_write)
        if threading.current_thread() is not self:
            self.join(2.0)
