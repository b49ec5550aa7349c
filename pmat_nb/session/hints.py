"""Which commands make sense next, from the figures of a record. Pure."""

from __future__ import annotations

from pmat_nb.engine.records import PoolRecord, StatsRecord, VariableSize
from pmat_nb.units import MIB

__all__ = ["next_commands", "ways_to_free"]

_WORTH_A_LOOK = 0.10
_MOST = 3


def next_commands(record: StatsRecord) -> tuple[str, ...]:
    """At most three commands, the most telling first."""
    found = [*_for_variables(record), *_for_pools(record), "%pmat_stats"]
    if record.cell is not None:
        found.append("%pmat_history")
    return tuple(dict.fromkeys(found))[:_MOST]


def ways_to_free(name: str, size: VariableSize | None, held: bool) -> tuple[str, ...]:
    """What would give the memory of ``name`` back; ``held``: others hold the object too."""
    if size is None:
        return ()
    ways = []
    if "view" in size.detail and size.retained_bytes > MIB:
        ways.append(f"{name} is a view; {name} = {name}.copy() lets go of what it does not show")
    if not held:
        ways.append(f"only this name holds it: del {name} gives the retained bytes back")
    return tuple(ways)


def _for_variables(record: StatsRecord) -> list[str]:
    pool = _pool(record, "analysis")
    if pool is None or not record.variables or not _matters(pool, record):
        return []
    largest = record.variables[0]
    # A small object that retains much is a view or an alias: say why it is alive.
    if largest.retained_bytes > 100 * max(1, largest.shallow_bytes):
        return [f"%pmat_why {largest.name}", "%pmat_vars"]
    return ["%pmat_vars"]


def _for_pools(record: StatsRecord) -> list[str]:
    for name in ("cache", "temp"):
        pool = _pool(record, name)
        if pool is not None and _matters(pool, record):
            return ["%pmat_stats --detailed"]
    return []


def _pool(record: StatsRecord, name: str) -> PoolRecord | None:
    return next((pool for pool in record.pools if pool.name == name), None)


def _matters(pool: PoolRecord, record: StatsRecord) -> bool:
    return bool(record.rss_bytes) and pool.used_bytes >= _WORTH_A_LOOK * (record.rss_bytes or 1)
