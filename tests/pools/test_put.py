"""What was put has no other copy: nothing but the user lets go of it."""

from __future__ import annotations

from typing import Any

import pytest

from pmat_nb.consumers.base import Wish
from pmat_nb.consumers.managed.caches import ManagedCaches
from pmat_nb.engine.pools.entry import MISS
from pmat_nb.engine.pools.growth import STRATEGIES, Strategy
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.store import Store


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def by_value(key: object, value: Any) -> tuple[int, bool]:
    return value, True


def made(strategy: Strategy = "adaptive", limit: int = 1000) -> tuple[Pool, Store, Store]:
    """A pool, the store of what was put in it, and that of a function."""
    pool = Pool("cache", limit, strategy, size_of=by_value, clock=Clock())
    return pool, pool.store("put", recomputes=False), pool.store("f")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_pool_grows_to_its_limit_for_what_is_put(strategy: Strategy) -> None:
    pool, put, _ = made(strategy)
    for n in range(26):
        assert put.keep(n, 38)
    assert pool.used_bytes == 26 * 38 and (pool.capacity_bytes or 0) >= 26 * 38
    assert not put.keep("one more", 38)
    assert all(put.lookup(n) == 38 for n in range(26)) and put.info().evictions == 0


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_results_go_before_it_and_never_the_other_way(strategy: Strategy) -> None:
    pool, put, results = made(strategy)
    assert put.keep("first", 300)
    for n in range(50):
        results.keep(n, 50)
        assert put.lookup("first") == 300
    assert results.keep("last", 50)
    assert put.keep("second", 600) and len(results) <= 2
    assert put.lookup("first") == 300
    # Refused at once: no result has to go for what finds no room anyway.
    held = len(results)
    assert not put.keep("third", 200) and not results.keep("large", 200)
    assert len(results) == held
    assert pool.used_bytes <= 1000


def test_a_replacement_without_room_leaves_what_was_there() -> None:
    _, put, _ = made()
    assert put.keep("a", 600) and put.keep("b", 300)
    assert not put.keep("a", 800) and put.lookup("a") == 600
    assert put.keep("a", 700) and put.lookup("a") == 700


def test_shrinking_takes_results_only() -> None:
    pool, put, results = made("fixed")
    assert put.keep("a", 500)
    for n in range(8):
        assert results.keep(n, 50)
    assert pool.shrink(0.5) == 200 and len(results) == 4
    assert pool.shrink(0.0) == 200 and len(results) == 0
    assert pool.shrink(0.0) == 0 and put.lookup("a") == 500


def test_half_of_one_large_result_is_not_none_of_it() -> None:
    pool, _, results = made("fixed")
    assert results.keep("large", 900)
    assert pool.shrink(0.5) == 0 and results.lookup("large") == 900
    assert pool.shrink(0.0) == 900


def test_a_smaller_limit_and_idle_windows_leave_it() -> None:
    pool, put, results = made()
    assert put.keep("a", 400)
    for n in range(1000):
        if results.lookup(n) is MISS:
            results.keep(n, 10)
    assert put.lookup("a") == 400 and (pool.capacity_bytes or 0) >= 400
    pool.set_limit(200)
    assert put.lookup("a") == 400 and not put.keep("b", 1)
    pool.clock.now += 1000  # type: ignore[attr-defined]
    pool.drop_older(10)
    assert put.lookup("a") == 400


def test_an_aggressive_cleanup_leaves_it_unless_it_is_named() -> None:
    pool, put, results = made()
    assert put.keep("a", 10) and results.keep(1, 10)
    caches = ManagedCaches(pool)
    steps = {step.target: step for step in caches.steps(Wish(aggressive=True))}
    assert "no other copy" in steps["cache:put"].left and not steps["cache:f"].left
    named = Wish(aggressive=True, named=True)
    steps = {step.target: step for step in caches.steps(named)}
    steps["cache:put"].run()
    assert len(put) == 0
