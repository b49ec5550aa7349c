"""Slopes and forecasts: what is recovered, and what is not taken for a trend."""

from __future__ import annotations

import random
import time
from itertools import accumulate, pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pmat_nb.engine.history.forecast import (
    Forecast,
    forecast_cells,
    forecast_runs,
    forecast_series,
)
from pmat_nb.engine.history.slope import robust_slope
from pmat_nb.engine.records import CellRecord
from pmat_nb.units import GIB, MIB

from .support import cell


def levels(values: list[float]) -> list[tuple[int, int]]:
    return [(number, int(value)) for number, value in enumerate(values, 1)]


def runs(after: list[int], growth: list[int] | None = None, peak: int = 0) -> list[CellRecord]:
    growth = growth or [0] + [b - a for a, b in pairwise(after)]
    return [
        cell(
            number,
            label="In[12]",
            code_hash="same",
            rss_before_bytes=held - grown,
            rss_after_bytes=held,
            peak_bytes=held + peak,
        )
        for number, (held, grown) in enumerate(zip(after, growth, strict=True), 1)
    ]


# -- the slope -------------------------------------------------------------------------


@given(
    start=st.integers(-(10**12), 10**12),
    step=st.integers(-(10**9), 10**9),
    numbers=st.lists(st.integers(0, 10**4), min_size=6, max_size=40, unique=True),
)
def test_an_exact_line_gives_its_slope(start: int, step: int, numbers: list[int]) -> None:
    slope = robust_slope([(x, start + step * x) for x in sorted(numbers)])
    assert slope is not None
    assert slope.value == pytest.approx(step)
    assert slope.low == pytest.approx(step)
    assert slope.high == pytest.approx(step)
    assert slope.excludes_zero == (step != 0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(-(2**60), 2**60)), max_size=30))
def test_the_interval_holds_the_slope(points: list[tuple[int, int]]) -> None:
    slope = robust_slope(points)
    if len({x for x, _ in points}) < 2:
        assert slope is None
    else:
        assert slope is not None
        assert slope.low <= slope.value <= slope.high


@given(
    ys=st.lists(st.integers(-(10**6), 10**6), min_size=5, max_size=25, unique=True),
    scale=st.integers(1, 1000),
    shift=st.integers(-(10**6), 10**6),
)
def test_units_do_not_matter(ys: list[int], scale: int, shift: int) -> None:
    plain = robust_slope(list(enumerate(ys)))
    scaled = robust_slope([(x, y * scale + shift) for x, y in enumerate(ys)])
    assert plain is not None
    assert scaled is not None
    assert scaled.value == pytest.approx(plain.value * scale)
    assert scaled.low == pytest.approx(plain.low * scale)


def test_slope_and_interval_agree_with_scipy() -> None:
    """``scipy.stats.theilslopes`` 1.17.1; our ranks are rounded outwards by at most one."""
    ys = [8.5, -9.6, -0.1, 12.3, 2.9, 14.4, 19.6, 13.5, 12.2, 28.7, 38.9, 27.2, 33.0, 53.8, 37.0]
    slope = robust_slope([*enumerate(ys)])
    assert slope is not None
    assert slope.value == pytest.approx(3.41)
    assert 2.0 < slope.low <= 2.1334
    assert 4.875 <= slope.high < 4.95


def test_points_at_the_same_time_agree_with_scipy() -> None:
    points = [(1, 10), (1, 22), (1, 21), (2, 30), (3, 22), (3, 30), (4, 40), (5, 40)]
    slope = robust_slope(points)
    assert slope is not None
    assert slope.value == pytest.approx(5.5)
    assert slope.low <= 0.5
    assert slope.high >= 10.0


def test_rests_that_follow_the_line_leave_no_doubt_of_it() -> None:
    # Read around runs that keep 3 MB each: the rate itself drifts by a few hundred bytes.
    rises = [3001984, 3001712, 3001744, 3002480, 3002480, 3002928, 3002624, 3002480]
    held = list(accumulate(rises, initial=0))
    for count in range(7, len(held) + 1):
        slope = robust_slope(list(enumerate(held[:count])))
        assert slope is not None
        assert 3001700 < slope.low <= slope.high < 3003000


def test_noise_is_seldom_called_a_trend() -> None:
    rng = random.Random(1)
    called = 0
    for _ in range(400):
        ys = [rng.gauss(0, 50 * MIB) for _ in range(rng.choice([6, 10, 20, 40]))]
        slope = robust_slope(list(enumerate(ys)))
        called += slope is not None and slope.excludes_zero
    assert called <= 400 * 0.06


def test_memory_that_only_wanders_is_mostly_no_trend() -> None:
    rng = random.Random(2)
    upwards = 0
    for _ in range(300):
        ys = list(accumulate(rng.gauss(0, MIB) for _ in range(40)))
        slope = robust_slope(list(enumerate(ys)))
        upwards += slope is not None and slope.low > 0
    assert upwards <= 300 * 0.25  # about 0.4 without the correction for likeness


# -- the forecast ----------------------------------------------------------------------


@given(
    step=st.integers(MIB, 10**9),
    count=st.integers(6, 60),
    start=st.integers(0, 10**11),
    left=st.integers(1, 10**5),
)
def test_constant_growth_is_recovered_to_the_run(
    step: int, count: int, start: int, left: int
) -> None:
    held = [start + step * number for number in range(count)]
    found = forecast_series("In[12]", levels(list(held)), held[-1] + step * left)
    assert found.trend
    assert found.slope_bytes_per_run == pytest.approx(step)
    assert found.runs_to_limit == pytest.approx(left, abs=1)
    assert found.runs == count
    assert (found.level_bytes, found.reason) == (held[-1], "")


@given(st.randoms(use_true_random=False), st.integers(8, 60), st.floats(0, 0.5))
def test_growth_with_noise_is_recovered_within_its_interval(
    rng: random.Random, count: int, noise: float
) -> None:
    step = 48 * MIB
    held = [GIB + step * n + rng.uniform(-noise, noise) * step for n in range(count)]
    found = forecast_series("In[12]", levels(held), 100 * GIB)
    assume(found.trend)
    assert found.slope_bytes_per_run == pytest.approx(step, rel=0.35)
    low, best, high = found.runs_to_limit_low, found.runs_to_limit, found.runs_to_limit_high
    assert low is not None
    assert best is not None
    assert high is not None
    assert low <= best <= high


@given(
    place=st.integers(0, 11),
    size=st.integers(-(20 * GIB), 20 * GIB),
)
def test_one_outlier_changes_little(place: int, size: int) -> None:
    held = [GIB + 48 * MIB * number for number in range(12)]
    held[place] += size
    found = forecast_series("In[12]", levels(list(held)), 200 * GIB)
    assert found.trend
    assert found.slope_bytes_per_run == pytest.approx(48 * MIB, rel=0.1)


@given(st.integers(0, 20 * GIB), st.integers(5, 40), st.randoms(use_true_random=False))
def test_a_warm_up_in_the_first_run_is_no_trend(
    warm_up: int, count: int, rng: random.Random
) -> None:
    held = [GIB] + [GIB + warm_up + rng.randrange(100_000) for _ in range(count - 1)]
    found = forecast_series("In[12]", levels(list(held)), 100 * GIB)
    assert not found.trend
    assert found.runs_to_limit is None


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ([], "too few runs: 0, and at least 6 are needed"),
        ([GIB], "too few runs: 1, and at least 6 are needed"),
        ([GIB * n for n in range(1, 6)], "too few runs: 5, and at least 6 are needed"),
        ([GIB] * 9, "flat: less than 1 MB in 9 runs"),
        ([GIB + 4096 * n for n in range(9)], "flat: less than 1 MB in 9 runs"),
        ([GIB - 10 * MIB * n for n in range(9)], "it shrinks"),
        (
            [GIB, 3 * GIB, 2 * GIB, 4 * GIB, GIB, 4 * GIB, 2 * GIB, 3 * GIB],
            "the runs differ too much to tell growth from chance",
        ),
    ],
)
def test_no_trend_says_why(held: list[int], reason: str) -> None:
    found = forecast_series("In[12]", levels(list(held)), 8 * GIB)
    assert (found.trend, found.reason) == (False, reason)
    assert found.runs_to_limit is found.runs_to_limit_low is found.runs_to_limit_high is None


def test_the_sentence_of_the_issue() -> None:
    held = [GIB + 512 * MIB * number for number in range(6)]
    found = forecast_runs(runs(held), held[-1] + 14 * 512 * MIB)
    assert (found.label, found.runs_to_limit, found.trend) == ("In[12]", 14, True)


def test_the_peak_of_a_run_needs_room_too() -> None:
    held = [GIB + 512 * MIB * number for number in range(6)]
    found = forecast_runs(runs(held, peak=2 * GIB), held[-1] + 14 * 512 * MIB)
    assert found.runs_to_limit == 10


def test_no_limit_leaves_the_slope() -> None:
    found = forecast_runs(runs([GIB * n for n in range(1, 8)]), None)
    assert (found.trend, found.slope_bytes_per_run) == (True, GIB)
    assert (found.runs_to_limit, found.reason) == (None, "no limit is known")


def test_over_the_limit_already_is_no_run_more() -> None:
    found = forecast_runs(runs([GIB * n for n in range(1, 8)]), 2 * GIB)
    assert found.runs_to_limit == 0


def test_growth_that_is_given_back_between_the_runs_is_no_trend() -> None:
    found = forecast_runs(runs([GIB] * 8, growth=[300 * MIB] * 8), 8 * GIB)
    assert not found.trend


def test_growth_of_other_cells_is_not_this_cells() -> None:
    held = [GIB + 100 * MIB * number for number in range(8)]
    found = forecast_runs(runs(held, growth=[0] * 8), 8 * GIB)
    assert (found.trend, found.reason) == (False, "the kernel grows between its runs, not in them")
    assert found.slope_bytes_per_run == 100 * MIB


def test_growth_in_steps_is_a_trend_of_the_cell() -> None:
    held = [GIB + 64 * MIB * (number // 3) for number in range(15)]
    found = forecast_runs(runs(held), 8 * GIB)
    assert found.trend
    assert found.slope_bytes_per_run == pytest.approx(64 * MIB / 3, rel=0.2)


def test_failed_and_unread_runs_are_left_out() -> None:
    good = runs([GIB + 100 * MIB * number for number in range(6)])
    odd = [good[2]._replace(failed=True, rss_after_bytes=50 * GIB)]
    odd += [good[2]._replace(rss_after_bytes=None)]
    found = forecast_runs([*good[:3], *odd, *good[3:]], 8 * GIB)
    assert (found.trend, found.runs) == (True, 6)


def test_cells_are_told_apart_and_the_most_urgent_comes_first() -> None:
    slow = runs([GIB + 10 * MIB * number for number in range(8)])
    fast = [
        run._replace(code_hash="fast", label="In[7]")
        for run in runs([GIB * 2 * n for n in range(8)])
    ]
    flat = [run._replace(code_hash="flat", label="In[3]") for run in runs([GIB] * 8)]
    once = [slow[0]._replace(code_hash="once")]
    found = forecast_cells([*flat, *slow, *fast, *once], 100 * GIB)
    assert [item.label for item in found] == ["In[7]", "In[12]", "In[3]"]
    assert [item.trend for item in found] == [True, True, False]


def test_a_forecast_stays_fast_however_often_a_cell_ran() -> None:
    many = runs([GIB + MIB * number for number in range(20_000)])
    begin = time.perf_counter()
    found = forecast_runs(many, 100 * GIB)
    assert time.perf_counter() - begin < 2
    assert (found.runs, found.trend) == (200, True)


def test_forecasts_are_frozen() -> None:
    assert Forecast.__dataclass_params__.frozen  # type: ignore[attr-defined]
