"""What users hand in: a consumer for ``pmat.register``, a name for ``pools.create``."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from pmat_nb.consumers.base import Consumer
from pmat_nb.consumers.managed.caches import RegisteredObject, check_consumer, in_pool
from pmat_nb.engine.pools.growth import STRATEGIES
from pmat_nb.errors import UsageError

__all__ = ["as_consumer", "check_new"]


def as_consumer(
    value: Any, pool: str, name: str | None, clear: Callable[[], object] | None
) -> Consumer:
    """``value`` itself where it keeps the contract, or by its name and how it is emptied.

    Raises:
        UsageError: it is not what the contract asks, or only half of the two was given.
    """
    if clear is None and name is None:
        check_consumer(value)
        return in_pool(value, pool)
    if not isinstance(name, str) or not name.strip():
        raise UsageError("pmat.register: clear= needs name=, which names it in reports")
    if not callable(clear):
        raise UsageError(
            f"pmat.register: {name!r} needs clear=, a function that empties it; "
            f"for example pmat.register(obj, name={name!r}, clear=obj.clear)"
        )
    return RegisteredObject(value, name, pool, clear)


def check_new(name: object, growth: str, *, there: Container[object]) -> None:
    """A pool may be called so, and grow so, beside those that are there.

    Raises:
        UsageError: it may not.
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"pools.create: {name!r} is no name for a pool; for example 'gpu'")
    if name in there:
        raise UsageError(f"pools.create: there is a pool {name!r}; pmat.pools[{name!r}] is it")
    if growth not in STRATEGIES:
        raise UsageError(f"pools.create: growth {growth!r} is not one of {', '.join(STRATEGIES)}")
