"""Our own caches, and those that users register, as consumers."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pmat_nb.consumers.base import Held, Reclaims, Step, Waste, Wish
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.store import Store
from pmat_nb.errors import UsageError

__all__ = ["ManagedCaches", "RegisteredObject", "check_consumer", "in_pool"]

# What counts as warm where no TTL is set.
_WARM_S = 300.0
# Stores that a consumer of their own answers for: twice listed would be twice counted.
_SPOKEN_FOR = frozenset({"ast:parse"})


class ManagedCaches:
    """The stores of one managed pool: ``@pmat.cache`` and ``put``; addressed ``cache:NAME``."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.name = "our own caches" if pool.name == "cache" else f"entries of {pool.name}"
        self.pool = pool.name

    def held(self) -> Iterator[Held]:
        """One entry per store that holds something."""
        for store in self._stores():
            if len(store):
                info = store.info()
                entries = "entry" if info.entries == 1 else "entries"
                detail = f"{info.entries:,} {entries}, {info.hits:,} hits, {info.misses:,} misses"
                yield Held(store.name, (store.entries,), detail, self._address(store))

    def waste(self, budget_s: float) -> Waste | None:
        """What expired, or was not asked for within one TTL; None where no store has one."""
        stores = [store for store in self._stores() if store.ttl_s is not None]
        if not stores:
            return None
        unused = sum(store.unused_bytes(store.ttl_s or 0.0) for store in stores)
        seen = sum(store.used_bytes for store in stores)
        return Waste(unused, seen, estimated=False, complete=True) if seen else None

    def steps(self, wish: Wish) -> Iterator[Step]:
        """Expired and cold entries; aggressively every entry. What users ``put`` stays.

        A result of a cached function is had again by calling it; an object that was put
        may have no other copy, so only its name as a target, or --reset, lets go of it.
        """
        for store in self._stores():
            if not len(store):
                continue
            if store.recomputes or wish.named:
                yield self._step(store, wish)
            elif wish.aggressive:
                target = self._address(store)
                why = f"may have no other copy; --target {target}"
                yield Step.leave(target, f"{len(store):,} objects that were put", why)

    def _stores(self) -> list[Store]:
        stores = tuple(self._pool.stores.values())
        return [store for store in stores if self._address(store) not in _SPOKEN_FOR]

    def _step(self, store: Store, wish: Wish) -> Step:
        age_s = wish.cache_age_s
        if wish.aggressive and age_s is None:
            return Step(
                self._address(store),
                f"every entry of {store.name}",
                _cleared(store),
                store.used_bytes,
            )
        age_s = store.ttl_s or _WARM_S if age_s is None else age_s
        what = f"entries of {store.name} unused for {age_s:g} s"
        return Step(self._address(store), what, _aged(store, age_s), store.unused_bytes(age_s))

    def _address(self, store: Store) -> str:
        return f"{self.pool}:{store.name}"


def _cleared(store: Store) -> Callable[[], str]:
    def run() -> str:
        store.clear(pinned=False)
        return f"{len(store):,} pinned entries stay" if len(store) else ""

    return run


def _aged(store: Store, age_s: float) -> Callable[[], str]:
    def run() -> str:
        store.drop_older(age_s)
        return ""

    return run


class RegisteredObject:
    """Any object that holds memory, with a function that empties it."""

    def __init__(self, held: object, name: str, pool: str, clear: Callable[[], object]) -> None:
        self.name = name
        self.pool = pool
        # The registration is no reason for it to live, where that can be told.
        self._held = _weakly(held)
        self._clear = _weakly(clear)

    def held(self) -> Iterator[Held]:
        """The object, while it lives."""
        found = self._held()
        if found is not None:
            yield Held(self.name, (found,), "registered", f"{self.pool}:{self.name}")

    def steps(self, wish: Wish) -> Iterator[Step]:
        """Empty it: a registered cache may be warm, so only when that is asked."""
        if wish.aggressive and self._held() is not None:
            yield Step(f"{self.pool}:{self.name}", f"empty {self.name}", self._run)

    def _run(self) -> str:
        clear: Any = self._clear()
        if clear is not None:
            clear()
        return ""


def _weakly(value: Any) -> Callable[[], Any]:
    if getattr(value, "__self__", None) is not None and hasattr(value, "__func__"):
        return weakref.WeakMethod(value)
    if callable(value):
        return lambda: value
    try:
        return weakref.ref(value)
    except TypeError:
        return lambda: value


class _InPool:
    """A user's consumer in the pool that it was registered for."""

    def __init__(self, consumer: Any, pool: str) -> None:
        self._consumer = consumer
        self.name = str(consumer.name)
        self.pool = pool

    def held(self) -> Iterator[Held]:
        """What the consumer says; pairs of a name and an object will do."""
        for one in self._consumer.held():
            found = one if isinstance(one, Held) else Held(str(one[0]), (one[1],), "registered")
            yield found if found.address else _addressed(found, f"{self.pool}:{self.name}")

    def steps(self, wish: Wish) -> Iterable[Step]:
        """What the consumer would do."""
        return self._consumer.steps(wish) if isinstance(self._consumer, Reclaims) else ()


def _addressed(held: Held, address: str) -> Held:
    return Held(held.name, held.roots, held.detail, address, held.extra_bytes, held.kind)


def in_pool(consumer: Any, pool: str) -> _InPool:
    """``consumer`` as one of ``pool``."""
    return _InPool(consumer, pool)


def check_consumer(consumer: Any) -> None:
    """Look whether an object keeps to the contract (`consumers.base`).

    Raises:
        UsageError: it says what is missing.
    """
    name = getattr(consumer, "name", None)
    if not isinstance(name, str) or not name.strip():
        raise UsageError(
            f"pmat.register: {_kind(consumer)} has no name; give it an attribute name, or "
            f"pmat.register(obj, name='...', clear=obj.clear)"
        )
    held = getattr(consumer, "held", None)
    if not callable(held):
        raise UsageError(
            f"pmat.register: {name!r} has no held(), which yields (name, object) pairs; for any "
            f"other object: pmat.register(obj, name='...', clear=obj.clear)"
        )
    try:
        found = list(held())
    except Exception as error:
        raise UsageError(f"pmat.register: {name}.held() failed: {error!r}") from None
    for one in found:
        if not isinstance(one, Held) and not (isinstance(one, tuple) and len(one) == 2):
            raise UsageError(
                f"pmat.register: {name}.held() gave {_kind(one)}; it yields (name, object) pairs "
                f"or pmat_nb.consumers.base.Held"
            )


def _kind(value: object) -> str:
    return f"a {type(value).__qualname__}"
