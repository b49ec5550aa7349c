"""Planning, levels, cool-down and the schedule of collections: pure, with time passed in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.configuration import ACTIONS, Responses
from pmat_nb.engine.collecting import Schedule
from pmat_nb.engine.pressure import (
    LEVELS,
    Readings,
    classify,
    headroom,
    measure,
    rising,
    thresholds,
)
from pmat_nb.engine.records import CgroupMemory, HostMemory
from pmat_nb.engine.responses.cooldown import LEAST_S, MOST_S, Cooldown, Trigger
from pmat_nb.engine.responses.plan import plan

GIB = 1024**3
fractions = st.floats(0, 1.5, allow_nan=False)
bounds = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3, unique=True).map(sorted)
wanted = st.builds(
    Responses,
    actions=st.lists(st.sampled_from(sorted(ACTIONS)), max_size=12).map(tuple),
    notify=st.booleans(),
    notification_cmd=st.none() | st.just(("true", "a b")),
    save_state=st.booleans(),
)

# --- the plan -----------------------------------------------------------------------


@given(wanted, st.booleans())
def test_a_plan_tells_then_frees_then_saves_then_stops(responses, exit_kernel):
    steps = plan(responses, exit_kernel=exit_kernel)
    order = ["tell", "free", "save", "stop"]
    kinds = [order.index(step.kind) for step in steps]
    assert kinds == sorted(kinds)
    names = [step.action for step in steps]
    assert len(names) == len(set(names))
    assert set(responses.actions) <= set(names)
    freeing = [name for name in names if name in responses.actions]
    asked = dict.fromkeys(responses.actions)
    assert [n for n in asked if n in freeing[:-2]] == [n for n in freeing[:-2] if n in asked]


@given(wanted)
def test_nothing_is_stopped_or_saved_that_was_not_asked_for(responses):
    kinds = {step.kind for step in plan(responses, exit_kernel=True)}
    assert ("stop" in kinds) == ("exit_gracefully" in responses.actions)
    saves = responses.save_state or {"save_state", "exit_gracefully"} & set(responses.actions)
    assert ("save" in kinds) == bool(saves)


def test_leaving_saves_first_and_says_whether_the_kernel_ends():
    leaving = Responses(("exit_gracefully",))
    kept = plan(leaving, exit_kernel=False)
    assert [step.action for step in kept] == ["save_state", "exit_gracefully"]
    assert "the kernel goes on" in kept[-1].what
    assert "end the kernel" in plan(leaving, exit_kernel=True)[-1].what


# --- levels ---------------------------------------------------------------------------


@given(bounds, st.lists(fractions, min_size=1, max_size=60))
def test_a_level_is_left_downwards_only_below_its_margin(edges, seen):
    found = thresholds(*edges)
    level = None
    for fraction in seen:
        before, level = level, classify(fraction, level, found)
        plain = classify(fraction, None, found)
        assert LEVELS.index(level) >= LEVELS.index(plain)
        if before is not None and LEVELS.index(level) > LEVELS.index(plain):
            # Held from before, and only within the margin.
            assert LEVELS.index(level) <= LEVELS.index(before)
            assert fraction >= found[LEVELS.index(level) - 1].leave
        for bound in found:
            if fraction >= bound.enter:
                assert LEVELS.index(level) >= LEVELS.index(bound.level)


@given(bounds, st.integers(0, 40 * GIB), st.integers(GIB, 40 * GIB))
def test_headroom_is_what_may_be_added_before_the_next_level(edges, tree, limit):
    found = thresholds(*edges)
    readings = Readings(tree_bytes=tree, limit_bytes=limit)
    level = measure(readings, None, found).level
    room = headroom(readings, level, found)
    if level == "CRITICAL":
        assert room is None
        return
    assert LEVELS.index(room.level) == LEVELS.index(level) + 1
    just = readings._replace(tree_bytes=tree + room.headroom_bytes + 1)
    assert LEVELS.index(measure(just, None, found).level) > LEVELS.index(level)
    if room.headroom_bytes > 1:
        less = readings._replace(tree_bytes=tree + room.headroom_bytes - 1)
        assert measure(less, None, found).level == level


def test_headroom_is_that_of_the_tighter_container():
    group = CgroupMemory(2, "/a", 2 * GIB, GIB, GIB)
    readings = Readings(tree_bytes=GIB, limit_bytes=20 * GIB, containers=(group,))
    level = measure(readings).level
    assert (level, headroom(readings, level).headroom_bytes) == ("MEDIUM", int(0.6 * 2 * GIB) - GIB)


def test_headroom_is_unknown_without_a_limit():
    assert headroom(Readings(tree_bytes=5), None) is None
    crowded = HostMemory(100 * GIB, GIB)
    assert measure(Readings(tree_bytes=5, host=crowded)).level == "CRITICAL"


@given(st.tuples(*[st.floats(-1, 2)] * 3))
def test_bounds_must_rise(edges):
    low, medium, high = edges
    assert rising(*edges) == (0 < low < medium < high <= 1)


def test_a_healthy_kernel_with_full_caches_on_a_busy_laptop_is_low():
    readings = Readings(
        tree_bytes=GIB,
        limit_bytes=12 * GIB,
        # the container's file cache fills it, as it does everywhere
        containers=(CgroupMemory(2, "/", 16 * GIB, 15 * GIB, 2 * GIB),),
        host=HostMemory(16 * GIB, 2 * GIB),
        pools_fraction=1.0,
        psi=2.0,
    )
    found = measure(readings)
    assert found.level == "LOW"
    assert found.parts["host"] == 0.875
    assert found.parts["pools"] == 1.0


# --- cool-down ----------------------------------------------------------------------------


steps = st.tuples(st.sampled_from(LEVELS), st.floats(0.1, 100), st.booleans())


@given(st.lists(steps, max_size=80))
def test_a_level_never_responds_twice_within_its_pause_nor_twice_per_entry(seen):
    trigger, now, ran, entered = Trigger(), 0.0, {}, {}
    before = "LOW"
    for level, passed, helps in seen:
        now += passed
        if LEVELS.index(level) != LEVELS.index(before):
            for name in LEVELS[LEVELS.index(level) + 1 :]:
                entered.pop(name, None)
        before = level
        due = trigger.due(level, now)
        if due is None:
            continue
        assert due == level != "LOW"
        assert level not in entered, "once per entry"
        assert now - ran.get(level, -MOST_S) >= LEAST_S
        trigger.ran(level, now, helped=helps)
        ran[level] = now
        for name in LEVELS[: LEVELS.index(level) + 1]:
            entered[name] = True


def test_a_flapping_level_responds_once_a_minute_then_ever_less():
    trigger, runs = Trigger(), []
    for second in range(4 * 3600):
        level = "HIGH" if second % 2 else "MEDIUM"
        if trigger.due(level, second) == "HIGH":
            runs.append(second)
            trigger.ran("HIGH", second, helped=False)
        elif level == "MEDIUM":
            trigger.nothing_to_do("MEDIUM")
    pauses = [after - before for before, after in pairwise(runs)]
    # it is HIGH every other second
    assert [round(pause, -1) for pause in pauses] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_an_entry_that_came_too_early_is_answered_later_unless_it_has_passed():
    trigger = Trigger()
    assert trigger.due("HIGH", 0) == "HIGH"
    trigger.ran("HIGH", 0, helped=True)
    assert trigger.due("HIGH", 500) is None, "once per entry"
    assert trigger.due("LOW", 501) is None
    assert trigger.due("HIGH", 502) == "HIGH"
    trigger.ran("HIGH", 502, helped=True)
    trigger.due("LOW", 510)
    assert trigger.due("HIGH", 520) is None, "too early"
    assert trigger.due("HIGH", 563) == "HIGH", "still there"
    trigger.due("LOW", 564)
    assert trigger.due(None, 9999) is None


def test_a_pause_shrinks_again_once_it_helps():
    pause = Cooldown()
    assert pause.ready(0)
    for expected in (60, 120, 240):
        pause.ran(0, helped=False)
        assert pause.ready_at == expected
    pause.ran(0, helped=True)
    assert pause.ready_at == LEAST_S
    pause.ran(0, helped=False)
    assert pause.ready_at == LEAST_S


# --- collections ---------------------------------------------------------------------------


@given(st.floats(1, 5000), st.floats(0.05, 1), fractions, st.floats(0, 1e5), st.floats(0, 1e4))
def test_a_collection_is_due_exactly_when_its_moment_has_come(
    interval, threshold, fraction, last, passed
):
    schedule, pause = Schedule(interval, threshold), Cooldown()
    now = last + passed
    moment = schedule.next_at(last, fraction, pause)
    assert moment <= last + interval
    assert (schedule.due(now, last, fraction, pause) is not None) == (now >= moment)
    if fraction < threshold:
        assert moment == last + interval


def test_pressure_brings_the_collection_forward_but_not_in_a_row():
    schedule, pause = Schedule(600, 0.8), Cooldown()
    assert schedule.due(10, 0, 0.79, pause) is None
    assert schedule.due(10, 0, 0.80, pause) == "pressure"
    pause.ran(10, helped=False)
    assert schedule.due(60, 10, 0.95, pause) is None
    assert schedule.due(70, 10, 0.95, pause) == "pressure"
    pause.ran(70, helped=False)
    assert schedule.next_at(70, 0.95, pause) == 190
    assert schedule.due(700, 70, 0.1, pause) == "interval"


def test_no_interval_means_no_collection_of_ours():
    schedule = Schedule(None, 0.5)
    assert schedule.next_at(0, 1.0, Cooldown()) is None
    assert schedule.due(1e9, 0, 1.0, Cooldown()) is None
