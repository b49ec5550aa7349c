"""The watch stage by itself: courses of counters around runs, and what is suspect."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.leaks.counters import Allowance
from pmat_nb.engine.leaks.records import Reading
from pmat_nb.engine.leaks.watching import FLOOR_BYTES, CellSeries, CellWatch, Suspect, suspicion

MB = 1024**2


def reading(heap: int = 0, blocks: int = 0, rss: int = 0, **pools: int) -> Reading:
    return Reading(rss, heap, None, blocks, (0, 0, 0), tuple(pools.items()))


def ran(gains: Iterable[int], back: Iterable[int] | None = None) -> CellSeries:
    """A cell whose runs after the first keep ``gains``; ``back`` is freed before each run."""
    cell, level = CellSeries(), 100 * MB
    for number, (gain, freed) in enumerate(zip(gains, back or iter(int, 1), strict=False)):
        level -= freed
        before = reading(heap=level)
        cell.begins(before)
        level += gain
        cell.ends(before, reading(heap=level), f"In[{number + 2}]", float(number))
    return cell


def suspected(gains: Iterable[int], back: Iterable[int] | None = None) -> Suspect | None:
    return suspicion(ran(gains, back))


def test_constant_growth_is_suspect_from_the_eighth_run_on() -> None:
    assert suspected([48 * MB] * 6) is None
    found = suspected([48 * MB] * 7)
    assert found is not None
    assert (found.runs, found.counted, found.kind) == (8, 6, "constant")
    assert found.bytes_per_run == 48 * MB and found.counter == "C heap"
    assert found.cell == "In[8]" and found.since == "In[3]"


def test_a_cell_is_worth_a_look_no_earlier_than_it_can_be_judged() -> None:
    assert not ran([48 * MB] * 6).due
    cell = ran([48 * MB] * 7)
    assert cell.due
    cell.looked()
    assert not cell.due


def test_warm_up_is_not_growth() -> None:
    assert suspected([300 * MB, 20 * MB] + [0] * 20) is None
    assert suspected([50 * MB, 40 * MB, 30 * MB, 5 * MB] + [0] * 20) is None


def test_a_cache_that_fills_ever_slower_is_no_suspect() -> None:
    assert suspected([int(64 * MB * 0.6**n) for n in range(30)]) is None


def test_jitter_and_saw_teeth_are_no_suspects() -> None:
    assert suspected([5 * MB, -5 * MB] * 20) is None
    assert suspected([10 * MB, 10 * MB, 10 * MB, -30 * MB] * 8) is None


def test_one_large_object_kept_once_is_no_suspect() -> None:
    assert suspected([0] * 6 + [200 * MB] + [0] * 10) is None


def test_growth_in_jitter_is_found_later() -> None:
    jitter = [3 * MB, -2 * MB, -MB, 2 * MB, -2 * MB] * 20
    assert suspected([MB + one for one in jitter][:60]) is not None


def test_growth_in_steps_needs_more_runs() -> None:
    steps = [0, 0, 8 * MB] * 20
    assert suspected(steps[:9]) is None
    found = suspected(steps[:50])
    assert found is not None and found.kind == "stepping"


def test_what_is_given_back_before_the_next_run_is_taken_off() -> None:
    """Another cell deletes what this one binds; or the collector frees what it left."""
    gains = [48 * MB] * 20
    assert suspected(gains, [0] + [48 * MB] * 19) is None
    # A variable of somebody else's goes once: that takes no more than one run's growth off.
    assert suspected(gains, [0] * 9 + [5000 * MB] + [0] * 10) is not None


def test_less_than_the_front_end_keeps_itself_is_not_told() -> None:
    assert suspected([FLOOR_BYTES // 2] * 60) is None
    assert suspected([FLOOR_BYTES * 2] * 60) is not None


def test_small_objects_count_by_their_blocks() -> None:
    cell, blocks = CellSeries(), 1_000_000
    for number in range(10):
        before = reading(blocks=blocks)
        cell.begins(before)
        blocks += 10_000
        cell.ends(before, reading(blocks=blocks), f"In[{number}]", 0.0)
    cell.block_bytes = 100.0
    found = suspicion(cell)
    assert found is not None
    assert (found.counter, found.bytes_per_run) == ("Python objects", 1_000_000)


def pooled(name: str) -> CellSeries:
    cell, level = CellSeries(), 0
    for number in range(10):
        before = reading(heap=level, **{name: level})
        cell.begins(before)
        level += 10 * MB
        cell.ends(before, reading(heap=level, **{name: level}), f"In[{number}]", 0.0)
    return cell


def test_a_pool_within_the_heap_counts_once_and_devices_beside() -> None:
    assert suspicion(pooled("Arrow")).bytes_per_run == 20 * MB  # type: ignore[union-attr]
    inside = suspicion(pooled("Arrow"), within_heap={"Arrow"})
    assert inside is not None and inside.bytes_per_run == 10 * MB
    device = suspicion(pooled("cupy"))
    assert device is not None
    assert (device.bytes_per_run, device.device_bytes_per_run) == (10 * MB, 10 * MB)


def test_the_resident_size_counts_only_where_nothing_else_tells() -> None:
    cell, rss = CellSeries(), 0
    for number in range(10):
        before = reading(heap=5, rss=rss)
        cell.begins(before)
        rss += 10 * MB
        cell.ends(before, reading(heap=5, rss=rss), f"In[{number}]", 0.0)
    assert suspicion(cell) is None
    found = suspicion(cell, resident=True)
    assert found is not None and found.counter == "resident size"


def test_unknown_figures_leave_a_run_out() -> None:
    cell, level = CellSeries(), 0
    for number in range(20):
        before = reading(heap=level)
        cell.begins(before)
        level += 10 * MB
        after = reading(heap=level)
        if number % 3 == 0:
            after = after._replace(heap_bytes=None)
        cell.ends(before, after, f"In[{number}]", 0.0)
    assert suspicion(cell) is not None


def test_series_stay_small_however_long_the_session() -> None:
    cell = ran([MB] * 5000)
    assert max(len(course.points) for course in cell.courses.values()) <= 100
    found = suspicion(cell)
    assert found is not None and found.counted == 4999
    assert found.bytes_per_run == pytest.approx(MB, rel=0.01)
    watch = CellWatch(most=200)
    for key in range(1000):
        watch.again(key)
    assert len(watch) == 200


@given(st.lists(st.integers(-50 * MB, 50 * MB), min_size=1, max_size=40))
def test_what_never_keeps_anything_in_sum_is_never_suspect(gains: list[int]) -> None:
    """Each run's growth is given back before the next: whatever the order, no suspect."""
    back = [0, *(max(0, gain) for gain in gains[:-1])]
    assert suspected(gains, back) is None or gains[-1] > 0


@given(st.integers(FLOOR_BYTES * 8, 1 << 32), st.integers(12, 60), st.randoms())
def test_a_constant_leak_is_suspect_whatever_else_comes_and_goes(
    rate: int, runs: int, random: Random
) -> None:
    noise = [random.randint(0, rate // 20) for _ in range(runs + 1)]
    gains = [rate + after - before for before, after in pairwise(noise)]
    found = suspected(gains)
    assert found is not None and found.bytes_per_run == pytest.approx(rate, rel=0.15)


class Time:
    """A clock that readings move on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_readings_keep_to_their_allowance() -> None:
    wall, work = Time(), Time()
    allowance = Allowance(wall, work)
    cost_s, cells, read = 1e-3, 10_000, 0

    def slow() -> Reading:
        work.now += cost_s
        return reading()

    for _ in range(cells):
        wall.now += 1e-3
        if allowance.covers_a_cell():
            read += 1
            allowance.spend(slow)
            allowance.spend(slow)
    assert 0 < read < cells
    assert work.now / cells < 50e-6


def test_at_a_persons_pace_every_cell_is_read_however_slow_that_is() -> None:
    wall, work = Time(), Time()
    allowance = Allowance(wall, work)

    def slow() -> Reading:
        work.now += 0.5e-3
        return reading()

    for _ in range(100):
        wall.now += 2.0
        assert allowance.covers_a_cell()
        allowance.spend(slow)
        allowance.spend(slow)
