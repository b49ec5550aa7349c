"""Executes one notebook in a kernel of its own, and says what became of each cell."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbclient.util import ensure_async

from pmat_nb.engine.runs.records import CellRun, NotebookRun, Outcome
from pmat_nb.errors import PmatError, UsageError

from .cells import cell_of, not_run, note_in_cell, passed_over, runs, skipped
from .client import Link, Measuring, Wishes
from .deaths import cause_of_death, exit_of, forget_death, last_words
from .ending import notebook_run, unchecked

__all__ = ["Execution", "Job", "execute"]

_FINISH_S = 120.0
# So long a kernel whose cell was interrupted has to say what it knows.
_AFTER_STOP_S = {"timed out": 10.0, "interrupted": 5.0}


class Job(NamedTuple):
    """One notebook to execute. ``name`` is its path as given, ``path`` the file itself."""

    name: str
    path: Path | None
    notebook: Any
    folder: Path
    wishes: Wishes
    timeout_s: float | None = None
    allow_errors: bool = False
    kernel_name: str = ""
    notes: tuple[str, ...] = ()


class Execution:
    """One kernel that executes the cells of a job; ``run`` is what came of it.

    ``tell`` hears of each cell before (without) and after (with its record) it ran.
    """

    def __init__(self, job: Job, tell: Callable[[int, CellRun | None], None]) -> None:
        self.job = job
        self._tell = tell
        self._folder = Path(tempfile.mkdtemp(prefix="pmat_nb-run-"))
        self.client: Any = Measuring(job.notebook, **_traits(job))
        self.client.link = Link(self._folder, job.name, job.path, job.wishes)
        self.client.started = {}
        # What the kernel's process says itself: of interest if it dies.
        self._said = self._folder / "said"
        self.cells: dict[int, CellRun] = {}
        self.end: dict[str, Any] = {}
        self.death, self.out_of_memory = "", False
        self.outcome: Outcome = "ok"
        self._notes = job.notes
        self.started_at = time.time()
        self._clock = time.monotonic()
        self._pid_exit: Callable[[], int | None] = lambda: None

    async def execute(self) -> NotebookRun:
        """Start the kernel, run the cells, end it; cancelling leaves what is known so far."""
        try:
            await self.open()
            if self.outcome == "ok":
                await self.run_cells()
                await self.finish()
        except asyncio.CancelledError:
            self.outcome = "interrupted"
            await self._hear_the_rest()
        finally:
            await self.close()
        return self.run()

    async def open(self) -> None:
        """Start the kernel and load the extension in it.

        Raises:
            UsageError: the kernel is not there, cannot measure itself, or a settings file is
                wrong.
        """
        from jupyter_client.kernelspec import NoSuchKernel

        client = self.client
        client.reset_execution_trackers()
        client.create_kernel_manager()
        try:
            with self._said.open("wb") as said:
                # Not to our own standard output, which may be read as JSON.
                where = {"cwd": str(self.job.folder), "stdout": said, "stderr": said}
                await client.async_start_new_kernel(**where)
            await client.async_start_new_kernel_client()
        except NoSuchKernel as missing:
            raise UsageError(
                f"pmat-nb run: {self.job.name!r} wants the kernel {missing.name!r}, which is not "
                "installed here; name another: --kernel-name python3"
            ) from None
        except (DeadKernelError, RuntimeError) as problem:
            # nbclient's own word is a RuntimeError too.
            self.outcome, self.death = "died", f"the kernel did not start: {problem}"
            self._notes += last_words(self._said)
            return
        if problems := client.started.get("problems"):
            raise UsageError(f"pmat-nb run: {problems[0]}")
        self._pid_exit = exit_of(client.km)
        info = await client.async_wait_for_reply(await ensure_async(client.kc.kernel_info()))
        if info is not None:
            self.job.notebook.metadata["language_info"] = info["content"]["language_info"]

    async def run_cells(self) -> None:
        """Run every code cell in turn, as far as the first that ends the run."""
        for place, cell in enumerate(self.job.notebook.cells):
            if not runs(cell):
                continue
            if self.outcome != "ok" and not self._goes_on():
                self.cells[place] = not_run(place, cell)
                continue
            self._tell(place, None)
            # What it is if nothing more is heard of it.
            self.cells[place] = not_run(place, cell)._replace(outcome="interrupted")
            outcome, error = await self._run_cell(cell, place)
            self._note(place, cell, outcome, error)
            self._tell(place, self.cells[place])
        self.client.set_widgets_metadata()

    def _goes_on(self) -> bool:
        return self.job.allow_errors and self.outcome in ("failed", "stopped")

    async def _run_cell(self, cell: Any, place: int) -> tuple[Outcome, str]:
        client = self.client
        try:
            await client.async_execute_cell(
                cell, place, execution_count=client.code_cells_executed + 1
            )
        except CellExecutionError as problem:
            return "failed", f"{problem.ename}: {problem.evalue}"
        except CellTimeoutError:
            return "timed out", f"ran longer than {self.job.timeout_s:g} s"
        except DeadKernelError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError from None
            return "died", "the kernel died"
        return "ok", ""

    def _note(self, place: int, cell: Any, outcome: Outcome, error: str) -> None:
        events = [event for event in self.client.link.events() if event["event"] == "cell"]
        made = cell_of(place, cell, outcome, error, events[-1] if events else None)
        self.cells[place] = made
        note_in_cell(cell, made)
        if self.outcome == "ok" or made.outcome in ("died", "timed out"):
            self.outcome = made.outcome

    async def finish(self) -> None:
        """Check the gates in the kernel, or find out how it ended."""
        client = self.client
        if self.outcome == "died":
            await self._find_cause()
            return
        wait_s, problem = _AFTER_STOP_S.get(self.outcome, _FINISH_S), ""
        if self.outcome in _AFTER_STOP_S:
            await ensure_async(client.km.interrupt_kernel())
        try:
            await client.async_ask("finish", timeout_s=wait_s)
        except DeadKernelError:
            await self._find_cause()
            return
        except PmatError as trouble:
            problem = str(trouble)
        self._read_end()
        if not self.end:
            self.end = unchecked(self.client.started, problem)
            self._notes += (f"figures at the end are missing: {problem or 'none were said'}",)

    async def _hear_the_rest(self) -> None:
        """What an interrupted kernel measured up to now; its cell ends first."""
        if self.client.started and not self.end:
            # nbclient's own requests were cancelled with the cell: nothing else is under way.
            await self.finish()
            for place, made in self.cells.items():
                if made.outcome == "interrupted":
                    self._tell(place, made)

    def _read_end(self) -> None:
        """The kernel's last words, and those on a cell that was interrupted."""
        for event in self.client.link.events():
            if event["event"] == "end":
                self.end = event
            for place, made in self.cells.items():
                if made.outcome in _AFTER_STOP_S and event["event"] == "cell":
                    cell = self.job.notebook.cells[place]
                    self.cells[place] = cell_of(place, cell, made.outcome, made.error, event)
                    note_in_cell(cell, self.cells[place])

    async def _find_cause(self) -> None:
        started, status = self.client.started, self._pid_exit()
        self.death, self.out_of_memory = await asyncio.to_thread(cause_of_death, started, status)
        self._notes += last_words(self._said)

    async def close(self) -> None:
        """End the kernel, whatever it is doing, and remove what belongs to the run alone."""
        client = self.client
        try:
            if client.km is not None:
                with suppress(RuntimeError):
                    if self.outcome in ("interrupted", "timed out"):
                        # An orderly end: one that is killed would be a death to be told of.
                        await ensure_async(client.km.interrupt_kernel())
                    await client._async_cleanup_kernel()
        finally:
            for place, cell in enumerate(self.job.notebook.cells):
                if skipped(cell):
                    self.cells[place] = passed_over(place, cell)
                elif runs(cell) and place not in self.cells:
                    self.cells[place] = not_run(place, cell)
            forget_death(client.started)
            shutil.rmtree(self._folder, ignore_errors=True)

    def run(self) -> NotebookRun:
        """The record of all this."""
        return notebook_run(
            self.job.name,
            self.outcome,
            self.started_at,
            time.monotonic() - self._clock,
            self.client.started,
            self.end,
            tuple(self.cells[place] for place in sorted(self.cells)),
            death=self.death,
            out_of_memory=self.out_of_memory,
            notes=self._notes,
        )


def _traits(job: Job) -> dict[str, Any]:
    import logging

    silent = logging.getLogger("pmat_nb.run")
    silent.disabled = True
    traits: dict[str, Any] = {"allow_errors": job.allow_errors, "log": silent}
    if job.timeout_s is not None:
        traits["timeout"] = max(1, round(job.timeout_s))
    if job.kernel_name:
        traits["kernel_name"] = job.kernel_name
    return traits


def execute(job: Job, tell: Callable[[int, CellRun | None], None]) -> NotebookRun:
    """Execute a job; Ctrl-C and SIGTERM end it with what is known (outcome ``interrupted``)."""
    execution = Execution(job, tell)
    from .interrupts import until_interrupted

    until_interrupted(execution.execute())
    return execution.run()
