"""The session: what the magics and ``pmat_nb.stats()`` call.

It wires probe, meters, history and attribution together and answers each question
with one report. Whatever is costly is made at the first question, not at load.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pmat_nb.configuration import Settings, machine_file, project_file
from pmat_nb.engine.cells import CellMeter
from pmat_nb.engine.probe import Probe
from pmat_nb.engine.records import CellRecord

from .faults import Faults
from .hooks import CellHooks
from .identity import AtLoad, read_at_load
from .imports import ImportMeter
from .sampler import Sampler, TimedRss

if TYPE_CHECKING:
    from pmat_nb.engine.history.rows import SessionRow
    from pmat_nb.engine.history.store import HistoryWriter
    from pmat_nb.render.configuration import Configuration
    from pmat_nb.render.history import HistoryReport
    from pmat_nb.render.log import LogReport
    from pmat_nb.render.stats import Stats
    from pmat_nb.render.status import Status
    from pmat_nb.render.variables import Variables
    from pmat_nb.render.why import Why

    from .reports import Reporter

__all__ = ["Session"]

_SLACK_BUDGET_S = 0.05


class Session:
    """One per kernel. ``shell`` is IPython's, or None in a plain script.

    ``open`` starts the hooks, ``close`` takes every hook, thread and file back.
    """

    def __init__(self, shell: Any | None) -> None:
        self.shell = shell
        self.faults = Faults(self.say)
        self.settings = Settings(files=_settings_files())
        self.probe = _make_probe()
        self.meter = CellMeter(
            self.probe,
            self._on_cell,
            exact_peak=lambda: self.settings.get("exact_peak") is True,
        )
        self.imports = ImportMeter(self._anonymous_bytes, self._slack_bytes)
        self.sampler = Sampler(
            self.probe.rss_bytes,
            self._on_sample,
            interval_s=self._sample_interval_s,
            on_error=lambda problem: self.faults.report("background sampling", problem),
        )
        self.last_cell: CellRecord | None = None
        self.cell_sources: list[tuple[int, str]] = []
        self.at_load = AtLoad(None, None, None, 0)
        self._hooks: CellHooks | None = None
        self._history: HistoryWriter | None = None
        self._session_row: SessionRow | None = None
        self._reporter: Reporter | None = None
        self._full_collections = gc.get_stats()[2]["collections"]
        self.last_gc_at: float | None = None
        self._loaded_at = time.time()
        self.folder = _working_folder()
        self._pid = os.getpid()

    # --- life -------------------------------------------------------------------

    def open(self) -> None:
        """Start measuring. A hook that cannot be set is reported and left out."""
        self.at_load = read_at_load(self.probe, self._objects_at_load())
        self.imports.install()
        if self.shell is not None:
            self._hooks = CellHooks(self.shell, self.meter, self.faults)
            self.faults.guard("cell accounting")(self._hooks.install)()

    def close(self) -> None:
        """Stop measuring; idempotent."""
        self.imports.remove()
        if self._hooks is not None:
            self._hooks.remove()
        if self._reporter is not None:
            self._reporter.close()
        self.sampler.stop()
        if self._history is not None:
            self._history.close()
        self.probe.close()

    def say(self, text: str) -> None:
        """One line to the user, where errors go: it never becomes a cell's value."""
        print(text, file=sys.stderr)

    # --- questions --------------------------------------------------------------

    def status(self) -> Status:
        """``%pmat``: where things stand, and what makes sense next."""
        return self._reports().status()

    def stats(self, *, detailed: bool = False, by: str | None = None) -> Any:
        """``%pmat_stats``: where the memory is; ``by`` groups it differently."""
        found: Stats = self._reports().stats(detailed=detailed)
        return found if by is None else found.by(by)

    def variables(self, *, exact: bool = False, top: int | None = None) -> Variables:
        """``%pmat_vars``: what each variable holds."""
        return self._reports().variables(exact=exact, top=top)

    def why(self, name: str) -> Why:
        """``%pmat_why``: what keeps a variable's object alive."""
        return self._reports().why(name)

    def history(self, *, sessions: bool = False, forecast: bool = False) -> HistoryReport:
        """``%pmat_history``: what cells cost, in this and earlier sessions."""
        return self._reports().history(sessions=sessions, forecast=forecast)

    def analyze_log(self, path: str) -> LogReport:
        """``%pmat_stats --analyze-log``: the summary of an NDJSON log."""
        return self._reports().analyze_log(path)

    def watch(self, period: float | str, *, format: str | None, output: str | None) -> Any:
        """``%pmat_stats --watch``: refresh every ``period`` seconds, or ``off``."""
        return self._reports().watch(period, format=format, output=output)

    def configuration(self) -> Configuration:
        """``%pmat_configure``: every setting, its value and its source."""
        from pmat_nb.render.configuration import Configuration

        return Configuration(self.settings.rows())

    # --- what the reports need ----------------------------------------------------

    @property
    def namespace_owner(self) -> Any:
        """The shell, or in a plain script something that has ``__main__``'s variables."""
        if self.shell is not None:
            return self.shell
        main = sys.modules["__main__"].__dict__
        return SimpleNamespace(user_ns=main, user_ns_hidden={})

    def writer(self) -> HistoryWriter | None:
        """The history's writer; None where the history is off or not of this process."""
        if os.getpid() != self._pid or self.settings.get("history") is not True:
            return None
        if self._history is None and not self.faults.off("history"):
            self._history = self.faults.guard("history")(self._make_writer)()
        if self._history is not None:
            self._history.source_mode = str(self.settings.get("record_source"))  # type: ignore[assignment]
        return self._history

    def history_id(self) -> str | None:
        """The id of this session's rows in the history."""
        return self._session_row.session_id if self._session_row is not None else None

    def _make_writer(self) -> HistoryWriter:
        from pmat_nb.engine.history.store import HistoryWriter

        kept = self.settings.get("history_sessions")
        return HistoryWriter(
            None,
            self._make_session_row,
            on_error=lambda reason: self.say(f"pmat_nb: {reason}"),
            max_sessions=kept if isinstance(kept, int) else None,
        )

    def _make_session_row(self) -> SessionRow:
        # In the writer's thread, so that the first cell does not wait for it.
        from pmat_nb import __version__
        from pmat_nb.engine.history.notebook import identify_notebook
        from pmat_nb.engine.history.rows import new_session

        notebook = identify_notebook(os.environ, self.namespace_owner.user_ns, self.folder)
        self._session_row = new_session(
            notebook, pmat_version=__version__, clock=lambda: self._loaded_at
        )
        return self._session_row

    def _reports(self) -> Reporter:
        if self._reporter is None:
            from .reports import Reporter

            self._reporter = Reporter(self)
        return self._reporter

    # --- callbacks ----------------------------------------------------------------

    def _on_cell(self, record: CellRecord, source: str) -> None:
        self.last_cell = record
        if record.execution_count is not None:
            self.cell_sources.append((record.execution_count, source))
            # Parsed when somebody asks; until then no more than a long session's worth.
            del self.cell_sources[:-10_000]
        writer = self.writer()
        if writer is not None:
            writer.record_cell(record, source)
        self.sampler.start()

    def _on_sample(self, sample: TimedRss) -> None:
        self.meter.sample(sample.rss_bytes)
        full_collections = gc.get_stats()[2]["collections"]
        if full_collections != self._full_collections:
            self._full_collections, self.last_gc_at = full_collections, sample.at

    def _sample_interval_s(self) -> float:
        interval = self.settings.get("sample_interval")
        return float(interval) if isinstance(interval, (int, float)) else 1.0

    def _anonymous_bytes(self) -> int | None:
        rss, files = self.probe.rss_bytes(), self.probe.mapped_file_bytes()
        return rss if rss is None or files is None else rss - files

    def _slack_bytes(self) -> int | None:
        return self.probe.slack_bytes(_SLACK_BUDGET_S)

    def _objects_at_load(self) -> int:
        """The user's objects that are there already; usually none, and then free."""
        owner = self.namespace_owner
        known = getattr(owner, "user_ns_hidden", {})
        names = [name for name in tuple(owner.user_ns) if name not in known]
        if all(str(name).startswith("__") for name in names):
            return 0
        measure: Callable[[], int | None] = self.faults.guard("sizing")(
            lambda: self._reports().user_bytes()
        )
        return measure() or 0


def _working_folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted under us
        return None


def _settings_files() -> tuple[tuple[str, Path], ...]:
    from pmat_nb.engine.paths import settings_file

    try:
        project = project_file(Path.cwd())
    except OSError:
        project = None
    candidates = (("project", project), ("user", settings_file()), ("machine", machine_file()))
    return tuple(
        (source, path) for source, path in candidates if path is not None and path.is_file()
    )


def _make_probe() -> Probe:
    from pmat_nb.consumers.allocators import READERS

    return Probe(allocator_readers=READERS, clock=time.time)
