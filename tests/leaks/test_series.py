"""The course of a series: what goes on, what stops, what returns, and what is jitter."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.leaks.series import growth_of, judge, more_iterations


def points(values):
    return list(enumerate(values))


def constant(n=40, rate=2000.0, noise=0.0, seed=1):
    rng = random.Random(seed)
    return points([rate * i + rng.uniform(-noise, noise) for i in range(n)])


@pytest.mark.parametrize("noise", [0, 500, 5000])
def test_constant_growth_goes_on(noise):
    growth = growth_of(constant(noise=noise))
    assert growth.kind == "constant"
    assert growth.low <= 2000 <= growth.high
    assert judge(growth).verdict == "leak"


@pytest.mark.parametrize("bump", [0, 150_000, -40_000])
def test_a_large_leak_is_told_as_soon_as_any(bump):
    # One run kept something else too: two parts in a hundred more.
    values = [3e6 * i + 100 * i * i + (bump if i > 1 else 0) for i in range(9)]
    for count in (7, 8, 9):
        growth = growth_of(points(values[:count]), floor=16_384)
        assert growth.kind == "constant" and judge(growth).confidence >= 0.65


def test_more_points_make_it_surer():
    few, many = (judge(growth_of(constant(n))).confidence for n in (8, 80))
    assert few < many


def test_warm_up_that_stops():
    growth = growth_of(points([0, 5e6, 6e6, 6e6] + [6e6 + 10] * 30))
    assert growth.kind == "bounded" and growth.settled_at in (2, 3, 4)
    assert judge(growth).verdict == "warm-up"


def test_warm_up_then_a_leak_of_two_kilobytes():
    values = [0, 5e6, 6e6, *(6e6 + 2048 * i for i in range(40))]
    assert growth_of(points(values)[3:]).kind == "constant"


def test_a_cache_that_fills_decelerates():
    values = [1e6 * (1 - 0.93**i) for i in range(40)]
    growth = growth_of(points(values))
    assert growth.kind in ("decelerating", "bounded")
    assert judge(growth).verdict != "leak"


def test_lists_are_resized_in_steps():
    sizes, held = [], []
    for i in range(400):
        held.append(i)
        sizes.append(held.__sizeof__())
    assert growth_of(points(sizes)).kind in ("stepping", "constant")


@pytest.mark.parametrize("end", range(24, 90, 7))
def test_a_dict_that_doubles_has_not_settled(end):
    sizes, held = [], {}
    for i in range(end):
        held[i] = i
        sizes.append(held.__sizeof__())
    assert judge(growth_of(points(sizes))).verdict != "warm-up"


def test_a_dict_that_is_cleared_is_a_saw_tooth():
    values = [(i % 12) * 1e5 for i in range(48)]
    assert growth_of(points(values)).kind == "saw-tooth"


def test_a_saw_tooth_on_a_leak_is_not_bounded():
    values = [(i % 5) * 1e5 + i * 1e5 for i in range(60)]
    assert growth_of(points(values)).kind != "saw-tooth"


@pytest.mark.parametrize("seed", range(30))
def test_jitter_of_megabytes_alone_is_no_leak(seed):
    rng = random.Random(seed)
    judged = judge(growth_of(points([rng.uniform(0, 5e6) for _ in range(40)])))
    assert judged.verdict != "leak" or judged.confidence < 0.9


def test_nothing_is_nothing():
    assert judge(growth_of(points([7.0] * 20))).verdict == "noise"


def test_the_floor_does_not_count():
    assert growth_of(constant(rate=10), floor=64).kind == "none"


@pytest.mark.parametrize("number", range(6))
def test_few_runs_cannot_tell(number):
    judged = judge(growth_of(points([i * 1000.0 for i in range(number)])))
    assert judged.verdict == "undecided" and judged.more_iterations > 0


def test_noisier_growth_needs_more_runs():
    quiet, noisy = (
        more_iterations(growth_of(constant(n=12, noise=n, seed=3))) for n in (100, 50_000)
    )
    assert noisy > quiet


values = st.lists(st.floats(-1e12, 1e12), max_size=60)


@given(values)
def test_any_series_has_a_course(found):
    growth = growth_of(points(found))
    judged = judge(growth)
    assert 0 <= judged.confidence <= 1 and growth.points == len(found)


@given(values, st.integers(-(10**9), 10**9))
def test_where_it_starts_does_not_matter(found, start):
    exact = [round(v / 1e6) for v in found]
    moved = growth_of(points([v + start for v in exact]))
    assert moved.kind == growth_of(points(exact)).kind


@given(st.integers(8, 120), st.floats(100, 1e7))
def test_whatever_the_rate_a_straight_line_is_constant(number, rate):
    growth = growth_of(constant(number, rate))
    assert growth.kind == "constant"
    assert growth.per_iteration == pytest.approx(rate)


@given(st.integers(10, 60), st.integers(1, 4))
def test_what_stopped_early_is_not_a_leak(number, warm):
    found = [1e6 * min(i, warm) for i in range(number + 6 * warm)]
    assert judge(growth_of(points(found))).verdict != "leak"
