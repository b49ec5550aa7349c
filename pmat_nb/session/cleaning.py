"""Plans and carries out a cleanup: step by step, each measured by itself."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pmat_nb.consumers.allocators import releasers
from pmat_nb.consumers.base import Step, Watched, Wish
from pmat_nb.engine.cleanup_records import CleanupRecord, CleanupStep
from pmat_nb.engine.stats_records import POOL_NAMES

from .targets import parse_targets, pools_of

if TYPE_CHECKING:
    from pmat_nb.render.cleanup import CleanupReport

    from .session import Session

__all__ = ["Cleaner"]

# Free memory below these is no reason to give for what did not come back.
_WORTH_A_NOTE = 8 << 20
_WORTH_A_NOTE_SHARE = 0.05
_AFTER_COLLECTION = ("string", "analysis")
# Targets though there may be nothing in them now.
_LASTING = (
    "cache:Out",
    "cache:outputs",
    "cache:re",
    "cache:matplotlib",
    "temp:traceback",
    "temp:figures",
    "ast:linecache",
    "ast:parser",
)


class Cleaner:
    """Plans and carries out a cleanup. One step's failure does not keep others from running."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # Names only: what was a target once is none that was mistyped.
        self._seen: dict[str, None] = dict.fromkeys(_LASTING)
        # time.time() of the last cleanup, which collected garbage too.
        self.cleaned_at: float | None = None

    def settings_changed(self) -> None:
        """Nothing here depends on settings."""

    def close(self) -> None:
        """Nothing is held."""

    def clean(
        self,
        target: str | Iterable[str] | None = None,
        *,
        aggressive: bool = False,
        compact: bool = False,
        cache_age_s: float | None = None,
        dry_run: bool = False,
    ) -> CleanupReport:
        """``%pmat_cleanup``: plan, carry out, measure; on the main thread.

        ``target`` as typed (``cache,temp``) or a sequence; None is the default.

        Raises:
            UsageError: a target that is unknown.
        """
        from pmat_nb.render.cleanup import CleanupReport

        started = time.perf_counter()
        targets = parse_targets(target, _LazyAddresses(self))
        plan = _plan(self._session, targets, Wish(aggressive, compact, cache_age_s))
        estimates = self._estimates()
        before = self._session.probe.rss_bytes()
        trim = aggressive or compact
        steps = [_shown(step) if dry_run else self._carried_out(step, trim) for step in plan]
        after = None if dry_run else self._session.probe.rss_bytes()
        self.cleaned_at = self.cleaned_at if dry_run else time.time()
        self._seen.update(dict.fromkeys(step.target for step in steps if ":" in step.target))
        record = CleanupRecord(
            targets,
            aggressive,
            compact,
            cache_age_s,
            dry_run,
            _estimated(steps, estimates),
            before,
            after,
            time.perf_counter() - started,
        )
        return CleanupReport(record._replace(notes=tuple(self._notes(record))))

    def addresses(self) -> tuple[str, ...]:
        """What can be given back by itself now: ``cache:Out``, ``temp:figures``."""
        wish = Wish(aggressive=True, compact=True, named=True)
        found = [
            step.target
            for source in self._session.reporter().sources
            for step in _steps_of(self._session, source)(wish)
            if ":" in step.target
        ]
        self._seen.update(dict.fromkeys(found))
        return tuple(dict.fromkeys(found))

    def known_targets(self) -> tuple[str, ...]:
        """The addresses there are and those there were."""
        return tuple(dict.fromkeys((*self.addresses(), *self._seen)))

    def completions(self) -> tuple[str, ...]:
        """All that is worth a ``--target`` now."""
        return (*POOL_NAMES, "all", *self.addresses())

    def _estimates(self) -> dict[str, int]:
        """What each address holds by a sizing of now."""
        budget: Any = self._session.settings.get("sizing_budget")
        sizing = self._session.faults.guard("sizing")(self._session.reporter().size)(budget)
        found: Counter[str] = Counter()
        if sizing is None:
            return {}
        for pool in sizing.pools.values():
            for item in pool.items:
                if item.address is not None:
                    found[item.address] += max(0, item.used_bytes)
        for row in sizing.variables:
            # A function of the user's cells is charged with its cache, which has another
            # holder for as long as it is looked at: what it shares counts too.
            if found.get(f"cache:{row.name}") == 0:
                found[f"cache:{row.name}"] = row.retained_bytes + row.shared_bytes
        return dict(found)

    def _carried_out(self, step: Step, trim: bool) -> CleanupStep:
        if step.left:
            return _shown(step)
        probe = self._session.probe
        rss_bytes = probe.rss_bytes
        before, started = rss_bytes(), time.perf_counter()
        state: Literal["done", "failed"] = "done"
        try:
            why = step.run()
            if trim:
                # At once, so that what this step freed counts as this step's.
                probe.trim_heap()
        except Exception as error:
            state, why = "failed", f"{type(error).__name__}: {error}"
        took_s, after = time.perf_counter() - started, rss_bytes()
        freed = None if before is None or after is None else before - after
        return CleanupStep(step.target, step.what, state, step.estimated_bytes, freed, took_s, why)

    def _notes(self, record: CleanupRecord) -> Iterator[str]:
        """Why less came back than was estimated."""
        from pmat_nb.render.format import brief

        if record.dry_run:
            return
        for state in self._session.probe.allocators():
            slack = state.slack_bytes or 0
            share = _WORTH_A_NOTE_SHARE * (record.rss_after_bytes or 0)
            if slack < max(_WORTH_A_NOTE, share):
                continue
            if state.name == "pymalloc":
                yield (
                    f"{brief(slack)} are free in Python's small-object allocator, between "
                    "objects that are in use: only a restart of the kernel gives them back"
                )
            elif not (record.compact or record.aggressive):
                yield f"{brief(slack)} are free in {state.name}: --compact hands them back"


class _LazyAddresses(Collection[str]):
    """The addresses, listed only when something other than a pool was named."""

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._found: tuple[str, ...] | None = None

    def _all(self) -> tuple[str, ...]:
        if self._found is None:
            self._found = self._cleaner.known_targets()
        return self._found

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


# --- the plan ------------------------------------------------------------------------


def _plan(session: Session, targets: tuple[str, ...], wish: Wish) -> Iterator[Step]:
    """Each consumer is asked when it is its turn: what went before may have made way."""
    if wish.aggressive or wish.compact:
        # First, for what is free already is no step's merit; then after each step.
        yield _trimming(session)
    pools = pools_of(targets, aggressive=wish.aggressive, compact=wish.compact)
    # Garbage may hold views (a completion leaves much), so they are looked for without it.
    late = [pool for pool in pools if pool in _AFTER_COLLECTION]
    yield from _of_pools(session, [pool for pool in pools if pool not in late], targets, wish)
    yield _collection(wish.aggressive or wish.compact)
    yield from _of_pools(session, late, targets, wish)
    if wish.compact:
        for library, release in releasers().items():
            yield Step("allocators", f"{library}: what its pool has free", _quietly(release))


def _of_pools(
    session: Session, pools: Iterable[str], targets: tuple[str, ...], wish: Wish
) -> Iterator[Step]:
    for pool in pools:
        for source in session.reporter().sources:
            if source.pool == pool:
                yield from _asked(_steps_of(session, source), pool, targets, wish)


def _steps_of(session: Session, source: Watched) -> Callable[[Wish], Iterable[Step]]:
    """What asks a consumer; for caches of ours that do not reclaim, their manager does."""
    pools: Any = session.part_if_made("pools")
    if source.reclaims or source.pool != "cache" or pools is None:
        return source.steps
    return partial(_managed_steps, pools, source)


def _managed_steps(pools: Any, source: Watched, wish: Wish) -> Iterator[Step]:
    for held in source.held():
        address = held.address
        if address is None:
            continue
        if wish.cache_age_s is not None:
            evict = partial(pools.evict_older, address, wish.cache_age_s)
            yield Step(address, f"{held.name}: entries not used for long", _quietly(evict))
        elif wish.aggressive:
            yield Step(address, held.name, _quietly(partial(pools.clear, address)))
        else:
            yield Step.leave(address, held.name, f"warm; --aggressive or --target {address}")


def _quietly(act: Callable[[], object]) -> Callable[[], str]:
    def run() -> str:
        act()
        return ""

    return run


def _asked(
    steps: Callable[[Wish], Iterable[Step]], pool: str, targets: tuple[str, ...], wish: Wish
) -> Iterator[Step]:
    """The steps of one consumer that are among the targets.

    Who names a single thing means it: that is as good as aggressive.
    """
    single = {target for target in targets if target.startswith(f"{pool}:")}
    if single:
        forced = steps(replace(wish, aggressive=True, named=True))
        yield from (step for step in forced if step.target in single)
    # A pool that is not named at all is asked for the sake of an option.
    if not single or pool in targets or "all" in targets:
        yield from (step for step in steps(wish) if step.target not in single)


def _collection(full: bool) -> Step:
    which = "all generations" if full else "young generations"
    collect = partial(gc.collect, 2 if full else 1)
    return Step("gc", f"garbage collection, {which}", _quietly(collect))


def _trimming(session: Session) -> Step:
    def trim() -> str:
        return "" if session.probe.trim_heap() else "this C library cannot hand memory back"

    return Step("allocators", "C heap: what it has free", trim)


def _shown(step: Step) -> CleanupStep:
    state: Literal["left", "planned"] = "left" if step.left else "planned"
    return CleanupStep(step.target, step.what, state, step.estimated_bytes, why=step.left)


def _estimated(steps: list[CleanupStep], sizes: dict[str, int]) -> tuple[CleanupStep, ...]:
    """With what the sizing found, where a step is all that is done at its address."""
    often = Counter(step.target for step in steps)
    return tuple(
        step._replace(estimated_bytes=sizes.get(step.target))
        if step.estimated_bytes is None and often[step.target] == 1
        else step
        for step in steps
    )
