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
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.cells import CellMeter
from pmat_nb.engine.probe import Probe
from pmat_nb.errors import MemoryLimitExceeded, UsageError

from .around import AroundCells
from .between import BetweenCells
from .faults import Faults
from .hooks import CellHooks
from .identity import AtLoad, read_at_load
from .imports import ImportMeter
from .parts import Parts
from .protection.protector import Protector
from .recording import Recording
from .sampling import SessionSampler
from .sources import make_settings

if TYPE_CHECKING:
    from pmat_nb.engine.limits import Usable
    from pmat_nb.engine.records import CellRecord, TreeMemory
    from pmat_nb.engine.stop_record import StopRecord
    from pmat_nb.render.configuration import Configuration

    from .reports import Reporter

__all__ = ["Session"]

_SLACK_BUDGET_S = 0.05


class Session(Parts):
    """One per kernel. ``shell`` is IPython's, or None in a plain script.

    ``open`` starts the hooks, ``close`` takes every hook, thread and file back.
    """

    def __init__(self, shell: Any | None) -> None:
        super().__init__()
        self.shell = shell
        self.faults = Faults(self.say)
        self.probe = _make_probe()
        self.around_cells = AroundCells(self)
        self.meter = CellMeter(
            self.probe,
            self.around_cells.measured,
            exact_peak=lambda: self.settings.get("exact_peak") is True,
        )
        self.imports = ImportMeter(self._anonymous_bytes, self._slack_bytes, self._library_arrived)
        self.sampler = SessionSampler(self)
        self.last_cell: CellRecord | None = None
        self.last_stop: StopRecord | None = None
        self.cell_sources: list[tuple[int, str]] = []
        # The front end's request that the last cell came by: its output belongs to it.
        self.cell_request: Any = None
        # The runs of this session, as many as a long one has.
        self.cells: deque[CellRecord] = deque(maxlen=2000)
        self.at_load = AtLoad(None, None, None, 0)
        self.protector: Protector | None = None
        self._told: set[str] = set()
        self._hooks: CellHooks | None = None
        self.recording = Recording(self)
        # Files of variables that this session has written or restored.
        self.kept_paths: set[Path] = set()
        self._reporter: Reporter | None = None
        self.loaded_at = time.time()
        self.folder = _working_folder()
        self._pid = os.getpid()
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
                before=self.around_cells.begins,
                after=self.around_cells.ends,
                ahead=self.between_cells.run,
                behind=self.around_cells.are_over,
            )
            self.faults.guard("cell accounting")(self._hooks.install)()
            self.faults.guard("protection")(self.protector.open)()
            self.between_cells.post("swap files of ended kernels", self._remove_orphans)
            self.between_cells.post("background sampling", self.sampler.begin)

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
        self.around_cells.close()
        self.probe.close()

    def say(self, text: str) -> None:
        """One line to the user, where errors go: it never becomes a cell's value."""
        print(text, file=sys.stderr)

    def greet(self) -> None:
        """What there is to say at load: the protection, and earlier deaths."""
        protector = self.protector
        if protector is not None and protector.standing.limit_bytes is not None:
            self.notice("protection", protector.standing.announcement())
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

            self.keep("tracker", Tracker).settings_changed()

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
        from pmat_nb.engine.pools.swap_folders import remove_orphans

        files, nbytes = remove_orphans()
        if files:
            from pmat_nb.render.format import brief

            self.notice(
                "swap files",
                f"pmat_nb: removed {brief(nbytes)} of swap files that a kernel left when it died",
            )

    def _anonymous_bytes(self) -> int | None:
        rss, files = self.probe.rss_bytes(), self.probe.mapped_file_bytes()
        return rss if rss is None or files is None else rss - files

    def _slack_bytes(self) -> int | None:
        return self.probe.slack_bytes(_SLACK_BUDGET_S)

    def _library_arrived(self) -> None:
        if self.protector is not None:
            self.faults.guard("protection")(self.protector.library_arrived)()

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
