"""``@pmat.cache`` on ``async def``: awaited once, for all who wait in the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from pmat_nb.engine.pools.entry import MISS

from .costs import Stopwatch

if TYPE_CHECKING:
    from .memo import Memo

__all__ = ["async_wrapper"]


def async_wrapper(memo: Memo) -> Callable[..., Any]:
    """A coroutine function around ``memo``."""
    running: dict[tuple[int, Hashable], asyncio.Future[Any]] = {}

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        store = memo.ready()
        if store is None:
            return await memo.function(*args, **kwargs)
        key = memo.key_of(args, kwargs)
        while True:
            value = store.lookup(key)
            if value is not MISS:
                return value
            # A future belongs to one loop; each has a computation of its own.
            place = (id(asyncio.get_running_loop()), key)
            under_way = running.get(place)
            if under_way is None:
                return await compute(store, place, args, kwargs)
            value = await asyncio.shield(under_way)
            if value is not MISS:
                return value

    async def compute(store: Any, place: Any, args: Any, kwargs: Any) -> Any:
        mine = running[place] = asyncio.get_running_loop().create_future()
        value = MISS
        try:
            with Stopwatch() as watch:
                value = await memo.function(*args, **kwargs)
                memo.keep(store, place[1], value, watch.own_s())
            return value
        finally:
            # Where it failed or was cancelled, one of those who wait tries again.
            del running[place]
            mine.set_result(value)

    return wrapper
