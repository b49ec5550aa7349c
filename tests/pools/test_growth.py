"""How budgets grow, and the figures of the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.pools import growth
from pmat_nb.engine.pools.account import Account
from pmat_nb.engine.pools.entry import MISS
from pmat_nb.engine.pools.ghosts import Ghosts
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.store import Store

LIMIT = 64 * 1024


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def steps(strategy: growth.Strategy) -> list[int]:
    """Capacities from the start to the limit, asking for one byte more each time."""
    found = [growth.start(strategy, LIMIT)]
    while found[-1] < LIMIT:
        found.append(growth.grown(strategy, found[-1], LIMIT, found[-1] + 1))
    return found


def test_exponential_doubles() -> None:
    assert steps("exponential") == [1024, 2048, 4096, 8192, 16384, 32768, 65536]


def test_linear_adds_an_eighth() -> None:
    assert steps("linear") == [LIMIT * n // 8 for n in range(1, 9)]


def test_incremental_adds_a_sixty_fourth() -> None:
    assert steps("incremental") == [LIMIT * n // 64 for n in range(1, 65)]


def test_fixed_is_at_the_limit_from_the_start() -> None:
    assert steps("fixed") == [LIMIT]


def test_adaptive_grows_only_while_more_capacity_pays() -> None:
    # A miss in a hundred for each step of ten bytes is what a step is worth.
    assert growth.worth(100, [5], 10, 1000) == 5
    assert growth.worth(1000, [5] * 9, 10, 1000) == 0
    assert growth.worth(100, [5, 15], 10, 1000) == 15
    assert growth.worth(100, [15], 10, 1000) == 0
    assert growth.worth(100, [5, *[95] * 9], 10, 1000) == 95
    # Beyond the limit nothing is to be had.
    assert growth.worth(100, [95] * 50, 10, 90) == 0
    assert growth.worth(100, [], 10, 1000) == 0


def test_adaptive_gives_back_what_a_whole_window_had_no_use_for() -> None:
    assert growth.gives_back(lookups=1000, idle_bytes=10, step=10)
    assert not growth.gives_back(lookups=1000, idle_bytes=9, step=10)
    assert not growth.gives_back(lookups=3, idle_bytes=10, step=10)


def adaptive_pool(limit: int) -> tuple[Pool, Store]:
    pool = Pool("cache", limit, "adaptive", size_of=lambda key, value: (value, True))
    return pool, pool.store("s")


def ask(store: Store, key: int, nbytes: int) -> None:
    if store.lookup(key) is MISS:
        store.keep(key, nbytes)


def test_an_adaptive_pool_grows_for_a_working_set_and_not_for_a_scan() -> None:
    pool, store = adaptive_pool(1600)
    for n in range(2000):
        ask(store, n, 10)
    assert pool.capacity_bytes == 200
    for n in range(3000):
        ask(store, n % 80, 10)
    assert (pool.capacity_bytes or 0) >= 800
    assert store.info().hits > 2500


def test_an_adaptive_pool_shrinks_when_the_working_set_does() -> None:
    pool, store = adaptive_pool(1600)
    for n in range(2000):
        ask(store, n % 100, 10)
    grown = pool.capacity_bytes or 0
    for n in range(20_000):
        ask(store, n % 5 if n % 50 else 1000 + n, 10)
    assert (pool.capacity_bytes or 0) < grown / 2


@pytest.mark.parametrize("strategy", growth.STRATEGIES)
@given(limit=st.integers(1, 2**50), needed=st.integers(0, 2**51), data=st.data())
def test_capacity_stays_within_bounds_and_meets_the_need(
    strategy: growth.Strategy, limit: int, needed: int, data: st.DataObject
) -> None:
    capacity = data.draw(st.integers(growth.start(strategy, limit), limit))
    grown = growth.grown(strategy, capacity, limit, needed)
    assert capacity <= grown <= limit
    assert grown >= min(needed, limit)
    assert 1 <= growth.shrunk(strategy, capacity, limit) <= capacity


def test_the_peak_is_exact_and_the_mean_weighted_by_time() -> None:
    clock = Clock()
    account = Account(100, clock=clock)
    account.charge(60)
    clock.now = 1.0
    account.charge(30)
    account.charge(-90)
    clock.now = 4.0
    assert account.peak_bytes == 90
    assert account.mean_bytes() == pytest.approx(60 / 4)
    account.reset()
    assert account.peak_bytes == 0 and account.mean_bytes() == 0


def test_the_history_shows_each_change_of_capacity_and_keeps_peaks() -> None:
    clock = Clock()
    account = Account(10, clock=clock, gap_s=1.0)
    for _ in range(50):
        clock.now += 0.01
        account.charge(1)
    account.charge(-49)
    account.set_capacity(20)
    account.set_capacity(40)
    points = account.points()
    assert [p.capacity_bytes for p in points][-3:] == [20, 40, 40]
    assert max(p.used_bytes for p in points) == 50
    assert len(points) < 10


@given(st.lists(st.integers(-100, 100)))
def test_use_is_never_negative(changes: list[int]) -> None:
    account = Account(None)
    for change in changes:
        account.charge(change)
        assert 0 <= account.used_bytes <= account.peak_bytes


def test_ghosts_tell_how_much_more_room_would_have_kept_an_entry() -> None:
    ghosts = Ghosts()
    for number, key in enumerate("abc"):
        ghosts.add(key, 100, 2.0, number)
    last, first = ghosts.asked("c"), ghosts.asked("a")
    assert last is not None and last.more_bytes == 100
    assert first is not None and first.more_bytes == 300
    assert ghosts.asked("never") is None
    gains = ghosts.gains()
    assert [gain.hits for gain in gains] == [1, 2]
    assert gains[-1].saved_s == 4.0 and gains[-1].more_bytes >= 300
    assert ghosts.take("b") == 1 and ghosts.asked("b") is None
