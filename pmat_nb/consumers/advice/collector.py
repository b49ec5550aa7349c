"""How the garbage collector could be set, where its own runs were measured."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from pmat_nb.units import MIB

from .base import Advice, Scene, Tools
from .pooled import amount

if TYPE_CHECKING:
    from pmat_nb.engine.pressure_records import Collection

__all__ = ["CollectorSettings"]

# So many runs that all came to the same are no chance.
_LEAST_RUNS = 5
_HELPS_BYTES = 16 * MIB
_NOTHING_BYTES = MIB
_LEAST_INTERVAL_S = 30
# Objects made since the last collection where nothing collects them.
_MANY_OBJECTS = 100_000


class CollectorSettings:
    """Collections of ours that free nothing or very much, dear ones, and none at all."""

    name = "garbage collection"

    def find(self, scene: Scene) -> Iterator[Advice]:
        """At most one advice on our interval, one on Python's own collector, one on garbage."""
        if scene.tools is not None:
            yield from _interval(scene.tools)
            yield from _cheaper(scene.tools)
        yield from _switched_off()


def _interval(tools: Tools) -> Iterator[Advice]:
    now, wanted = tools.interval_s(), _wanted(tools)
    if now is None or wanted is None:
        return
    runs = tools.collections()[-_LEAST_RUNS:]
    freed = [run.freed_bytes or 0 for run in runs]
    took_s = sum(run.duration_s for run in runs) / len(runs)
    less = wanted == "off"
    told = "freed nothing" if less else f"freed {amount(min(freed))} to {amount(max(freed))} each"
    yield Advice(
        kind="collections",
        what="no full collections of ours by the clock" if less else "full collections more often",
        why=f"the last {len(runs)} {told}, and took {took_s * 1000:.0f} ms each; "
        f"they come every {now:.0f} s",
        action=f"%pmat_configure --gc-interval {wanted}",
        estimated_bytes=None if less else sum(freed) // len(freed) // 2,
        basis="" if less else "half of what one run gave back lately",
        risk="none",
        where="gc-interval",
        check=partial(_same_wanted, tools, wanted),
        undo=f"%pmat_configure --gc-interval {now:.0f}s",
        undo_note="undoing sets the interval as it was",
    )


def _wanted(tools: Tools) -> str | None:
    """``off``, a shorter interval, or None to leave it."""
    now, runs = tools.interval_s(), tools.collections()[-_LEAST_RUNS:]
    if now is None or len(runs) < _LEAST_RUNS or any(run.freed_bytes is None for run in runs):
        return None
    if all(_freed_nothing(run) for run in runs):
        return "off"
    if all((run.freed_bytes or 0) >= _HELPS_BYTES for run in runs):
        shorter = max(_LEAST_INTERVAL_S, now / 2)
        return f"{shorter:.0f}s" if shorter < now else None
    return None


def _freed_nothing(run: Collection) -> bool:
    return (run.freed_bytes or 0) < _NOTHING_BYTES


def _same_wanted(tools: Tools, wanted: str) -> str:
    return "" if _wanted(tools) == wanted else "later collections came to something else"


def _cheaper(tools: Tools) -> Iterator[Advice]:
    for found in tools.gc_advice():
        before, after = found.collection_s, found.after_s
        call, _, what = found.text.partition(": ")
        code, _, when = call.partition(" ")
        yield Advice(
            kind="collector",
            what=f"{what or call}",
            why=f"collections take {found.share:.0%} of the cells' time; {before * 1000:.0f} ms "
            + (f"each, {after * 1000:.0f} ms with it" if after is not None else "each"),
            action=_importing(call if call.endswith(")") else code),
            estimated_bytes=None,
            basis="",
            risk="none",
            where=when or "gc",
            check=str,
            undo=_undoing(call),
            undo_note="undoing sets the collector as it was",
        )


def _importing(code: str) -> str:
    # As an expression, so that no name stays behind.
    return code.replace("gc.", "__import__('gc').", 1)


def _undoing(call: str) -> str:
    if "freeze" in call:
        return "__import__('gc').unfreeze()"
    return f"__import__('gc').set_threshold{gc.get_threshold()}"


def _switched_off() -> Iterator[Advice]:
    made = gc.get_count()[0]
    if gc.isenabled() or made < _MANY_OBJECTS:
        return
    yield Advice(
        kind="garbage",
        what="a collection: the collector is switched off",
        why=f"gc.disable() is in force, and {made:,} more objects were made than freed since "
        "the last collection; which of them are garbage only a collection can tell",
        action="__import__('gc').collect()",
        estimated_bytes=None,
        basis="",
        risk="none",
        where="gc",
        check=_still_off,
        undo_note="nothing to undo: only what nothing can reach goes",
    )


def _still_off() -> str:
    return "the collector is on again" if gc.isenabled() else ""
