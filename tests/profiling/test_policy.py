"""When a look at the traces is worth its time."""

from __future__ import annotations

from pmat_nb.engine.profile.policy import LookPolicy

MB = 1024**2


def test_a_look_is_due_where_the_total_rose_well_above_the_last() -> None:
    policy = LookPolicy()
    assert not policy.due(100, 0, 1.0)
    assert policy.due(100 * MB, 0, 1.0)
    policy.looked(100 * MB, 0, 0.001)
    assert not policy.due(100 * MB, 0, 2.0) and not policy.due(103 * MB, 0, 2.0)
    assert policy.due(110 * MB, 0, 2.0)


def test_looks_keep_to_their_share_of_the_time() -> None:
    """A run in which the traces grow all the time: 400,000 of them a second, 20 MB."""
    policy = LookPolicy(share=0.25)
    spent, at, looks = 0.0, 0.0, 0
    while at < 20:
        held = int(at * 20 * MB)
        if policy.due(held, held, at):
            cost = held * 6e-9
            policy.looked(held, held, cost)
            spent, at, looks = spent + cost, at + cost, looks + 1
        at += 0.01
        assert spent <= 0.25 * at + 0.05
    assert looks > 3 and policy.best_bytes > 0.5 * 20 * 20 * MB


def test_what_a_small_look_costs_says_nothing_of_a_large_one() -> None:
    policy = LookPolicy()
    policy.looked(MB, 1000, 0.01)
    assert policy.due(100 * MB, 50 * MB, 2.0)


def test_costly_looks_wait() -> None:
    policy = LookPolicy()
    assert not policy.due(100 * MB, 500 * MB, 1.0)
    assert policy.due(100 * MB, 500 * MB, 20.0)
