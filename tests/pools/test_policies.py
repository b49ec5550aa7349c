"""One suite that every eviction policy passes, and what is particular to each."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.pools.policies import NAMES, Random, make
from pmat_nb.engine.pools.replay import compare, replay

EVENTS = st.lists(
    st.tuples(st.sampled_from(["add", "hit", "remove", "evict"]), st.integers(0, 12)), max_size=60
)


@pytest.mark.parametrize("name", NAMES)
class TestEveryPolicy:
    def test_it_says_its_name(self, name: str) -> None:
        assert make(name).name == name

    def test_an_empty_one_has_no_victim(self, name: str) -> None:
        policy = make(name)
        with pytest.raises(KeyError):
            policy.victim()
        policy.add(1, 10, None)
        policy.remove(1, evicted=True)
        with pytest.raises(KeyError):
            policy.victim()

    def test_removing_what_is_not_there_is_harmless(self, name: str) -> None:
        policy = make(name)
        policy.remove("nothing")
        policy.add("a", 1, None)
        policy.remove("nothing", evicted=True)
        assert len(policy) == 1 and policy.victim() == "a"

    def test_asking_for_a_victim_takes_nothing_away(self, name: str) -> None:
        policy = make(name)
        for key in range(5):
            policy.add(key, 1, None)
        assert policy.victim() == policy.victim()
        assert len(policy) == 5

    def test_evicting_all_names_each_key_once(self, name: str) -> None:
        policy = make(name)
        for key in range(50):
            policy.add(key, key + 1, float(key % 7) if key % 3 else None)
        for key in range(0, 50, 4):
            policy.hit(key)
        gone = []
        while len(policy):
            gone.append(policy.victim())
            policy.remove(gone[-1], evicted=True)
        assert sorted(gone) == list(range(50))

    @given(events=EVENTS)
    def test_it_orders_exactly_what_is_there(
        self, name: str, events: list[tuple[str, int]]
    ) -> None:
        policy, there = make(name), set()
        for event, key in events:
            if event == "add" and key not in there:
                policy.add(key, key + 1, float(key) if key % 2 else None)
                there.add(key)
            elif event == "hit" and key in there:
                policy.hit(key)
            elif event == "remove":
                policy.remove(key)
                there.discard(key)
            elif event == "evict" and there:
                victim = policy.victim()
                assert victim in there
                policy.remove(victim, evicted=True)
                there.discard(victim)
            assert len(policy) == len(there)
            if there:
                assert policy.victim() in there


def order(name: str, hits: list[int], expiry: dict[int, float] | None = None) -> list[object]:
    policy = make(name)
    for key in range(4):
        policy.add(key, 1, (expiry or {}).get(key))
    for key in hits:
        policy.hit(key)
    gone: list[object] = []
    while len(policy):
        gone.append(policy.victim())
        policy.remove(gone[-1], evicted=True)
    return gone


def test_lru_lets_go_of_what_was_unused_longest() -> None:
    assert order("lru", [0, 2]) == [1, 3, 0, 2]


def test_fifo_ignores_use() -> None:
    assert order("fifo", [0, 2]) == [0, 1, 2, 3]


def test_lfu_keeps_what_is_used_often_and_among_equals_the_recent() -> None:
    assert order("lfu", [0, 0, 2, 1]) == [3, 2, 1, 0]


def test_ttl_lets_go_of_what_expires_first_and_of_what_never_does_last() -> None:
    assert order("ttl", [0], {1: 9.0, 2: 3.0}) == [2, 1, 0, 3]


def test_random_depends_on_its_own_generator_only() -> None:
    random.seed(1)
    state = random.getstate()
    chosen = []
    for seed in range(20):
        policy = Random(random.Random(seed))
        for key in range(10):
            policy.add(key, 1, None)
        chosen.append(policy.victim())
    assert random.getstate() == state
    assert len(set(chosen)) > 3


class TestAdaptive:
    def test_a_scan_does_not_drive_out_what_is_used_again(self) -> None:
        """The reason for ARC: once-only keys pass through, the working set stays."""
        working, trace, fresh = list(range(40)), [], 1000
        for _ in range(60):
            trace += [(key, 1) for key in working]
            trace += [(fresh + n, 1) for n in range(80)]
            fresh += 80
        rates = compare(trace, 80)
        assert rates["adaptive"] > rates["lru"] + 0.1

    def test_recency_gets_room_when_recency_is_what_pays(self) -> None:
        trace = [(n // 3 if n % 3 else n // 3 + 7, 1) for n in range(3000)]
        rates = compare(trace, 16)
        assert rates["adaptive"] >= rates["lru"] - 0.05


def test_a_replay_never_holds_more_than_its_budget_and_counts_true_hits() -> None:
    assert replay([(1, 5), (1, 5), (2, 5), (1, 5)], 10, make("lru")) == 0.5
    assert replay([(1, 5), (2, 5), (1, 5)], 5, make("lru")) == 0.0
    assert replay([(1, 50), (1, 50)], 5, make("lru")) == 0.0
    assert replay([], 5, make("lru")) == 0.0
