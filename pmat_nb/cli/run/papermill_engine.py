"""papermill's engine ``pmat_nb``: ``papermill --engine pmat_nb in.ipynb out.ipynb``.

As papermill's own, in a kernel that measures itself: every cell's figures go into its metadata
(``pmat_nb``), a limit stops a cell, and a failed memory gate fails the execution. In Python
``papermill.execute_notebook`` takes ``max_total``, ``profile``, ``limit_per_cell`` and ``log``
beside ``engine_name="pmat_nb"``; the shell has ``PMAT_MEMORY_MAX`` and the other variables.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

from pmat_nb.errors import GateFailedError, PmatError, UsageError
from pmat_nb.settings import setting, spelled

from .cells import cell_of, note_in_cell
from .client import Link, Measuring, Wishes
from .deaths import cause_of_death, exit_of
from .ending import unchecked
from .notebooks import OURS

__all__ = ["MeasuringEngine"]

_FINISH_S = 120.0
_OWN = ("max_total", "profile", "limit_per_cell", "log")


class MeasuringEngine(NBClientEngine):  # type: ignore[misc] # papermill has no types
    """What papermill finds, by :mod:`.papermill_entry`."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        start_timeout: int = 60,
        execution_timeout: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Execute the notebook that ``nb_man`` manages.

        Raises:
            GateFailedError: a memory gate failed, and no cell did.
            DeadKernelError: the kernel died; the message says how.
        """
        own = {name: kwargs.pop(name, None) for name in _OWN}
        path = kwargs.pop("input_path", None)
        folder = Path(tempfile.mkdtemp(prefix="pmat_nb-run-"))
        kwargs.pop("timeout", None)
        kwargs.pop("startup_timeout", None)
        try:
            client = _Client(
                nb_man,
                **kwargs,
                timeout=execution_timeout,
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log_output=log_output,
                stdout_file=stdout_file,
                stderr_file=stderr_file,
            )
            client.started = {}
            client.link = _link(folder, path, own)
            return client.execute()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _Client(Measuring, PapermillNotebookClient):  # type: ignore[misc] # papermill has no types
    """papermill's client, which measures."""

    def execute_cell(self, cell: Any, cell_index: int, **kwargs: Any) -> Any:
        """As papermill's; the cell's figures go into its metadata."""
        status = exit_of(self.km)
        try:
            return super().execute_cell(cell, cell_index, **kwargs)
        except DeadKernelError:
            raise DeadKernelError(cause_of_death(self.started, status())[0]) from None
        finally:
            events = [event for event in self.link.events() if event["event"] == "cell"]
            if events:
                note_in_cell(cell, cell_of(cell_index, cell, "ok", "", events[-1]))

    def papermill_execute_cells(self) -> None:
        """As papermill's; then the memory gates."""
        super().papermill_execute_cells()
        problem = ""
        try:
            self.ask("finish", timeout_s=_FINISH_S)
        except PmatError as trouble:
            problem = str(trouble)
        ends = (each for each in self.link.events() if each["event"] == "end")
        end = next(ends, None) or unchecked(self.started, problem)
        gates = end["gates"]
        self.nb.metadata[OURS] = {"gates": gates, "rss_bytes": end.get("rss_bytes")}
        failed = [gate for gate in gates if gate["passed"] is False]
        if failed and not self.nb.metadata.get("papermill", {}).get("exception"):
            from pmat_nb.engine.runs.gates import GateCheck
            from pmat_nb.render.gates import failed_line

            self.nb_man.save()
            raise GateFailedError("; ".join(failed_line(GateCheck(**gate)) for gate in failed))


def _link(folder: Path, path: object, own: dict[str, Any]) -> Link:
    environment = {}
    for name, variable in (("max_total", "PMAT_MEMORY_MAX"), ("profile", "PMAT_MEMORY_PROFILE")):
        if own[name] is not None:
            option = setting(name)
            environment[variable] = spelled(option, option.parse(own[name], called=name))
    limit, log = own["limit_per_cell"], own["log"]
    if limit is not None:
        limit = spelled(
            setting("max_total"), setting("max_total").parse(limit, called="limit_per_cell")
        )
        if limit == "off":
            raise UsageError("limit_per_cell: off is what holds without it; for example 1GB")
    source = None if own["max_total"] is None else "max_total"
    wishes = Wishes(environment, limit, None if log is None else str(Path(log).absolute()), source)
    # papermill also reads from stores that are no paths.
    given = None if path is None or "://" in str(path) else Path(str(path)).absolute()
    return Link(folder, str(path or "notebook"), given, wishes)
