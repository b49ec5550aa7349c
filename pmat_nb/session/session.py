"""The session: what the magics and ``pmat_nb.stats()`` call.

It wires probe, meters, history and attribution together and answers each question
with one report. Whatever is costly is made at the first question, not at load.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from pmat_nb.engine.cells import CellMeter
from pmat_nb.engine.probe import Probe
from pmat_nb.engine.records import CellRecord, StopRecord, TreeMemory
from pmat_nb.errors import MemoryLimitExceeded, UsageError

from .between import BetweenCells
from .faults import Faults
from .hooks import CellHooks, input_number
from .identity import AtLoad, read_at_load
from .imports import ImportMeter
from .parts import Parts
from .protection.protector import Protector
from .recording import Recording
from .sampler import Sampler, TimedRss
from .sources import make_settings

if TYPE_CHECKING:
    from pmat_nb.engine.limits import Usable
    from pmat_nb.render.configuration import Configuration

    from .deaths import DeathWatch
    from .reports import Reporter

__all__ = ["Session"]

_SLACK_BUDGET_S = 0.05
_P = TypeVar("_P")


class Session(Parts):
    """One per kernel. ``shell`` is IPython's, or None in a plain script.

    ``open`` starts the hooks, ``close`` takes every hook, thread and file back.
    """

    def __init__(self, shell: Any | None) -> None:
        super().__init__()
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
        # The front end's request that the last cell came by: its output belongs to it.
        self.cell_request: Any = None
        # The runs of this session, as many as a long one has.
        self.cells: deque[CellRecord] = deque(maxlen=2000)
        self.at_load = AtLoad(None, None, None, 0)
        self.protector: Protector | None = None
        self._death_watch: DeathWatch | None = None
        self._note_cell: Callable[[str, str], None] | None = None
        self._note_end: Callable[[], None] = lambda: None
        self._told: set[str] = set()
        self._hooks: CellHooks | None = None
        self.recording = Recording(self)
        # Files of variables that this session has written or restored.
        self.kept_paths: set[Path] = set()
        self._reporter: Reporter | None = None
        self.loaded_at = time.time()
        self.folder = _working_folder()
        self._pid = os.getpid()
        # Its own failure is not the protection's.
        self._watch_for_leaks = self.faults.guard("the leak watch")(self._watch_cell)
        self.between_cells = BetweenCells(self.faults, busy=lambda: self.meter.busy)
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
            self.between_cells.post("background sampling", self._begin_sampling)

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
        self.recording.close()
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

    def notice(self, kind: str, text: str, *, level: str = "important") -> None:
        """One line under a cell, each kind once a session, as ``notices`` allows.

        ``level`` is the setting from which on it is said: ``important`` or ``all``.
        """
        if kind not in self._told and self.settings.get("notices") in (level, "all"):
            self._told.add(kind)
            print(text)

    # --- settings ---------------------------------------------------------------

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

    def certificate_path(self) -> str | None:
        """Where the guard writes what it knows if this kernel dies."""
        return self._death_watch.certificate_path if self._death_watch is not None else None

    def records_lines(self) -> bool:
        """Whether a cell's first line may be written to disk."""
        return self.settings.get("record_source") != "hash"

    def reporter_if_made(self) -> Reporter | None:
        """The reporter if a question was asked already."""
        return self._reporter

    def reporter(self) -> Reporter:
        """What measures and composes; made at the first question."""
        if self._reporter is None:
            from .reports import Reporter

            self._reporter = Reporter(self)
        return self._reporter

    # --- callbacks ----------------------------------------------------------------

    def _before_cell(self, info: Any) -> None:
        self._watch_for_death(info)
        if self.meter.depth <= 1:
            self.cell_request = getattr(self.shell, "get_parent", lambda: None)()
            self._watch_for_leaks("begins", info)
        self._tell_repeater("begin", info)
        if (leaks := self.part_if_made("leaks")) is not None:
            self.faults.guard("leak tracking")(leaks.cell_begins)(info.raw_cell or "")
        self._tell_profiling("begin", info)
        if self.protector is not None:
            self.protector.begin(info)

    def _after_cell(self, result: Any) -> None:
        if self.protector is not None:
            self.protector.end(result)
        self._tell_profiling("end", getattr(result, "info", None))
        self._tell_repeater("end", getattr(result, "info", None))
        self._watch_for_leaks("ends", result)
        if self.meter.depth <= 1 and self._death_watch is not None:
            self._note_end()

    def _tell_repeater(self, step: str, info: Any) -> None:
        if (repeater := self.part_if_made("repeater")) is not None:
            self.faults.guard("leak tracking")(getattr(repeater, step))(info)

    def _tell_profiling(self, step: str, told: Any) -> None:
        if (profiling := self.part_if_made("profiling")) is not None:
            self.faults.guard("profiling")(getattr(profiling, step))(told)

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

    def _watch_cell(self, step: str, *arguments: Any) -> None:
        """Counters around a cell: ``begins``, ``ends`` or ``entered``."""
        getattr(self.suspects, step)(*arguments)

    def tell_of_deaths(self) -> None:
        """Say, once, how earlier kernels of this notebook died."""
        from .deaths import announce, collect

        for death in collect(self):
            announce(self, death)

    def on_stop(self, stopped: MemoryLimitExceeded) -> None:
        """A cell was stopped: remember it, and save the variables if that is wished."""
        self.last_stop = stopped.stop
        writer = self.recording.writer()
        if writer is not None:
            writer.record_event("stop", {"text": str(stopped)})
        if self.settings.get("save_state") is True:
            self.faults.guard("save_state")(self._save_after_stop)()

    def _save_after_stop(self) -> None:
        from .keeping import save_variables

        try:
            print(f"pmat_nb: {save_variables(self, None).compact()}")
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
        if self.protector is not None:
            record = record._replace(tree_peak_bytes=self.protector.take_peak())
        self.last_cell = record
        self.cells.append(record)
        if record.execution_count is not None:
            self.cell_sources.append((record.execution_count, source))
            # Parsed when somebody asks; until then no more than a long session's worth.
            del self.cell_sources[:-10_000]
        writer = self.recording.writer()
        if writer is not None:
            writer.record_cell(record, source)
        if (collector := self.part_if_made("collector")) is not None:
            collector.note_cell(record)
        self._watch_for_leaks("entered", record, source)
        self._tell_profiling("cell_entered", record)
        if (leaks := self.part_if_made("leaks")) is not None:
            self.faults.guard("leak tracking")(leaks.cell_ended)(record, source)
        if (headless := self.part_if_made("headless")) is not None:
            self.faults.guard("the records of the run")(headless.cell_ended)(record)
        self.sampler.start()

    def _begin_sampling(self) -> None:
        """From the moment of loading on, for others to find this kernel before its next cell.

        The first sample is taken here: what is imported for it must not be in a thread, where
        it would count what a cell takes meanwhile.
        """
        self._on_sample(TimedRss(time.time(), self.probe.rss_bytes()))
        self.sampler.start()

    def _on_sample(self, sample: TimedRss) -> None:
        self.meter.sample(sample.rss_bytes)
        self._watch_pressure(sample.rss_bytes)

    def _watch_pressure(self, rss_bytes: int | None) -> None:
        repeater = self.part_if_made("repeater")
        if repeater is not None and repeater.is_running:
            return  # what this thread keeps meanwhile would be traced as growth

        def look() -> None:
            found = self.pressure.tick(rss_bytes)
            self.collector.tick(found.fraction, found.level)
            self.defragmenter.tick()

        self.faults.guard("the pressure monitor")(look)()
        self._tell_others(rss_bytes)

    def _tell_others(self, rss_bytes: int | None) -> None:
        """Leave the latest sample where ``pmat-nb`` finds it."""

        def look() -> None:
            from .beacon import BeaconKeeper

            self._part("beacon", BeaconKeeper).look(rss_bytes)

        if getattr(self.shell, "kernel", None) is not None:
            self.faults.guard("the beacon for pmat-nb")(look)()

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
