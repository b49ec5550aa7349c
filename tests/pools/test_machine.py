"""The ledger and the cache against a simple model, in any order of events."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pmat_nb.engine.pools.entry import MISS
from pmat_nb.engine.pools.growth import STRATEGIES
from pmat_nb.engine.pools.policies import NAMES
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.store import Store

# Few, so that what was put is asked for again.
KEYS = st.integers(0, 3)
SIZES = st.integers(1, 400)


def by_value(key: object, value: Any) -> tuple[int, bool]:
    return value[1], True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class PoolMachine(RuleBasedStateMachine):
    """Two stores and some bytes outside them, on one budget."""

    @initialize(
        limit=st.integers(100, 1500),
        strategy=st.sampled_from(STRATEGIES),
        policies=st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)),
        ttl=st.sampled_from([3.0, None]),
        most=st.one_of(st.none(), st.integers(50, 600)),
    )
    def begin(self, limit: int, strategy: Any, policies: Any, ttl: Any, most: Any) -> None:
        self.clock = Clock()
        self.pool = Pool("cache", limit, strategy, clock=self.clock, size_of=by_value)
        self.stores = {
            "one": self.pool.store("one", policy=policies[0], max_bytes=most),
            "two": self.pool.store("two", policy=policies[1], ttl_s=ttl),
        }
        self.ttl = {"one": None, "two": ttl}
        # The newest value of each key, when it was put and whether it is pinned.
        self.newest: dict[tuple[str, int], tuple[Any, float, bool]] = {}
        self.outside = 0
        self.count = 0
        self.asked = {"one": 0, "two": 0}

    def store(self, name: str) -> Store:
        return self.stores[name]

    @rule(name=st.sampled_from(["one", "two"]), key=KEYS, size=SIZES, pinned=st.booleans())
    def put(self, name: str, key: int, size: int, pinned: bool) -> None:
        self.count += 1
        value = (self.count, size)
        pinned = pinned and key == 0
        if self.store(name).keep(key, value, pinned=pinned):
            self.newest[name, key] = (value, self.clock.now, pinned)
        else:
            self.newest.pop((name, key), None)

    @rule(name=st.sampled_from(["one", "two"]), key=KEYS)
    def get(self, name: str, key: int) -> None:
        self.asked[name] += 1
        found = self.store(name).lookup(key)
        expected = self.newest.get((name, key))
        fresh = expected is not None and (
            self.ttl[name] is None or self.clock.now < expected[1] + self.ttl[name]
        )
        if found is MISS:
            # Evicted or expired, but never a pinned and fresh one.
            assert not (fresh and expected is not None and expected[2])
        else:
            assert expected is not None and fresh and found == expected[0]

    @rule(size=SIZES, pinned=st.booleans())
    def put_all(self, size: int, pinned: bool) -> None:
        for name in self.stores:
            for key in range(4):
                self.put(name, key, size, pinned)

    @rule(size=st.integers(1, 40))
    def put_small(self, size: int) -> None:
        self.put_all(size, False)

    @rule(size=st.integers(1, 40), seconds=st.sampled_from([4.0, 2.0]))
    def put_wait_get(self, size: int, seconds: float) -> None:
        self.put_all(size, False)
        self.wait(seconds)
        self.get_all()

    @rule()
    def get_all(self) -> None:
        for name in self.stores:
            for key in range(4):
                self.get(name, key)

    @rule(name=st.sampled_from(["one", "two"]), key=KEYS)
    def remove(self, name: str, key: int) -> None:
        self.store(name).remove(key)
        self.newest.pop((name, key), None)

    @rule(seconds=st.sampled_from([4.0, 1.0, 0.1]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(nbytes=st.integers(1, 200))
    def borrow(self, nbytes: int) -> None:
        if self.pool.make_room(nbytes):
            self.pool.charge(nbytes)
            self.outside += nbytes

    @rule()
    def give_back(self) -> None:
        self.pool.charge(-self.outside)
        self.outside = 0

    @rule(limit=st.integers(50, 2000))
    def set_limit(self, limit: int) -> None:
        self.pool.set_limit(limit)
        assert self.pool.used_bytes <= max(limit, self.fixed_bytes())

    @rule(fraction=st.floats(0, 1))
    def shrink(self, fraction: float) -> None:
        before, movable = self.pool.used_bytes, self.pool.used_bytes - self.fixed_bytes()
        freed = self.pool.shrink(fraction)
        assert freed == before - self.pool.used_bytes
        # At most one entry too many stays: one that is nearer to the aim than what is left.
        left = self.pool.used_bytes - self.fixed_bytes()
        assert left <= 2 * movable * fraction + 2

    @rule(age=st.sampled_from([2.0, 6.0, 0.0]))
    def drop_older(self, age: float) -> None:
        self.pool.drop_older(age)
        for store in self.stores.values():
            for entry in store.entries.values():
                assert entry.pinned or entry.used_at > self.clock.now - age

    @rule(name=st.sampled_from(["one", "two"]), policy=st.sampled_from(NAMES))
    def choose(self, name: str, policy: Any) -> None:
        self.store(name).choose(policy)

    @rule()
    def clear(self) -> None:
        self.pool.clear()
        assert self.pool.used_bytes == self.fixed_bytes()

    def fixed_bytes(self) -> int:
        entries = [e for store in self.stores.values() for e in store.entries.values()]
        return self.outside + sum(entry.nbytes for entry in entries if entry.pinned)

    @invariant()
    def sums_are_right(self) -> None:
        held = 0
        for store in self.stores.values():
            mine = sum(entry.nbytes for entry in store.entries.values())
            assert store.used_bytes == mine
            held += mine
        assert self.pool.used_bytes == held + self.outside
        assert self.pool.account.peak_bytes >= self.pool.used_bytes >= 0

    @invariant()
    def bounds_hold(self) -> None:
        limit, capacity = self.pool.limit_bytes, self.pool.capacity_bytes
        assert limit is not None and capacity is not None
        assert 1 <= capacity <= limit
        assert self.pool.used_bytes <= max(capacity, self.fixed_bytes())
        one = self.store("one")
        if one.max_bytes is not None:
            assert one.used_bytes <= one.max_bytes

    @invariant()
    def lookups_are_counted(self) -> None:
        for name, store in self.stores.items():
            info = store.info()
            assert info.hits + info.misses == self.asked[name]


PoolMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestPoolMachine = PoolMachine.TestCase
