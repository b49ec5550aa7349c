"""Arms the guard around every cell, and settles what it stopped.

One :class:`Protector` per session. The session's cell hooks call :meth:`begin` last
before a cell and :meth:`end` first after it; errors come by :class:`ErrorHooks`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pmat_nb.errors import MemoryLimitExceeded, UnavailableError, UsageError
from pmat_nb.session.hooks import is_headed_by
from pmat_nb.units import LimitSpec

from .error_hooks import ErrorHooks
from .limits import CellLimit, NextLimit, ceiling_wanted, cell_bytes
from .scope import OpenScope
from .standing import StandingLimit
from .tasks import tasks_of

if TYPE_CHECKING:
    from pmat_nb.engine.guard import Guard, Token
    from pmat_nb.session.session import Session

__all__ = ["Protector"]

_OFF = LimitSpec("off")


class Protector:
    """The standing limit, the next cell's limit, and the cells that run under them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._guard: Guard | None = None
        self._next: NextLimit | None = None
        self._open: list[OpenScope] = []
        # The highest of the process tree in the cells that have ended since it was taken.
        self._peak_bytes: int | None = None
        # What every cell may add that has no limit of its own.
        self.every_cell: CellLimit | None = None
        self.standing = StandingLimit(session)
        self._errors = ErrorHooks(session, self)
        # While a cell is repeated: an error ends one run, and the next is under the limit too.
        self.armed_after_errors = False
        self.unavailable = ""

    # --- life -------------------------------------------------------------------

    def open(self) -> None:
        """Resolve the standing limit; the guard itself starts with the first cell."""
        self.resolve_standing()
        self._errors.install()

    def close(self) -> None:
        """Take the hooks back and end the guard."""
        self._errors.remove()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    @property
    def guard_pids(self) -> tuple[int, ...]:
        """The guard's process, which belongs to no measurement."""
        pid = self._guard.process_id if self._guard is not None else None
        return () if pid is None else (pid,)

    @property
    def children_bytes(self) -> int | None:
        """What descendants add to the kernel's RSS, as the guard saw last; None if unseen.

        Negative where a forked child shares pages with the kernel.
        """
        return self._guard.children_bytes if self._guard is not None else None

    def stop_running(self, threshold_bytes: int) -> bool:
        """Have the cell that runs stopped as soon as the tree is over ``threshold_bytes``.

        Any thread may ask. False where no cell runs under the guard.
        """
        guard, scope = self._guard, next(iter(self._open), None)
        if guard is None or scope is None or scope.limit.warn_only:
            return False
        guard.tighten(scope.token, threshold_bytes)
        return True

    @property
    def own_ceiling_bytes(self) -> int | None:
        """The data rlimit that is the guard's own doing, None while there is none."""
        if all(scope.token.ceiling_bytes is None for scope in self._open):
            return None
        import resource

        return resource.getrlimit(resource.RLIMIT_DATA)[0]

    def resolve_standing(self) -> None:
        """Compute the standing limit from the settings and hand it to the guard."""
        self.standing.resolve()
        if self._guard is not None:
            self.standing.hand_to(self._guard)

    def set_standing(self, spec: LimitSpec, *, ceiling: str, warn_only: bool) -> None:
        """``%pmat_limit SIZE``: change the kernel's one standing limit at once."""
        self._session.settings.put("max_total", spec)
        self.standing.ceiling, self.standing.warn_only = ceiling, warn_only
        self.resolve_standing()

    # --- cells --------------------------------------------------------------------

    def arm_next(self, first_line: str, limit: CellLimit) -> None:
        """Limit the next cell if it begins with ``first_line``.

        Raises:
            UsageError: the limit cannot hold.
            UnavailableError: there is no guard on this platform.
        """
        session = self._session
        size = cell_bytes(limit, session.room(), session.tree_bytes() or 0, magic="%%pmat_limit")
        if size is not None and self.guard() is None:
            raise UnavailableError(f"memory limits are not available here: {self.unavailable}")
        self._next = NextLimit(first_line, limit, size)

    def begin(self, info: Any) -> None:
        """The last thing before a cell: arm its limit."""
        asked = self._take_next(info.raw_cell or "") or self._for_every_cell()
        limit = asked.limit if asked is not None else CellLimit(_OFF)
        own = asked.size_bytes if asked is not None else None
        # Above a cell, "off" also lifts the standing limit for it.
        if own is None and (self.standing.limit_bytes is None or asked is not None):
            return
        guard = self.guard()
        if guard is None:
            return
        ceiling = ceiling_wanted(limit.ceiling) if own else self.standing.has_ceiling
        namespace = self._session.namespace_owner.user_ns
        from pmat_nb.engine.guard import runs_under

        tasks = tasks_of(self._session.shell, info)
        token = guard.arm(
            own,
            limit.scope,
            ceiling=ceiling,
            warn_only=limit.warn_only,
            in_scope=runs_under(namespace),
            cancel=tasks.cancel if tasks else None,
            tasks_started=tasks.started if tasks else None,
            active=False,
        )
        scope = OpenScope(info, limit, token, namespace)
        self._open.append(scope)
        self._tell_if_over(token)
        token.active = True

    def end(self, result: Any) -> None:
        """The first thing after a cell: disarm, and settle a stop nobody raised."""
        info = getattr(result, "info", None)
        scope = next((each for each in self._open if each.info is info), None)
        if scope is None:
            return
        self._open.remove(scope)
        stopped = scope.settled
        if stopped is None:
            stopped = self._settle(scope, result.error_in_exec or scope.refused_in_thread)
            if stopped is not None:
                self._errors.show(stopped)
        if stopped is not None:
            # What the cell ends with for whoever asked to run it.
            result.error_in_exec = stopped
        scope.close()

    def library_arrived(self) -> None:
        """A module was imported, perhaps by the cell that runs under a limit."""
        if self._guard is not None and self._open:
            self._guard.library_arrived()

    def take_peak(self) -> int | None:
        """The highest that the guard saw of the tree since this was last called."""
        peak, self._peak_bytes = self._peak_bytes, None
        return peak or None

    def settle_error(self, error: BaseException) -> BaseException:
        """``error`` as the user is to see it: the stop it stands for, or itself."""
        thread = threading.get_ident()
        scope = next((s for s in reversed(self._open) if s.token.thread_ident == thread), None)
        if scope is None or scope.settled is not None:
            return error
        if self.armed_after_errors and not self._may_be_a_stop(scope, error):
            return error
        return self._settle(scope, error) or error

    def note_thread_error(self, error: BaseException | None) -> None:
        """A thread ended: of the ceiling, perhaps, and then its cell is not fine either."""
        guard = self._guard
        if isinstance(error, MemoryError) and guard is not None:
            for scope in self._open:
                if guard.ceiling_caused(error, scope.token):
                    scope.refused_in_thread = error
                    break

    @property
    def has_open_cell(self) -> bool:
        """Whether a cell runs under a limit."""
        return bool(self._open)

    @property
    def is_stopping(self) -> bool:
        """Whether a stop of a cell that runs was decided, whatever the cell made of it."""
        return any(
            scope.settled is not None or (scope.token.pending and not scope.limit.warn_only)
            for scope in self._open
        )

    # --- parts --------------------------------------------------------------------

    def _may_be_a_stop(self, scope: OpenScope, error: BaseException) -> bool:
        guard = self._guard
        refused = guard is not None and guard.ceiling_caused(error, scope.token)
        return refused or scope.token.pending or isinstance(error, MemoryError)

    def _settle(self, scope: OpenScope, error: BaseException | None) -> MemoryLimitExceeded | None:
        guard, token = self._guard, scope.token
        if guard is None or token.ended:
            return None
        report = guard.disarm(token)
        self._peak_bytes = max(self._peak_bytes or 0, report.peak_tree_bytes)
        decided = report.stopped and not scope.limit.warn_only
        if report.warned:
            from .sayings import warning_line

            self._session.notice("warned", warning_line(report))
        if isinstance(error, MemoryLimitExceeded) and not decided:
            from pmat_nb.engine.guard import clean_traceback

            clean_traceback(error)  # of a block inside the cell, which says enough
            return None
        refused = error is not None and guard.ceiling_caused(error, token)
        if isinstance(error, (KeyboardInterrupt, SystemExit)) or not (decided or refused):
            return None
        from .stops import settle

        scope.settled = settle(self._session, scope, report, error)
        self._session.on_stop(scope.settled)
        return scope.settled

    def _take_next(self, source: str) -> NextLimit | None:
        waiting, self._next = self._next, None
        if waiting is None or not is_headed_by(source, waiting.first_line):
            return None
        return waiting

    def _for_every_cell(self) -> NextLimit | None:
        limit, session = self.every_cell, self._session
        if limit is None or self._open:
            return None
        held = session.tree_bytes() or 0
        try:
            size = cell_bytes(limit, session.room(), held, magic="--limit-per-cell")
        except UsageError:
            return None  # more than is left: the kernel's own limit is the tighter one
        return NextLimit("", limit, size)

    def guard(self) -> Guard | None:
        """The guard, started if need be; None where none can run (``unavailable`` says why)."""
        if self.unavailable:
            return None
        if self._guard is None:
            from pmat_nb.engine.guard import Guard

            guard = Guard(certificate_path=self._session.around_cells.certificate_path())
            if not guard.available:
                self.unavailable = guard.reason
                return None
            self._guard = guard
            self.standing.hand_to(guard)
        return self._guard

    def _tell_if_over(self, token: Token) -> None:
        standing = self.standing.limit_bytes
        if standing is None or token.baseline_bytes < standing or token.threshold_bytes is None:
            return
        from .sayings import over_line

        self._session.notice(f"over {standing}", over_line(token, standing))
