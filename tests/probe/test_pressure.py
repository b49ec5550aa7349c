"""Levels, their way down, and the parts beside the fraction."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.pressure import (
    LEVELS,
    THRESHOLDS,
    Gauge,
    Readings,
    classify,
    host_is_critical,
    measure,
    thresholds,
)
from pmat_nb.engine.records import CgroupMemory, HostMemory
from pmat_nb.units import GIB, MIB

fractions = st.floats(0, 1.5)
levels = st.sampled_from(LEVELS)


def readings(fraction: float | None = None, **more: object) -> Readings:
    if fraction is not None:
        more |= {"tree_bytes": int(fraction * GIB), "limit_bytes": GIB}
    return Readings(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fraction", "level"),
    [
        *[(0, "LOW"), (0.2999, "LOW"), (0.30, "MEDIUM"), (0.5999, "MEDIUM"), (0.60, "HIGH")],
        *[(0.7999, "HIGH"), (0.80, "CRITICAL"), (1.4, "CRITICAL")],
    ],
)
def test_lower_bounds_are_inclusive(fraction: float, level: str) -> None:
    assert classify(fraction) == level


@pytest.mark.parametrize(
    ("fraction", "previous", "level"),
    [
        (0.75, "CRITICAL", "CRITICAL"),
        (0.7499, "CRITICAL", "HIGH"),
        (0.57, "CRITICAL", "HIGH"),
        (0.5499, "CRITICAL", "MEDIUM"),
        (0.26, "CRITICAL", "MEDIUM"),
        (0.2499, "HIGH", "LOW"),
        (0.57, "MEDIUM", "MEDIUM"),
        (0.57, "LOW", "MEDIUM"),
    ],
)
def test_a_level_is_left_below_its_bound(fraction: float, previous, level: str) -> None:
    assert classify(fraction, previous) == level


@given(fraction=fractions, previous=st.none() | levels)
def test_coming_from_above_never_gives_less_and_settles(fraction, previous) -> None:
    fresh, level = classify(fraction), classify(fraction, previous)
    assert LEVELS.index(level) >= LEVELS.index(fresh)
    assert classify(fraction, level) == level
    if level != fresh:
        assert LEVELS.index(level) <= LEVELS.index(previous)
        assert classify(fraction + 0.0501) == level


@given(low=fractions, high=fractions, previous=st.none() | levels)
def test_more_pressure_is_never_a_lower_level(low, high, previous) -> None:
    low, high = sorted((low, high))
    order = LEVELS.index
    assert order(classify(low, previous)) <= order(classify(high, previous))


@given(steps=st.lists(st.floats(-0.024, 0.024), max_size=40), bound=st.sampled_from(THRESHOLDS))
def test_hovering_at_a_bound_changes_the_level_at_most_once(steps, bound) -> None:
    level = None
    seen = []
    for step in steps:
        level = classify(bound.enter + step, level)
        if not seen or seen[-1] != level:
            seen.append(level)
    assert len(seen) <= 2


def test_bounds_can_be_set() -> None:
    bounds = thresholds(low=0.5, medium=0.7, high=0.9)
    assert [classify(x, None, bounds) for x in (0.49, 0.5, 0.7, 0.9)] == list(LEVELS)
    assert [(x.enter, x.leave) for x in THRESHOLDS] == [(0.3, 0.25), (0.6, 0.55), (0.8, 0.75)]


def test_the_higher_of_kernel_and_container_counts() -> None:
    group = CgroupMemory(2, "/a", 4 * GIB, 4 * GIB, 3 * GIB)
    outer = CgroupMemory(2, "/", 10 * GIB, 9 * GIB, None)
    found = measure(readings(0.5, containers=(group, outer)))
    assert (found.fraction, found.level) == (0.75, "HIGH")
    assert found.parts["kernel"] == 0.5
    assert found.parts["container"] == 0.75
    assert measure(readings(0.9, containers=(group,))).level == "CRITICAL"


def test_unknown_is_none() -> None:
    found = measure(Readings(tree_bytes=5, psi=50.0))
    assert (found.fraction, found.level) == (None, None)
    assert found.parts == {
        "kernel": None,
        "container": None,
        "host": None,
        "pools": None,
        "psi": 50.0,
    }


def test_pools_and_host_are_beside_the_fraction() -> None:
    found = measure(readings(0.1, pools_fraction=1.0, host=HostMemory(16 * GIB, 4 * GIB)))
    assert (found.fraction, found.level) == (pytest.approx(0.1, abs=1e-6), "LOW")
    assert (found.parts["pools"], found.parts["host"]) == (1.0, 0.75)


def test_psi_raises_by_one() -> None:
    assert [measure(readings(x, psi=9.9)).level for x in (0.1, 0.4)] == ["LOW", "MEDIUM"]
    assert [measure(readings(x, psi=10.0)).level for x in (0.1, 0.4, 0.7, 0.9)] == [
        "MEDIUM",
        "HIGH",
        "CRITICAL",
        "CRITICAL",
    ]


@pytest.mark.parametrize(
    ("total", "available", "critical"),
    [
        (100 * GIB, 5 * GIB, False),
        (100 * GIB, 5 * GIB - 1, True),
        (4 * GIB, 512 * MIB, False),
        (4 * GIB, 512 * MIB - 1, True),
    ],
)
def test_a_machine_that_runs_out_is_critical(total: int, available: int, critical: bool) -> None:
    host = HostMemory(total, available)
    assert host_is_critical(host) is critical
    assert (measure(readings(0.1, host=host)).level == "CRITICAL") is critical
    assert (measure(Readings(host=host)).level == "CRITICAL") is critical


def test_a_gauge_remembers_the_way_down() -> None:
    gauge = Gauge()
    seen = [gauge.read(readings(x)).level for x in (0.81, 0.77, 0.74, 0.77, 0.56, 0.54)]
    assert seen == ["CRITICAL", "CRITICAL", "HIGH", "HIGH", "HIGH", "MEDIUM"]


def test_what_psi_raised_ends_with_it() -> None:
    gauge = Gauge()
    assert gauge.read(readings(0.77, psi=20.0)).level == "CRITICAL"
    assert gauge.read(readings(0.77, psi=0.0)).level == "HIGH"
    low = HostMemory(16 * GIB, 100 * MIB)
    assert gauge.read(readings(0.1, host=low)).level == "CRITICAL"
    assert gauge.read(readings(0.1)).level == "LOW"
