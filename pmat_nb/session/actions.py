"""The actions that pressure responses are made of: each one step, measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pressure_records import StepRun
from pmat_nb.engine.responses.plan import PlannedStep
from pmat_nb.errors import UsageError
from pmat_nb.units import MIB

if TYPE_CHECKING:
    from pmat_nb.render.cleanup import CleanupReport

    from .pools import PoolManager
    from .session import Session

__all__ = ["Actions"]

# What a cleanup is asked for, by the action that stands for it. None of them both names the
# pool analysis and compacts: nobody asked for views among the variables to be replaced.
_CLEANUPS: dict[str, dict[str, Any]] = {
    "cleanup_temp": {"target": "temp"},
    "compact_strings": {"target": "string", "compact": True},
    "cleanup_all": {"target": "all"},
    "compact_all": {"target": "string", "compact": True},
    "emergency_cleanup": {"target": "cache,temp,ast", "aggressive": True, "compact": True},
}
# How much of what our caches hold is left.
_SHRINKS = {"reduce_cache": 0.5, "dump_cache": 0.0}
# How many things a step names of what it got back.
_MOST_NAMED = 3


class Actions:
    """Runs or shows single steps; never raises."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def show(self, step: PlannedStep) -> StepRun:
        """The step as it would be taken, with what it is expected to free."""
        estimated = None
        if step.action in _CLEANUPS:
            try:
                estimated = self._clean(step.action, dry_run=True).record.estimated_bytes
            except Exception as problem:
                return StepRun(step.action, step.what, "shown", note=_words(problem))
        return StepRun(step.action, step.what, "shown", estimated_bytes=estimated)

    def run(self, step: PlannedStep) -> StepRun:
        """Take the step, and measure what came back."""
        if step.action == "notify":
            return StepRun(step.action, step.what, "done")
        rss_bytes = self._session.probe.rss_bytes
        before, started = rss_bytes(), time.perf_counter()
        estimated, note = None, ""
        try:
            estimated, note = self._action(step.action)()
        except UsageError as problem:
            # Nothing to save, or no such thing here: not a failure.
            return StepRun(step.action, step.what, "left out", note=str(problem))
        except Exception as problem:
            return StepRun(step.action, step.what, "failed", note=_words(problem))
        took_s, after = time.perf_counter() - started, rss_bytes()
        freed = before - after if before is not None and after is not None else None
        if step.kind != "free":
            freed = None
        return StepRun(step.action, step.what, "done", estimated, freed, took_s, note)

    def _action(self, name: str) -> Callable[[], tuple[int | None, str]]:
        if name in _CLEANUPS:
            return lambda: self._cleaned(name)
        if name in _SHRINKS:
            return lambda: self._shrink(_SHRINKS[name])
        return {"trim": self._trim, "save_state": self._save, "exit_gracefully": self._leave}[name]

    def _clean(self, name: str, *, dry_run: bool) -> CleanupReport:
        wish = {"aggressive": False, "compact": False, "cache_age_s": None, **_CLEANUPS[name]}
        return self._session.cleaner.clean(wish.pop("target"), dry_run=dry_run, **wish)

    def _cleaned(self, name: str) -> tuple[int | None, str]:
        record = self._clean(name, dry_run=False).record
        freed = {step.what: step.measured_bytes or 0 for step in record.steps}
        return record.estimated_bytes, _largest(freed)

    def _shrink(self, left: float) -> tuple[int | None, str]:
        pools: PoolManager | None = self._session.part_if_made("pools")
        if pools is None:
            return 0, "no cache of ours is in use"
        before = {address: info.used_bytes for address, info in pools.infos()}
        given = pools.shrink("cache", left)
        after = {address: info.used_bytes for address, info in pools.infos()}
        return given, _largest({a: used - after.get(a, 0) for a, used in before.items()})

    def _trim(self) -> tuple[int | None, str]:
        from pmat_nb.consumers.allocators import release_unused

        release_unused()
        trimmed = self._session.probe.trim_heap()
        return None, "" if trimmed else "this C library cannot hand memory back"

    def _save(self) -> tuple[int | None, str]:
        from .keeping import save_variables

        return None, save_variables(self._session, None).compact()

    def _leave(self) -> tuple[int | None, str]:
        session = self._session
        if session.settings.get("pressure_exit_kernel") is not True or session.shell is None:
            return None, "the kernel goes on"
        session.shell.ask_exit()
        return None, "the kernel ends"


def _largest(freed: dict[str, int]) -> str:
    """What gave back most, with how much; empty where nothing did that is worth a word."""
    from pmat_nb.render.format import brief

    told = sorted((what for what in freed if freed[what] >= MIB), key=lambda w: -freed[w])
    text = ", ".join(f"{what} {brief(freed[what])}" for what in told[:_MOST_NAMED])
    return f"{text} and {len(told) - _MOST_NAMED:,} more" if len(told) > _MOST_NAMED else text


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"
