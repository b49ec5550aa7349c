"""Samples in bounded memory: nothing high is lost, and times stay in order."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.profile.timeline import Timeline

SIZES = st.integers(min_value=0, max_value=2**40)


@given(st.lists(st.tuples(SIZES, SIZES), max_size=400))
def test_the_highest_stays_and_time_runs_on(samples: list[tuple[int, int]]) -> None:
    timeline = Timeline(8)
    for at, (rss, traced) in enumerate(samples):
        timeline.add(float(at), rss, traced, at)
    kept = list(timeline)
    assert len(kept) == len(timeline) <= 8
    assert [at for at, *_ in kept] == sorted({at for at, *_ in kept})
    for at, rss, traced, line in kept:
        assert (rss, traced) == samples[int(at)] and line == int(at)
    if samples:
        assert max((rss, traced) for _, rss, traced, _ in kept) == max(samples)


@given(st.integers(min_value=1, max_value=3000))
def test_entries_stand_for_like_stretches_of_time(count: int) -> None:
    timeline = Timeline(16)
    for at in range(count):
        timeline.add(float(at), 7, None, -1)
    assert len(timeline) >= min(count, 8)
    gaps = [b[0] - a[0] for a, b in zip(list(timeline), list(timeline)[1:], strict=False)]
    assert not gaps or max(gaps) <= 2 * min(gaps)


def test_what_is_unknown_stays_unknown() -> None:
    timeline = Timeline(2)
    timeline.add(0.0, None, None, -1)
    assert list(timeline) == [(0.0, None, None, -1)]


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_size_that_cannot_be_halved_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        Timeline(size)


def test_a_sample_takes_no_memory() -> None:
    timeline = Timeline(64)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for at in range(1000):
            timeline.add(at * 0.1, at * 1000, at * 500, 1)
        assert tracemalloc.get_traced_memory()[0] - before < 2000
    finally:
        tracemalloc.stop()
