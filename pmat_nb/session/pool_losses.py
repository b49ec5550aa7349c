"""What was put in pools goes with the extension and may have no other copy."""

from __future__ import annotations

from collections.abc import Iterable

from pmat_nb.engine.pools.pool import Pool

from .pool_view import PUT_STORE

__all__ = ["lost_line"]

# So many of the objects are called by name.
_NAMED = 10


def lost_line(pools: Iterable[Pool]) -> str:
    """One line that names what was put, empty where nothing was."""
    from pmat_nb.render.format import size

    there = [
        (pool, store)
        for pool in pools
        if (store := pool.stores.get(PUT_STORE)) is not None and len(store)
    ]
    names = [f"{pool.name} {name!r}" for pool, store in there for name in store]
    if not names:
        return ""
    nbytes = sum(e.nbytes for _, store in there for e in store.entries.values())
    objects = "1 object that was" if len(names) == 1 else f"{len(names):,} objects that were"
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return (
        f"{objects} put in pools ({size(nbytes)}) went with the extension: "
        f"{', '.join(names[:_NAMED])}{more}"
    )
