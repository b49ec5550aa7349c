"""Carries out the responses to a pressure level: between cells, and a little beside one.

The sampler's thread decides that responses are due; the main thread carries them out once
no cell runs, after another look: a level that a cell left again needs none. While a cell
runs, at CRITICAL, only our own caches are reduced and allocators trimmed. Saving and
leaving wait until the cell has ended, because a cell that still runs is half-way through
changing what would be saved.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pmat_nb.engine.pressure import LEVELS
from pmat_nb.engine.pressure_records import ResponseRun, StepRun
from pmat_nb.engine.records import Level, Pressure
from pmat_nb.engine.responses.command import Notifier, told
from pmat_nb.engine.responses.cooldown import Cooldown, Trigger
from pmat_nb.engine.responses.plan import BESIDE_A_CELL, PlannedStep, plan
from pmat_nb.engine.stop_record import StopRecord
from pmat_nb.units import MIB

from .actions import Actions

if TYPE_CHECKING:
    from .pressure import PressureMonitor
    from .session import Session

__all__ = ["Responder"]

_KEPT = 20
_HELPS_BYTES = 16 * MIB
_HELPS_SHARE = 0.01
_TASK = "pressure responses"


class Responder:
    """``see`` comes from the sampler's thread, ``respond`` and ``simulate`` from the main one."""

    def __init__(
        self, session: Session, monitor: PressureMonitor, *, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._monitor = monitor
        self._clock = clock
        self._trigger = Trigger()
        self._beside = Cooldown()
        self._beside_at: float | None = None
        self._stopped_cell = False
        self._last_stop: StopRecord | None = None
        self._announced = False
        self._actions = Actions(session)
        self._notifier = Notifier(self._command_failed)
        self.runs: deque[ResponseRun] = deque(maxlen=_KEPT)

    @property
    def on(self) -> bool:
        """Whether levels are responded to by themselves."""
        return self._session.settings.get("pressure_auto_respond") is True

    @property
    def may_exit(self) -> bool:
        """Whether ``exit_gracefully`` may end the kernel."""
        return self._session.settings.get("pressure_exit_kernel") is True

    def close(self) -> None:
        """End a command that runs."""
        self._notifier.close()

    def plan(self, level: Level) -> tuple[PlannedStep, ...]:
        """The steps for ``level`` as configured."""
        wanted = self._session.settings.responses()[level]
        return plan(wanted, exit_kernel=self.may_exit)

    def waits_s(self, level: Level | None) -> float | None:
        """Seconds for which an entry into ``level`` is not answered yet; None where it is."""
        rest = 0.0 if level is None else self._trigger.ready_at(level) - self._clock()
        return rest if rest > 0 else None

    # --- from the sampler's thread -------------------------------------------------------

    def see(self, pressure: Pressure) -> None:
        """A new sample: note what is due."""
        if pressure.level == "CRITICAL" and not self._announced:
            self._announce(pressure)
        if not self.on:
            return
        level = self._trigger.due(pressure.level, self._clock())
        if level is None:
            return
        steps = self.plan(level)
        if not steps:
            self._trigger.nothing_to_do(level)
            return
        if level == "CRITICAL" and self._session.meter.busy:
            self._beside_a_cell(steps)
        self._session.between_cells.post(_TASK, self.respond)

    def _announce(self, pressure: Pressure) -> None:
        """CRITICAL is said once a session, unless the responses say it themselves."""
        if self.on and any(step.action == "notify" for step in self.plan("CRITICAL")):
            return
        if (pressure.parts.get("kernel") or 0.0) > 1.0:
            return  # over its limit: the next cell is told so, and what it may still add
        from pmat_nb.render.responses import critical_text

        self._announced = True
        text = critical_text(pressure)
        post = self._session.between_cells.post
        post("the CRITICAL notice", lambda: self._session.notice("CRITICAL", text))

    def _beside_a_cell(self, steps: Sequence[PlannedStep]) -> None:
        now = self._clock()
        if self._beside.ready(now):
            run = self._carry_out("CRITICAL", BESIDE_A_CELL, beside_a_cell=True)
            self._beside.ran(now, helped=self._helped(run))
            self._beside_at = now
        elif self._beside_at is not None and any(s.action == "exit_gracefully" for s in steps):
            # Still CRITICAL a sample later: what was given back was not enough.
            self._stop_cell()

    def _stop_cell(self) -> None:
        session, latest = self._session, self._monitor.samples[-1]
        if self._stopped_cell or session.protector is None or latest.tree_bytes is None:
            return
        self._last_stop = session.last_stop
        # Just below what the kernel holds: the guard stops what is over its line.
        self._stopped_cell = session.protector.stop_running(latest.tree_bytes - MIB)

    # --- on the main thread ----------------------------------------------------------------

    def respond(self) -> None:
        """Look again, and carry out what is due."""
        asked, self._stopped_cell = self._stopped_cell, False
        # A cell that gave its memory back in time was not stopped after all.
        if asked and self._session.last_stop is not self._last_stop:
            self._leave()
            return
        pressure = self._monitor.sample(self._session.probe.rss_bytes())
        level = self._trigger.due(pressure.level, self._clock()) if self.on else None
        if level is None:
            return
        run = self._carry_out(level, self.plan(level))
        self._trigger.ran(level, self._clock(), helped=self._helped(run))
        self._tell(run, pressure)

    def _leave(self) -> None:
        """The cell was stopped by exit_gracefully: save, and end the kernel if allowed."""
        self._beside_at = None
        steps = [step for step in self.plan("CRITICAL") if step.kind in ("save", "stop")]
        if self._session.settings.get("save_state") is True:
            # Saved already, when the cell was stopped.
            steps = [step for step in steps if step.kind != "save"]
        run = self._carry_out("CRITICAL", steps, surely=True)
        self._trigger.ran("CRITICAL", self._clock(), helped=True)
        self._tell(run, self._monitor.sample(self._session.probe.rss_bytes()), always=True)

    def simulate(self, level: Level, *, dry_run: bool) -> ResponseRun:
        """Carry out a level's responses, or only show them."""
        run = self._carry_out(level, self.plan(level), simulated=True, dry_run=dry_run)
        pressure = self._monitor.sample(self._session.probe.rss_bytes())
        if not dry_run:
            self._tell(run, pressure)
        return run

    def _carry_out(
        self,
        level: Level,
        steps: Sequence[PlannedStep],
        *,
        simulated: bool = False,
        dry_run: bool = False,
        beside_a_cell: bool = False,
        surely: bool = False,
    ) -> ResponseRun:
        rss_bytes = self._session.probe.rss_bytes
        before = rss_bytes()
        made = []
        for step in steps:
            if dry_run or (simulated and step.kind == "stop"):
                made.append(self._actions.show(step))
            elif step.kind == "stop" and not surely and (why := self._not_needed(level)):
                made.append(StepRun(step.action, step.what, "left out", note=why))
            elif step.action == "notification_cmd":
                made.append(self._command(step, level, simulated=simulated))
            else:
                made.append(self._actions.run(step))
        after = rss_bytes()
        known = not dry_run and before is not None and after is not None
        freed = before - after if known and before is not None and after is not None else None
        run = ResponseRun(time.time(), level, simulated, tuple(made), freed, beside_a_cell)
        if made and not dry_run:
            self.runs.append(run)
        return run

    def _not_needed(self, level: Level) -> str:
        """Why nothing needs to end: what was freed has brought the level down."""
        now = self._monitor.sample(self._session.probe.rss_bytes()).level
        if now is None or LEVELS.index(now) >= LEVELS.index(level):
            return ""
        return f"not needed: the level is {now} now"

    def _helped(self, run: ResponseRun) -> bool:
        rss = self._session.probe.rss_bytes() or 0
        return (run.freed_bytes or 0) >= max(_HELPS_BYTES, int(_HELPS_SHARE * rss))

    # --- telling -----------------------------------------------------------------------------

    def _tell(self, run: ResponseRun, before: Pressure, *, always: bool = False) -> None:
        if not always and not any(step.action == "notify" for step in run.steps):
            return
        if self._session.settings.get("notices") == "off":
            return
        from pmat_nb.render.responses import run_text

        after = self._monitor.sample(self._session.probe.rss_bytes())
        print(run_text(run, before, after))

    def _command(self, step: PlannedStep, level: Level, *, simulated: bool) -> StepRun:
        command = self._session.settings.responses()[level].notification_cmd or ()
        samples, limit = self._monitor.samples, self._monitor.limit()
        latest = samples[-1] if samples else None
        environment = told(
            level,
            latest.fraction if latest is not None else None,
            latest.tree_bytes if latest is not None else None,
            limit.limit_bytes if limit is not None else None,
            simulated=simulated,
        )
        if simulated:
            failure = self._notifier.run(command, environment)
            return StepRun(step.action, step.what, "failed" if failure else "done", note=failure)
        if not self._notifier.start(command, environment):
            note = "the one before still runs"
            return StepRun(step.action, step.what, "left out", note=note)
        return StepRun(step.action, step.what, "done")

    def _command_failed(self, reason: str) -> None:
        session = self._session
        text = f"pmat_nb: notification_cmd: {reason}"
        session.between_cells.post("notification_cmd", lambda: session.notice(reason, text))
