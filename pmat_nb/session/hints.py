"""Which commands make sense next, and what lets go of an object. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pmat_nb.engine.stats_records import Holder, PoolRecord, StatsRecord, VariableSize
from pmat_nb.units import MIB

__all__ = ["cleanup_hints", "next_commands", "ways_to_free"]

_WORTH_A_LOOK = 0.10
_LARGE_BYTES = 32 * MIB
_MOST = 3
_CLEANED_POOLS = ("cache", "temp")
_EXACT = "%pmat_vars --exact"
_COMPACT = "%pmat_cleanup --compact"
_COLLECT = "%pmat_cleanup (collects garbage)"
# What Python's own allocator has free lies between objects in use.
_STAYS = ("pymalloc",)
_FORGET_OUT = "%pmat_cleanup --target cache:Out --aggressive"
# What a plain cleanup leaves alone, because the user can still reach it.
_NEEDS_FORCE = ("cache:outputs", "temp:figures")
# Holders that %xdel knows: IPython's own references to the object itself.
_DIRECTLY = re.compile(
    r"Out\[\d+\]|_+\d*|user_ns_hidden\['_+\d*'\]|displayhook\._+|last_execution_result\.result"
)
_ROOT = re.compile(r"[\w.]+")


def next_commands(record: StatsRecord, *, collected_at: float | None = None) -> tuple[str, ...]:
    """At most three commands, those about the largest pool first."""
    hints = cleanup_hints(record, collected_at=collected_at)
    commands = {pool: [command] for pool, command in hints.items()}
    commands["analysis"] = _for_variables(record)
    pools = sorted(record.pools, key=lambda pool: -pool.used_bytes)
    found = [command for pool in pools for command in commands.get(pool.name, ())]
    if not record.sizing or record.sizing.complete:
        found += [hints[key] for key in ("slack", "unattributed") if key in hints]
    else:
        found.insert(1, _EXACT)
    found.append("%pmat_stats")
    if record.cell is not None:
        found.append("%pmat_history")
    return tuple(dict.fromkeys(found))[:_MOST]


def cleanup_hints(record: StatsRecord, *, collected_at: float | None = None) -> dict[str, str]:
    """By pool the command that gives its largest part back, where it is worth it.

    Also for ``slack``, where allocators can hand back much, and ``unattributed``, where
    garbage may be in it. ``collected_at`` is when a cleanup last collected garbage
    (seconds since the epoch); before another cell has run there is no more.
    """
    hints = {}
    for name in _CLEANED_POOLS:
        pool = _pool(record, name)
        if pool is not None and _matters(pool, record):
            largest = max(pool.items, key=lambda item: item.used_bytes, default=None)
            hints[name] = _cleanup(name, largest.address if largest else None)
    if _is_large(_can_go_back(record), record):
        hints["slack"] = _COMPACT
    if _may_be_garbage(record, collected_at):
        hints["unattributed"] = _COLLECT
    return hints


def _is_large(nbytes: int, record: StatsRecord) -> bool:
    return nbytes >= max(_LARGE_BYTES, _WORTH_A_LOOK * (record.rss_bytes or 0))


def _can_go_back(record: StatsRecord) -> int:
    """What allocators have free that a trim may hand back."""
    return sum(a.slack_bytes or 0 for a in record.allocators if a.name not in _STAYS)


def _may_be_garbage(record: StatsRecord, collected_at: float | None) -> bool:
    """Whether much has no name though all was sized, or its size is at least estimated."""
    items = [item for pool in record.pools for item in pool.items if not item.complete]
    if record.sizing is None or any(item.estimated_bytes is None for item in items):
        return False
    missed = sum((item.estimated_bytes or 0) - item.used_bytes for item in items)
    if not _is_large((record.unattributed_bytes or 0) - missed, record):
        return False
    if collected_at is None or record.cell is None:
        return True
    return record.cell.started_at > collected_at


def _cleanup(pool: str, address: str | None) -> str:
    if address == "cache:Out":
        return _FORGET_OUT
    alone = pool == "cache" or address == "temp:traceback"
    target = address if address is not None and alone else pool
    force = " --aggressive" if address in _NEEDS_FORCE else ""
    return f"%pmat_cleanup --target {target}{force}"


def ways_to_free(
    name: str, size: VariableSize | None, holders: Sequence[Holder], *, complete: bool
) -> tuple[str, ...]:
    """What would give the memory of ``name`` back, every holder counted; never empty."""
    texts = _by_kind(holders)
    if "interpreter" in texts:
        return ("it can never go, and takes no memory of its own",)
    ways = []
    if size is not None and "view" in size.detail and size.retained_bytes > MIB:
        ways.append(f"{name} is a view; {name} = {name}.copy() lets go of what it does not show")
    steps = _steps(name, texts)
    if not holders and not complete:
        ways.append(f"{steps[0]}, unless something else holds it that was not found in the time")
    elif not holders and size is not None and size.shared_bytes:
        ways.append(f"{steps[0]} gives the retained bytes back; shared ones have other holders")
    elif not holders:
        ways.append(f"only this name holds it: {steps[0]} gives the retained bytes back")
    else:
        ways.append("to let go: " + "; ".join(steps))
    return tuple(ways)


def _by_kind(holders: Iterable[Holder]) -> Mapping[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for holder in holders:
        texts.setdefault(holder.kind, []).append(holder.text)
    return texts


def _steps(name: str, texts: Mapping[str, list[str]]) -> list[str]:
    """What to do, one step for each kind of holder."""
    own = _own_names(name, texts)
    steps = [own] if own else []
    if "variable" in texts:
        steps.append(f"take it out of {_roots(texts['variable'])}")
    if "shares" in texts:
        steps.append(f"{_roots(texts['shares'])} must let go of the same data")
    if "ipython" in texts and not own.startswith("%xdel"):
        steps.append(f"{_FORGET_OUT} (displayed objects)")
    if "traceback" in texts:
        steps.append("%pmat_cleanup --target temp:traceback (the last error)")
    if "figure" in texts:
        steps.append("plt.close('all')")
    if "module" in texts:
        steps.append(f"clear it from {_roots(texts['module'])}")
    if "thread" in texts:
        steps.append("its thread must end")
    if "unreached" in texts:
        steps.append("gc.collect(), if nothing uses it any more")
    others = texts.keys() & {"task", "class", "context", "widget"}
    if others:
        steps.append(f"end what else is listed ({', '.join(sorted(others))})")
    return steps


def _own_names(name: str, texts: Mapping[str, list[str]]) -> str:
    if not name.isidentifier():
        # Out[11]: cleanup lets go of it, and of the names that hold the same object.
        aliases = texts.get("alias", [])
        return f"del {', '.join(aliases)}" if aliases else ("" if texts else _FORGET_OUT)
    names = [name, *texts.get("alias", [])]
    shown = texts.get("ipython", [])
    if len(names) == 1 and shown and all(_DIRECTLY.fullmatch(text) for text in shown):
        return f"%xdel {name}"
    return f"del {', '.join(names)}"


def _roots(texts: Iterable[str]) -> str:
    """The names that the paths begin with: ``registry`` of ``registry['k'] → list[3]``."""
    found = dict.fromkeys(match[0] for text in texts if (match := _ROOT.match(text)))
    return ", ".join(found)


def _for_variables(record: StatsRecord) -> list[str]:
    pool = _pool(record, "analysis")
    if pool is None or not record.variables or not _matters(pool, record):
        return []
    largest = record.variables[0]
    # A small object that reaches much is a view or shares it: say why that is alive.
    if largest.reached_bytes > 100 * max(1, largest.shallow_bytes) or (
        largest.shared_bytes > largest.retained_bytes
    ):
        return [f"%pmat_why {largest.name}", "%pmat_vars"]
    return ["%pmat_vars"]


def _pool(record: StatsRecord, name: str) -> PoolRecord | None:
    return next((pool for pool in record.pools if pool.name == name), None)


def _matters(pool: PoolRecord, record: StatsRecord) -> bool:
    return bool(record.rss_bytes) and pool.used_bytes >= _WORTH_A_LOOK * (record.rss_bytes or 1)
