"""The managed pools of a session: ``pmat.pools``, ``@pmat.cache``, ``pmat.register``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from pmat_nb.consumers.base import Consumer, Watched
from pmat_nb.consumers.managed.caches import ManagedCaches
from pmat_nb.engine.pools import growth, policies
from pmat_nb.engine.pools.entry import CacheInfo
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.spill import Swap
from pmat_nb.engine.pools.store import Store
from pmat_nb.engine.stats_records import POOL_NAMES, PoolRecord
from pmat_nb.errors import UsageError
from pmat_nb.settings import setting
from pmat_nb.units import parse_size

from .entry_sizes import EntrySizes
from .pool_losses import lost_line
from .pool_parts import PoolParts
from .pool_records import completed
from .pool_view import PoolView
from .registering import as_consumer, check_new

if TYPE_CHECKING:
    from pmat_nb.consumers.managed.memo import Spec
    from pmat_nb.engine.pools.account import Point
    from pmat_nb.render.pools import Pools

    from .session import Session

__all__ = ["OWN_GROWTH", "PoolManager"]

_T = TypeVar("_T")

# How each pool grows where the setting pool-growth is "own"; what is created: linear.
OWN_GROWTH: dict[str, growth.Strategy] = {
    "cache": "adaptive",
    "temp": "fixed",
    "string": "incremental",
    "ast": "exponential",
}


class PoolManager(PoolParts):
    """The pools by name: ``pools["cache"]``. ``analysis`` is the user's own and not managed.

    Managed are results of ``@pmat.cache``, objects that were ``put``, and whatever parts
    of ours draw on a pool by ``pool(name)``.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sizes = EntrySizes(session)
        self._pid = os.getpid()
        self.swap = Swap(self._say)
        self._pools: dict[str, Pool] = {}
        self._created: dict[str, growth.Strategy] = {}
        self._sources: dict[str, Watched] = {}
        super().__init__()
        for name, strategy in OWN_GROWTH.items():
            self._add(name, self._setting_bytes(f"{name}_pool"), strategy)
        self.settings_changed()

    def _add(self, name: str, limit_bytes: int | None, strategy: growth.Strategy) -> Pool:
        pool = Pool(name, limit_bytes, strategy, size_of=self._sizes, swap=self.swap)
        self._pools[name] = pool
        self._watch(ManagedCaches(pool))
        return pool

    def _watch(self, consumer: Consumer) -> None:
        self._sources[f"{consumer.pool}:{consumer.name}"] = Watched(consumer, self._session.say)

    def _say(self, text: str) -> None:
        self._session.say(f"pmat_nb: {text}")

    # --- as a mapping -------------------------------------------------------------

    def __getitem__(self, name: str) -> PoolView:
        return PoolView(self, self.pool(name))

    def __iter__(self) -> Iterator[str]:
        return iter(POOL_NAMES + tuple(self._created))

    def __len__(self) -> int:
        return len(POOL_NAMES) + len(self._created)

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)

    def __repr__(self) -> str:
        return f"<pools {', '.join(self)}>"

    @property
    def created(self) -> tuple[str, ...]:
        """The pools that users created."""
        return tuple(self._created)

    def pool(self, name: str) -> Pool:
        """The managed pool called ``name``.

        Raises:
            UsageError: no such pool, or the user's own variables.
        """
        found = self._pools.get(name)
        if found is not None:
            return found
        if name == "analysis":
            raise UsageError(
                "the pool 'analysis' is your variables: it is measured, never managed; "
                "pmat.pools['cache'].put(name, obj) keeps an object within a budget"
            )
        raise UsageError(f"there is no pool {name!r}; there are {', '.join(self)}")

    def create(
        self, name: str, limit: str | int | None = None, growth: growth.Strategy = "linear"
    ) -> PoolView:
        """A pool of the user's own; ``limit`` as text or bytes, None: none.

        Raises:
            UsageError: the name is taken or no name; a bad limit or growth.
        """
        check_new(name, growth, there=self)
        limit_bytes = None if limit is None else parse_size(limit, option="limit")
        self._created[name] = growth
        self._add(name, limit_bytes, growth)
        self.settings_changed()
        return self[name]

    # --- caches -------------------------------------------------------------------

    def attach(self, spec: Spec) -> Store:
        """A fresh store for a cached function; one of that name is emptied and replaced."""
        return self._pools["cache"].store(
            spec.name, policy=spec.policy, ttl_s=spec.ttl_s, max_bytes=spec.max_bytes
        )

    def register(
        self,
        consumer: _T,
        pool: str = "cache",
        *,
        name: str | None = None,
        clear: Callable[[], object] | None = None,
    ) -> _T:
        """``pmat.register``; gives ``consumer`` back.

        Raises:
            UsageError: no such pool, a name that is taken, or not what the contract asks.
        """
        if pool not in self:
            raise UsageError(
                f"pmat.register: there is no pool {pool!r}; there are {', '.join(self)}"
            )
        made = as_consumer(consumer, pool, name, clear)
        if f"{pool}:{made.name}" in self._sources or made.name in self._stores_of(pool):
            raise UsageError(
                f"pmat.register: {made.name!r} is taken in the pool {pool}; "
                f"pmat.pools.unregister({made.name!r}) frees it"
            )
        self._watch(made)
        return consumer

    def unregister(self, name: str, pool: str = "cache") -> bool:
        """Take a registered consumer out again; whether there was one."""
        return self._sources.pop(f"{pool}:{name}", None) is not None

    def _stores_of(self, pool: str) -> Iterable[str]:
        return self._pools[pool].stores if pool in self._pools else ()

    # --- what the other parts of the session call ---------------------------------

    def sources(self) -> tuple[Watched, ...]:
        """What is managed or registered, as consumers that never raise."""
        return tuple(self._sources.values())

    def boundaries(self) -> set[int]:
        """Ids of what no sizing enters: a cached function is not what its cache holds."""
        parts: list[object] = [self, *self._pools.values()]
        for pool in self._pools.values():
            parts += pool.stores.values()
        return {id(part) for part in parts}

    def complete(self, records: Iterable[PoolRecord]) -> tuple[PoolRecord, ...]:
        """Measured ledgers with what is managed of each pool entered."""
        advisory = self._setting_bytes("analysis_pool")
        return completed(records, self._pools, advisory)

    def managed(self) -> dict[str, Pool]:
        """The managed pools by name."""
        return dict(self._pools)

    def history(self) -> dict[str, tuple[Point, ...]]:
        """Capacity against use over time, per managed pool."""
        return {name: pool.account.points() for name, pool in self._pools.items()}

    def infos(self) -> tuple[tuple[str, CacheInfo], ...]:
        """``(address, figures)`` of every cache of ours."""
        return tuple(
            (f"{pool.name}:{store.name}", store.info())
            for pool in self._pools.values()
            for store in tuple(pool.stores.values())
        )

    def shrink(self, pool: str, fraction: float) -> int:
        """Evict until ``fraction`` of what the pool uses is left; the bytes given back."""
        return self.pool(pool).shrink(fraction)

    def clear(self, address: str) -> int:
        """Empty a pool or one cache (``cache:NAME``); pinned entries stay. Bytes."""
        pool, _, name = address.partition(":")
        return self.store_at(address).clear(pinned=False) if name else self.pool(pool).clear()

    def evict_older(self, address: str, age_s: float) -> int:
        """Let go of what was unused for ``age_s`` seconds; the bytes given back."""
        pool, _, name = address.partition(":")
        if name:
            return self.store_at(address).drop_older(age_s)
        return self.pool(pool).drop_older(age_s)

    def store_at(self, address: str) -> Store:
        """The cache at ``cache:NAME``.

        Raises:
            UsageError: there is none; the message names those there are.
        """
        pool, _, name = address.partition(":")
        stores = self.pool(pool).stores
        if name not in stores:
            there = ", ".join(f"{pool}:{known}" for known in stores) or "none yet"
            raise UsageError(f"there is no cache {address!r} of ours; there are {there}")
        return stores[name]

    def set_limit(self, name: str, limit_bytes: int | None) -> int:
        """Another limit for this session; the bytes evicted for it."""
        pool = self.pool(name)
        before = pool.used_bytes
        if name in OWN_GROWTH:
            self._session.settings.put(
                f"{name}_pool", "off" if limit_bytes is None else limit_bytes
            )
            self._session.settings_changed()
        else:
            pool.set_limit(limit_bytes)
            self.settings_changed()
        return max(0, before - pool.used_bytes)

    # --- life ---------------------------------------------------------------------

    def settings_changed(self) -> None:
        """Take over settings that were changed; a smaller limit evicts at once."""
        get = self._session.settings.get
        wished: Any = get("pool_growth")
        policy: Any = get("cache_policy")
        ttl_s: Any = get("cache_ttl")
        above: Any = get("swap_threshold")
        for name, pool in self._pools.items():
            own = OWN_GROWTH.get(name) or self._created.get(name, "linear")
            pool.set_strategy(own if wished == "own" else wished)
            if name in OWN_GROWTH:
                pool.set_limit(self._setting_bytes(f"{name}_pool"))
            swaps = get("allow_swap") is True and pool.limit_bytes is not None
            pool.swap_above_bytes = int(above * pool.limit_bytes) if swaps else None
            _take_over(pool, policy, None if ttl_s == "off" else float(ttl_s))

    def _setting_bytes(self, key: str) -> int | None:
        value = self._session.settings.get(setting(key).key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def close(self) -> None:
        """Let go of everything and remove what is on disk."""
        if os.getpid() == self._pid:
            for pool in self._pools.values():
                pool.close()
            self.swap.close()

    def tell_of_loss(self) -> None:
        """Name what was put, which goes with the extension and may have no other copy."""
        line = lost_line(self._pools.values())
        if line:
            self._say(line)

    # --- reports ------------------------------------------------------------------

    def report(self, **options: Any) -> Pools:
        """``%pmat_pools``."""
        from .pool_reports import report

        return report(self._session, self, **options)


def _take_over(pool: Pool, policy: policies.Name, ttl_s: float | None) -> None:
    ttl_changed = ttl_s != pool.ttl_s
    pool.policy, pool.ttl_s = policy, ttl_s
    for store in tuple(pool.stores.values()):
        store.settings_changed(ttl_changed=ttl_changed)
