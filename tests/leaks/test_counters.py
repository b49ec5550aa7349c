"""The counters see what is kept, each in its own figure, and cost next to nothing."""

from __future__ import annotations

import tracemalloc

import pytest

from pmat_nb.engine.leaks.counters import Counters
from pmat_nb.engine.leaks.records import Reading
from pmat_nb.engine.probe import Probe


@pytest.fixture
def counters():
    probe = Probe()
    yield Counters(probe)
    probe.close()


def grown(counters, make):
    counters.exact()
    before = counters.exact()
    kept = make()
    after = counters.exact()
    return kept, before, after


def test_small_objects(counters):
    kept, before, after = grown(counters, lambda: [object() for _ in range(20_000)])
    assert after.blocks - before.blocks >= 20_000
    assert after.small_bytes - before.small_bytes >= 20_000 * 16
    assert 480_000 <= after.retained_bytes - before.retained_bytes < 700_000
    del kept


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_large_blocks(counters, size):
    kept, before, after = grown(counters, lambda: bytearray(size))
    assert size <= after.heap_bytes - before.heap_bytes < size + 20_000
    del kept


def test_pools_of_libraries(counters):
    sizes = [10]
    with_pool = Counters(Probe(), [lambda: ("Arrow", sizes[0]), lambda: None])
    assert with_pool.watch().pools == (("Arrow", 10),)


def test_a_pool_that_fails_is_left_out_from_then_on():
    calls = []

    def broken():
        calls.append(1)
        raise RuntimeError("driver gone")

    found = Counters(Probe(), [broken, lambda: ("B", 5)])
    assert found.watch().pools == found.watch().pools == (("B", 5),)
    assert len(calls) == 1


def test_watching_traces_nothing(counters):
    counters.watch()
    assert not tracemalloc.is_tracing()


def test_where_no_heap_is_known_the_resident_size_stands():
    assert Reading(100, None, None, None).retained_bytes == 100
    assert Reading(100, 5, 7, None).retained_bytes == 12
    assert Reading(None, None, None, None).retained_bytes is None
