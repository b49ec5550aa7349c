"""The session: what the magics and ``pmat_nb.stats()`` call.

It wires probe, meters, history and attribution together and answers each question
with one report. Whatever is costly is made at the first question, not at load.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from pmat_nb.engine.cells import CellMeter
from pmat_nb.engine.probe import Probe
from pmat_nb.engine.records import CellRecord, StopRecord, TreeMemory
from pmat_nb.errors import MemoryLimitExceeded, UnavailableError, UsageError
from pmat_nb.units import LimitSpec

from .between import BetweenCells
from .faults import Faults
from .hooks import CellHooks, input_number
from .identity import AtLoad, read_at_load
from .imports import ImportMeter
from .protection.protector import Protector
from .sampler import Sampler, TimedRss
from .sources import make_settings

if TYPE_CHECKING:
    from pmat_nb.engine.guard import limit_block
    from pmat_nb.engine.history.notebook import Notebook
    from pmat_nb.engine.history.rows import SessionRow
    from pmat_nb.engine.history.store import HistoryWriter
    from pmat_nb.engine.limits import Usable
    from pmat_nb.render.configuration import Configuration
    from pmat_nb.render.history import HistoryReport
    from pmat_nb.render.keeping import Restored, Saved
    from pmat_nb.render.limit import LimitReport
    from pmat_nb.render.log import LogReport
    from pmat_nb.render.stats import Stats
    from pmat_nb.render.status import Status
    from pmat_nb.render.variables import Variables
    from pmat_nb.render.why import Why

    from .cleaning import Cleaner
    from .collecting import Collector
    from .deaths import DeathWatch
    from .defragmenting import Defragmenter
    from .pools import PoolManager
    from .pressure import PressureMonitor
    from .reports import Reporter

__all__ = ["Session"]

_SLACK_BUDGET_S = 0.05
_P = TypeVar("_P")


class Session:
    """One per kernel. ``shell`` is IPython's, or None in a plain script.

    ``open`` starts the hooks, ``close`` takes every hook, thread and file back.
    """

    def __init__(self, shell: Any | None) -> None:
        self.shell = shell
        self.faults = Faults(self.say)
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
        self.last_stop: StopRecord | None = None
        self.cell_sources: list[tuple[int, str]] = []
        self.at_load = AtLoad(None, None, None, 0)
        self.protector: Protector | None = None
        self._death_watch: DeathWatch | None = None
        self._note_cell: Callable[[str, str], None] | None = None
        self._note_end: Callable[[], None] = lambda: None
        self._notebook: Notebook | None = None
        self._told: set[str] = set()
        self._hooks: CellHooks | None = None
        self._history: HistoryWriter | None = None
        self._session_row: SessionRow | None = None
        self._reporter: Reporter | None = None
        self._loaded_at = time.time()
        self.folder = _working_folder()
        self._pid = os.getpid()
        self.between_cells = BetweenCells(self.faults, busy=lambda: self.meter.busy)
        self._parts: dict[str, Any] = {}
        self._making = RLock()
        # Last: a profile may ask what is usable.
        self.settings = make_settings(self)

    # --- life -------------------------------------------------------------------

    def open(self) -> None:
        """Start measuring. A hook that cannot be set is reported and left out."""
        # An orderly end of the kernel must not look like a death.
        atexit.register(self.close)
        self.at_load = read_at_load(self.probe, self._objects_at_load())
        self.imports.install()
        if self.shell is not None:
            self.protector = Protector(self)
            self._hooks = CellHooks(
                self.shell,
                self.meter,
                self.faults,
                before=self._before_cell,
                after=self._after_cell,
                ahead=self.between_cells.run,
                behind=self._cell_is_over,
            )
            self.faults.guard("cell accounting")(self._hooks.install)()
            self.faults.guard("protection")(self.protector.open)()
            self.between_cells.post("swap files of ended kernels", self._remove_orphans)

    def close(self) -> None:
        """Stop measuring; idempotent, and nothing in a forked child."""
        if os.getpid() != self._pid:
            return
        atexit.unregister(self.close)
        self.imports.remove()
        if self._hooks is not None:
            self._hooks.remove()
        if self.protector is not None:
            self.protector.close()
        if self._reporter is not None:
            self._reporter.close()
        self.sampler.stop()
        self.between_cells.close()
        for part in self._parts.values():
            part.close()
        if self._history is not None:
            self._history.close()
        if self._death_watch is not None:
            self._death_watch.close()
        self.probe.close()

    def say(self, text: str) -> None:
        """One line to the user, where errors go: it never becomes a cell's value."""
        print(text, file=sys.stderr)

    def greet(self) -> None:
        """What there is to say at load: the protection, and earlier deaths."""
        protector = self.protector
        if protector is not None and protector.standing_bytes is not None:
            self.notice("protection", protector.announcement())
        self._follow_track()
        self.faults.guard("the death journal")(self.tell_of_deaths)()

    def notice(self, kind: str, text: str) -> None:
        """One line under a cell, each kind once a session, as ``notices`` allows."""
        if kind not in self._told and self.settings.get("notices") != "off":
            self._told.add(kind)
            print(text)

    # --- questions --------------------------------------------------------------

    def status(self) -> Status:
        """``%pmat``: where things stand, and what makes sense next."""
        return self.reporter().status()

    def stats(self, *, detailed: bool = False, by: str | None = None) -> Any:
        """``%pmat_stats``: where the memory is; ``by`` groups it differently."""
        found: Stats = self.reporter().stats(detailed=detailed)
        return found if by is None else found.by(by)

    def variables(self, *, exact: bool = False, top: int | None = None) -> Variables:
        """``%pmat_vars``: what each variable holds."""
        return self.reporter().variables(exact=exact, top=top)

    def why(self, name: str) -> Why:
        """``%pmat_why``: what keeps a variable's object alive."""
        return self.reporter().why(name)

    def history(self, *, view: str = "cells", forecast: bool = False) -> HistoryReport:
        """``%pmat_history``: ``cells``, ``sessions`` or ``deaths`` of this notebook."""
        return self.reporter().history(view=view, forecast=forecast)

    def analyze_log(self, path: str) -> LogReport:
        """``%pmat_stats --analyze-log``: the summary of an NDJSON log."""
        return self.reporter().analyze_log(path)

    def watch(self, period: float | str, *, format: str | None, output: str | None) -> Any:
        """``%pmat_stats --watch``: refresh every ``period`` seconds, or ``off``."""
        return self.reporter().watch(period, format=format, output=output)

    def save(self, path: str | None, *, names: tuple[str, ...] | None = None) -> Saved:
        """``%pmat_save``: variables to disk."""
        from pmat_nb.render.keeping import Saved

        from .keeping import save_variables

        return Saved(save_variables(self, path, names))

    def restore(self, path: str | None, *, names: tuple[str, ...] | None = None) -> Restored:
        """``%pmat_restore``: variables back from disk."""
        from pmat_nb.render.keeping import Restored

        from .keeping import restore_variables

        return Restored(restore_variables(self, path, names))

    def set_limit(self, spec: LimitSpec, *, ceiling: str, warn_only: bool) -> None:
        """``%pmat_limit SIZE``: set the kernel's one standing limit."""
        if self.protector is None:
            raise UnavailableError("a standing limit needs an IPython shell; use pmat_nb.limit()")
        self.protector.set_standing(spec, ceiling=ceiling, warn_only=warn_only)

    def limit_block(
        self,
        size: str | int,
        *,
        scope: Literal["cell", "total"],
        ceiling: Literal["auto", "on", "off"],
        warn_only: bool,
    ) -> limit_block:
        """``pmat_nb.limit()``: a limit around a block, by the session's guard."""
        from pmat_nb.engine.guard import limit_block
        from pmat_nb.units import parse_limit

        from .protection.limits import CellLimit, ceiling_wanted, cell_bytes

        asked = CellLimit(parse_limit(size), scope)
        room, held = self.room(), self.tree_bytes() or 0
        bytes_ = cell_bytes(asked, room, held, magic="pmat.limit()")
        if bytes_ is None:
            raise UsageError("pmat.limit(): 'off' limits nothing; leave the with statement out")
        return limit_block(
            bytes_,
            scope=scope,
            ceiling=ceiling_wanted(ceiling),
            warn_only=warn_only,
            guard=self.protector.guard() if self.protector is not None else None,
        )

    def limit_report(self) -> LimitReport:
        """``%pmat_limit``: what is in force."""
        return self.reporter().limit_report()

    def configure(
        self,
        values: dict[str, Any],
        *,
        reset: bool = False,
        save: str | None = None,
        trust: bool = False,
    ) -> Configuration:
        """``%pmat_configure``: change settings by key, and show them all."""
        from .configuring import configure

        return configure(self, values, reset=reset, save=save, trust=trust)

    def settings_changed(self) -> None:
        """Make settings that act at once do so."""
        if self.protector is not None:
            self.protector.resolve_standing()
        self._follow_track()
        for part in tuple(self._parts.values()):
            part.settings_changed()

    def _follow_track(self) -> None:
        """Make what follows the setting ``track`` once it is other than off."""
        if self.settings.get("track") != "off":
            from .tracking import Tracker

            self._part("tracker", Tracker).settings_changed()

    # --- parts made when they are first needed ------------------------------------

    @property
    def pools(self) -> PoolManager:
        """The managed pools: caches, scratch buffers, interned strings, parsed trees."""
        from .pools import PoolManager

        return self._part("pools", PoolManager)

    @property
    def cleaner(self) -> Cleaner:
        """What plans and carries out a cleanup."""
        from .cleaning import Cleaner

        return self._part("cleaner", Cleaner)

    @property
    def pressure(self) -> PressureMonitor:
        """The pressure over time, and the responses to it."""
        from .pressure import PressureMonitor

        return self._part("pressure", PressureMonitor)

    @property
    def collector(self) -> Collector:
        """What schedules garbage collections between cells."""
        from .collecting import Collector

        return self._part("collector", Collector)

    def part_if_made(self, name: str) -> Any:
        """A part that something has asked for already, or None."""
        return self._parts.get(name)

    @property
    def defragmenter(self) -> Defragmenter:
        """What compacts wasteful pools between cells."""
        from .defragmenting import Defragmenter

        return self._part("defragmenter", Defragmenter)

    def _part(self, name: str, make: Callable[[Session], _P]) -> _P:
        with self._making:
            if name not in self._parts:
                self._parts[name] = make(self)
        return cast("_P", self._parts[name])

    # --- what the reports need ----------------------------------------------------

    @property
    def namespace_owner(self) -> Any:
        """The shell, or in a plain script something that has ``__main__``'s variables."""
        if self.shell is not None:
            return self.shell
        main = sys.modules["__main__"].__dict__
        return SimpleNamespace(user_ns=main, user_ns_hidden={})

    def tree(self) -> TreeMemory | None:
        """The kernel and its children, our own guard left out."""
        return self.probe.tree(self.protector.guard_pids if self.protector else ())

    def tree_bytes(self) -> int | None:
        """What the tree holds now."""
        tree = self.tree()
        return tree.tree_bytes if tree is not None else None

    def room(self) -> Usable | None:
        """What the kernel can use in all, and what bounds it."""
        from pmat_nb.engine.limits import usable

        ceiling = self.protector.own_ceiling_bytes if self.protector else None
        return usable(self.probe, tree_bytes=self.tree_bytes(), own_ceiling_bytes=ceiling)

    def writer(self) -> HistoryWriter | None:
        """The history's writer; None where the history is off or not of this process."""
        if os.getpid() != self._pid or self.settings.get("history") is not True:
            return None
        if self._history is None and not self.faults.off("history"):
            self._history = self.faults.guard("history")(self._make_writer)()
        if self._history is not None:
            self._history.source_mode = str(self.settings.get("record_source"))  # type: ignore[assignment]
        return self._history

    def notebook(self) -> Notebook:
        """Which notebook this kernel belongs to, as found out when it was first asked."""
        if self._notebook is None:
            from pmat_nb.engine.history.notebook import identify_notebook

            namespace = self.namespace_owner.user_ns
            self._notebook = identify_notebook(os.environ, namespace, self.folder)
        return self._notebook

    def certificate_path(self) -> str | None:
        """Where the guard writes what it knows if this kernel dies."""
        return self._death_watch.certificate_path if self._death_watch is not None else None

    def records_lines(self) -> bool:
        """Whether a cell's first line may be written to disk."""
        return self.settings.get("record_source") != "hash"

    def reporter_if_made(self) -> Reporter | None:
        """The reporter if a question was asked already."""
        return self._reporter

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
        from pmat_nb.engine.history.rows import new_session

        self._session_row = new_session(
            self.notebook(), pmat_version=__version__, clock=lambda: self._loaded_at
        )
        return self._session_row

    def reporter(self) -> Reporter:
        """What measures and composes; made at the first question."""
        if self._reporter is None:
            from .reports import Reporter

            self._reporter = Reporter(self)
        return self._reporter

    # --- callbacks ----------------------------------------------------------------

    def _before_cell(self, info: Any) -> None:
        self._watch_for_death(info)
        if self.protector is not None:
            self.protector.begin(info)

    def _after_cell(self, result: Any) -> None:
        if self.protector is not None:
            self.protector.end(result)
        if self.meter.depth <= 1 and self._death_watch is not None:
            self._note_end()

    def _cell_is_over(self) -> None:
        if (pressure := self._parts.get("pressure")) is not None:
            pressure.cell_ended()
        self.between_cells.cell_ended()

    def _watch_for_death(self, info: Any) -> None:
        """Journal the cell that begins; the journal itself is made at the first one."""
        if self._note_cell is None:
            from .deaths import DeathWatch

            self._death_watch = DeathWatch(self)
            guard = self.faults.guard("the death journal")
            guard(self._death_watch.start)()
            self._note_cell = guard(self._death_watch.note)
            self._note_end = guard(self._death_watch.note_end)
        self._note_cell(info.raw_cell or "", f"In[{input_number(self.shell)}]")

    def tell_of_deaths(self) -> None:
        """Say, once, how earlier kernels of this notebook died."""
        from .deaths import announce, collect

        for death in collect(self):
            announce(self, death)

    def on_stop(self, stopped: MemoryLimitExceeded) -> None:
        """A cell was stopped: remember it, and save the variables if that is wished."""
        self.last_stop = stopped.stop  # type: ignore[attr-defined]
        writer = self.writer()
        if writer is not None:
            writer.record_event("stop", {"text": str(stopped)})
        if self.settings.get("save_state") is True:
            self.faults.guard("save_state")(self._save_after_stop)()

    def _save_after_stop(self) -> None:
        try:
            print(f"pmat_nb: {self.save(None).compact()}")
        except UsageError as nothing:
            print(f"pmat_nb: {nothing}")

    def _remove_orphans(self) -> None:
        from pmat_nb.engine.pools.spill import remove_orphans

        files, nbytes = remove_orphans()
        if files:
            from pmat_nb.render.format import brief

            self.notice(
                "swap files",
                f"pmat_nb: removed {brief(nbytes)} of swap files that a kernel left when it died",
            )

    def _on_cell(self, record: CellRecord, source: str) -> None:
        self.last_cell = record
        if record.execution_count is not None:
            self.cell_sources.append((record.execution_count, source))
            # Parsed when somebody asks; until then no more than a long session's worth.
            del self.cell_sources[:-10_000]
        writer = self.writer()
        if writer is not None:
            writer.record_cell(record, source)
        if (collector := self._parts.get("collector")) is not None:
            collector.note_cell(record)
        self.sampler.start()

    def _on_sample(self, sample: TimedRss) -> None:
        self.meter.sample(sample.rss_bytes)
        self._watch_pressure(sample.rss_bytes)

    def _watch_pressure(self, rss_bytes: int | None) -> None:
        def look() -> None:
            found = self.pressure.tick(rss_bytes)
            self.collector.tick(found.fraction, found.level)
            self.defragmenter.tick()

        self.faults.guard("the pressure monitor")(look)()

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
            lambda: self.reporter().user_bytes()
        )
        return measure() or 0


def _working_folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted under us
        return None


def _make_probe() -> Probe:
    from pmat_nb.consumers.allocators import READERS

    return Probe(allocator_readers=READERS, clock=time.time)
