"""One pool as users have it: ``pmat.pools["cache"]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pools.compress import codec
from pmat_nb.engine.pools.entry import MISS, CacheInfo
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.store import Store
from pmat_nb.errors import UsageError
from pmat_nb.units import parse_duration, parse_size

if TYPE_CHECKING:
    from pmat_nb.render.pools import Pools

    from .pools import PoolManager

__all__ = ["PUT_STORE", "PoolView"]

# What the store of objects that were put is called: ``cache:put``.
PUT_STORE = "put"


class PoolView:
    """A managed pool.

    What was ``put`` stays until it is evicted by name, cleared or has expired: results of
    ``@pmat.cache`` make room for it, and where it is allowed it is swapped to disk
    (``%pmat_configure --allow-swap``). When all that is not enough, ``put`` says so.
    """

    def __init__(self, manager: PoolManager, pool: Pool) -> None:
        self._manager = manager
        self._pool = pool

    @property
    def name(self) -> str:
        """As in ``pmat.pools[name]``."""
        return self._pool.name

    @property
    def limit_bytes(self) -> int | None:
        """The most it may hold; None: no limit."""
        return self._pool.limit_bytes

    @property
    def capacity_bytes(self) -> int | None:
        """The budget in force."""
        return self._pool.capacity_bytes

    @property
    def used_bytes(self) -> int:
        """What it holds in memory of what pmat_nb manages."""
        return self._pool.used_bytes

    def put(
        self, name: str, obj: object, *, ttl: str | float | None = None, pin: bool = False
    ) -> None:
        """Keep ``obj`` under ``name``, in place of what was there.

        Args:
            name: any text.
            obj: anything; to be swapped it must be picklable.
            ttl: how long it is fresh (``"1h"``); None: as ``cache-ttl`` says.
            pin: never swap it, and keep it through ``clear``.

        Raises:
            UsageError: there is no room for it; nothing that was put has been dropped.
        """
        ttl_s = None if ttl is None else parse_duration(ttl, option="ttl")
        if not self._store().keep(_named(name), obj, pinned=pin, ttl_s=ttl_s):
            nbytes, _ = self._pool.size_of(name, obj)
            raise UsageError(self._no_room(name, nbytes))

    def _no_room(self, name: str, nbytes: int) -> str:
        from pmat_nb.render.format import size

        address = f"pmat.pools[{self.name!r}]"
        there = [f"{held!r}" for held in self._store()]
        ways = [f"{address}.evict({there[0]}) lets go of one"] if there else []
        own = self.name in self._manager.created
        ways.append(
            f"{address}.set_limit('2GB') raises the limit"
            if own
            else f"%pmat_configure --{self.name}-pool 2GB raises the limit"
        )
        if not self._pool.swaps:
            ways.append("%pmat_configure --allow-swap writes to disk what finds no room")
        else:
            ways.append("what a variable holds as well is not swapped: del the variable")
        return (
            f"{name!r} has {size(nbytes)}, for which the pool {self.name} has no room: "
            f"{size(self._store().used_bytes)} in {len(there):,} objects that were put, "
            f"{size(self.used_bytes)} in all, limit {size(self.limit_bytes)}; {'; '.join(ways)}"
        )

    def get(self, name: str, default: Any = None) -> Any:
        """What was put under ``name``; ``default`` where it is not, or not any more."""
        found = self._store().lookup(_named(name))
        return default if found is MISS else found

    def evict(self, name: str) -> bool:
        """Let go of what was put under ``name``; whether it was there."""
        return self._store().remove(_named(name))

    def __contains__(self, name: object) -> bool:
        return name in self._store()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._store())

    def set_limit(self, limit: str | int | None) -> int:
        """Another limit for this session, enforced at once; the bytes evicted for it.

        What was put stays in any case.
        """
        limit_bytes = None if limit in (None, "off") else parse_size(limit, option="limit")
        return self._manager.set_limit(self.name, limit_bytes)

    def set_compression(self, name: str | None) -> None:
        """Compress what is swapped from now on: ``zlib``, ``lz4`` or None."""
        self._manager.swap.codec = codec(name)

    def shrink(self, fraction: float) -> int:
        """Evict until about ``fraction`` of the results is left; the bytes given back.

        What was put is swapped to disk where that is allowed, else it stays.
        """
        if not 0 <= fraction <= 1:
            raise UsageError(f"shrink: {fraction!r} is not a fraction from 0 to 1; for example 0.5")
        return self._pool.shrink(fraction)

    def clear(self) -> int:
        """Let go of every entry that is not pinned; the bytes given back."""
        return self._pool.clear()

    def caches(self) -> dict[str, CacheInfo]:
        """The figures of each cache in it, by name."""
        return {store.name: store.info() for store in tuple(self._pool.stores.values())}

    def stats(self) -> Pools:
        """The pool's ledger, what it holds, and what would help."""
        return self._manager.report(analyze=self.name)

    def __repr__(self) -> str:
        return f"<pool {self.name}: {self.used_bytes:,} bytes in use>"

    def _store(self) -> Store:
        return put_store(self._pool)


def _named(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise UsageError(f"{name!r} is no name for an entry; for example 'embeddings'")
    return name


def put_store(pool: Pool) -> Store:
    """Where objects are ``put`` in a pool."""
    with pool.lock:
        found = pool.stores.get(PUT_STORE)
        return found or pool.store(PUT_STORE, recomputes=False)
