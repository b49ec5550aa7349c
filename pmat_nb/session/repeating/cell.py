"""Runs an armed cell's code again, in the place where IPython ran it first.

The first run is IPython's own, with all that belongs to it. For that one cell the shell's
``run_ast_nodes`` is ours; it awaits the original and then repeats the compiled statements
by the shell's ``run_code``, so that ``await`` works without another loop and an error has
the frames that it always has. Further runs leave nothing in ``Out``, ``_`` and the
history; between runs the hooks come that IPython calls around any code (``pre_execute``,
``post_execute``: inline figures are closed there), not those around cells.
"""

from __future__ import annotations

import ast
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from .interrupts import HeldBack
from .names import CellNames
from .progress import Progress
from .silence import Silence, ends, is_interrupt

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.report import LeakRecord
    from pmat_nb.engine.leaks.tracker import Tracker
    from pmat_nb.session.session import Session

    from .native_runs import NativeRuns

__all__ = ["RepeatWish", "RepeatedCell"]

# Turns of the event loop after which ipykernel has cancelled a cell that is interrupted.
_TURNS = 4


class RepeatWish(NamedTuple):
    """What was asked for above a cell. ``show`` makes of a record what is displayed.

    Of ``repeat`` runs in all, the last ``native_runs`` are under memray.
    """

    repeat: int
    warmup: int
    max_time_s: float | None
    show: Callable[[LeakRecord], Any]
    native_runs: int = 0


class RepeatedCell:
    """One cell; ``install`` before it runs, ``close`` when it has ended, however it did.

    ``done`` is given the record once the first run has come to its end.
    """

    def __init__(
        self,
        session: Session,
        wish: RepeatWish,
        make_tracker: Callable[..., Tracker],
        done: Callable[[LeakRecord], None],
    ) -> None:
        self._session = session
        self._shell: Any = session.shell
        self._wish = wish
        self._make_tracker = make_tracker
        self._done = done
        self._tracker: Tracker | None = None
        self._names = CellNames(session.namespace_owner.user_ns)
        self._progress = Progress(session.shell)
        self._interrupts = HeldBack()
        self._silence = Silence(session.shell, self._settled)
        self._failed_first = False
        self._native: NativeRuns | None = None
        self._began = 0.0
        self._unloaded = False

    # --- life -------------------------------------------------------------------

    def install(self) -> None:
        """Take the place of ``run_ast_nodes`` until the cell comes there."""
        self._shell.run_ast_nodes = self._run

    def close(self, *, unloaded: bool = False) -> None:
        """Leave nothing behind; a run that was cut off is reported as far as it came."""
        self._step_aside()
        self._silence.lift()
        self._set_keeps_armed(False)
        if self._tracker is not None:
            self._unloaded = unloaded
            self._tracker.interrupted = not unloaded
            self._guarded(self._finish)()

    def references_to(self, value: object) -> int:
        """How many references to an object the tracker holds meanwhile."""
        return 0 if self._tracker is None else self._tracker.references_to(value)

    def _step_aside(self) -> None:
        if self._shell.__dict__.get("run_ast_nodes") == self._run:
            del self._shell.run_ast_nodes

    # --- the runs -----------------------------------------------------------------

    async def _run(self, nodelist: list[ast.stmt], cell_name: str, **options: Any) -> Any:
        # Cells that this one runs are not its own code.
        self._step_aside()
        self._guarded(self._start)()
        raised = await self._shell.run_ast_nodes(nodelist, cell_name, **options)
        if self._tracker is None:
            return raised
        result = options.get("result")
        try:
            await self._repeat(bool(raised), nodelist, cell_name, options.get("compiler"), result)
        except Exception as problem:
            self._session.faults.report("leak tracking", problem)
        finally:
            self._silence.lift()
            self._guarded(self._finish)()
        if self._silence.ended is None:
            return raised
        if result is not None:
            result.error_in_exec = self._silence.ended
        return True

    def _start(self) -> None:
        self._set_keeps_armed(True)
        tracker = self._make_tracker(
            self._names,
            self._wish.warmup,
            repeat=self._wish.repeat - self._wish.native_runs,
            max_time_s=self._wish.max_time_s,
            progress=self._progress,
            interrupted=lambda: self._interrupts.seen,
        )
        tracker.start()
        self._began = time.perf_counter()
        self._tracker = tracker

    async def _repeat(
        self, failed: bool, nodelist: list[ast.stmt], cell_name: str, compiler: Any, result: Any
    ) -> None:
        if self._is_over(result):
            self._cancel()
            return
        self._failed_first = failed
        codes = _compiled(nodelist, cell_name, compiler, await_at_top=self._shell.autoawait)
        self._names.learn(code for code, _ in codes)
        awaits = any(is_async for _, is_async in codes)
        try:
            if self._wish.repeat > 1:
                self._shell.events.trigger("post_execute")
            while self._mark(failed):
                if awaits:
                    await _let_others_run()
                failed = await self._once(codes)
                if self._silence.ended is not None:
                    break
            if self._wish.native_runs and self._goes_on():
                await self._run_natively(codes)
        except BaseException as stopped:
            if not is_interrupt(stopped):
                raise
            self._silence.interrupted = True

    async def _once(self, codes: Sequence[tuple[CodeType, bool]]) -> bool:
        """One further run; whether it failed."""
        shell = self._shell
        with self._silence:
            shell.events.trigger("pre_execute")
            try:
                for code, is_async in codes:
                    if await shell.run_code(code, None, async_=is_async):
                        return True
                return False
            finally:
                shell.events.trigger("post_execute")

    async def _run_natively(self, codes: Sequence[tuple[CodeType, bool]]) -> None:
        """Further runs under memray; tracing and the tracker's own work are over by then."""
        from .native_runs import NativeRuns

        if self._tracker is None:
            return
        with self._interrupts:
            self._tracker.stop()
        self._native = NativeRuns(self._tracker.sites)
        await self._native.run(lambda: self._once(codes), self._goes_on)

    def _goes_on(self) -> bool:
        """Whether a further run may begin, as far as errors, interrupts and time go."""
        most_s = self._wish.max_time_s
        ended = self._silence.ended is not None or self._silence.interrupted
        if ended or self._is_stopped() or self._tracker is None:
            return False
        return most_s is None or time.perf_counter() - self._began < most_s

    def _mark(self, failed: bool) -> bool:
        """A run is over; whether there is to be another."""
        tracker = self._tracker
        if tracker is None:  # the extension was unloaded meanwhile
            return False
        if self._silence.interrupted or self._is_stopped():
            return False
        with self._interrupts:
            more = tracker.mark(failed=failed)
        self._silence.interrupted = self._interrupts.seen
        return more and not self._interrupts.seen

    # --- the end --------------------------------------------------------------------

    def _is_over(self, result: Any) -> bool:
        """Whether the first run ended in a way that forbids another."""
        before, during = (getattr(result, f"error_{when}_exec", None) for when in ("before", "in"))
        return before is not None or ends(during) or self._is_stopped()

    def _cancel(self) -> None:
        """The first run did not come to its end: there is nothing to report."""
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            with self._interrupts:
                tracker.stop()

    def _finish(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is None:
            return
        tracker.interrupted = tracker.interrupted or self._silence.interrupted
        with self._interrupts:
            tracker.stop()
            record = tracker.report()
            if self._native is not None:
                record = self._native.complete(record)
            record = record._replace(notes=(*record.notes, *self._notes()))
            self._done(record)
            self._progress.end(self._wish.show(record))

    def _notes(self) -> list[str]:
        notes = []
        if self._unloaded:
            notes.append("ended early: pmat_nb was unloaded or reloaded")
        if self._silence.failure and not self._failed_first:
            notes.append(f"the first run did not fail, a later one did: {self._silence.failure}")
        if self._silence.swallowed:
            notes.append("output of the runs after the first is not shown")
        return notes

    # --- parts ------------------------------------------------------------------------

    def _guarded(self, function: Callable[[], None]) -> Callable[[], None]:
        return self._session.faults.guard("leak tracking")(function)

    def _settled(self, error: BaseException) -> BaseException:
        protector = self._session.protector
        return error if protector is None else protector.settle_error(error)

    def _is_stopped(self) -> bool:
        protector = self._session.protector
        return protector is not None and protector.is_stopping

    def _set_keeps_armed(self, keeps: bool) -> None:
        if self._session.protector is not None:
            self._session.protector.armed_after_errors = keeps


def _compiled(
    nodelist: list[ast.stmt], cell_name: str, compiler: Any, *, await_at_top: bool
) -> list[tuple[CodeType, bool]]:
    """Statements compiled one by one as IPython does, and whether each awaits.

    None gives a value to display. A text alone does nothing, but would become the
    namespace's docstring.
    """
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if await_at_top else 0
    found = []
    with compiler.extra_flags(flags):
        for node in nodelist:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            code = compiler(ast.Module([node], []), cell_name, "exec")
            found.append((code, bool(code.co_flags & inspect.CO_COROUTINE)))
    return found


async def _let_others_run() -> None:
    """An interrupt of a cell that awaits comes by way of the event loop."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None or asyncio._get_running_loop() is None:
        return
    for _ in range(_TURNS):
        await asyncio.sleep(0)
