"""Looking through the heap: which containers grew, under one deadline, and what it left out."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest

from pmat_nb.engine.leaks.addresses import addresses
from pmat_nb.engine.leaks.census import Census
from pmat_nb.engine.leaks.counters import Counters
from pmat_nb.engine.leaks.deadline import Deadline
from pmat_nb.engine.leaks.tracker import Tracker
from pmat_nb.engine.probe import Probe

pytestmark = pytest.mark.alone


class TestAddresses:
    def test_one_for_each_object_and_the_same_again(self):
        objects = [[], {}, object(), "text", 5, objects_of_one := (1,)]
        found = list(addresses(objects))
        assert len(set(found)) == len(objects)
        assert list(addresses([objects_of_one, *objects])) == [found[-1], *found]
        assert list(addresses([])) == []

    def test_nothing_is_traced_for_them(self):
        objects = [[] for _ in range(20_000)]
        keys = dict.fromkeys(addresses(objects))
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            assert all(key in keys for key in addresses(objects))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        # The copy of the addresses and the tuple it is made from, not a number for each.
        assert peak - before < 20_000 * 8 * 4


class TestDeadline:
    def test_what_is_left_out_is_said(self):
        now = iter(range(100))
        deadline = Deadline(2.0, lambda: float(next(now)))
        assert list(deadline.bound(range(50))) == list(range(16)) and deadline.said

    def test_all_of_it_says_nothing(self):
        deadline = Deadline(2.0, lambda: 0.0)
        assert list(deadline.bound(range(50))) == list(range(50)) and not deadline.said


class Slow:
    """A clock by which the time is over after a number of looks at it."""

    def __init__(self, looks):
        self.left = looks

    def __call__(self):
        self.left -= 1
        return 0.0 if self.left > 0 else 10.0


def looked(looks, lists=200, names=200):
    """A census at the end of which so many looks at the clock were left; places asked for."""
    kept = [[] for _ in range(lists)]
    clock = Slow(10**9)
    census = Census(clock=clock)
    asked = []

    def place_of(frames):
        asked.append(frames)
        return frames[0]

    tracemalloc.start()
    try:
        for one in kept:
            one.append(bytearray(100))
        here = tracemalloc.get_object_traceback(kept[0][0])[0]
        clock.left = looks
        named = {f"name {i}": bytearray(10) for i in range(names)}
        fresh = [bytearray(10) for _ in range(100)]
        found, grown = census.samples([(here.filename, here.lineno)], place_of, fresh, 1, named)
    finally:
        tracemalloc.stop()
    return census, found, grown, asked


def test_with_time_enough_nothing_is_left_out():
    census, found, grown, asked = looked(10**6)
    assert len(found) == 1 and len(grown) >= 200 and not census.is_cut_short
    assert len(asked) > 500


@pytest.mark.parametrize("looks", [2, 4, 8, 20])
def test_one_deadline_is_for_all_of_it(looks):
    whole, (census, _, grown, asked) = looked(10**6), looked(looks)
    assert census.is_cut_short
    # Eight values between two looks, with what is in them.
    assert len(asked) <= 16 * looks and len(grown) < 200 < len(whole[3])


def test_many_containers_that_grow_do_not_stall_the_cell():
    registry = [[] for _ in range(30_000)]
    tracker = Tracker(Counters(Probe()), warmup=1)
    longest = 0.0
    tracker.start()
    for at in range(10):
        for one in registry:
            one.append((at, str(at)))
        started = time.thread_time()
        tracker.mark()
        longest = max(longest, time.thread_time() - started)
    tracker.stop()
    # Three seconds at most for what was there and for what is, and reading the traces.
    assert longest < 9
    report = tracker.report()
    assert any("too many objects to look at all" in note for note in report.notes)


def test_a_leak_of_which_nothing_was_seen_is_undecided(monkeypatch):
    kept = []

    def leaking():
        return Tracker(Counters(Probe()), repeat=40).run(lambda: kept.append(bytearray(4000)))

    assert leaking().leaking
    monkeypatch.setattr(Census.__init__, "__kwdefaults__", {"budget_s": 0.0, "clock": time.time})
    report = leaking()
    (row,) = report.rows
    assert row.verdict == "undecided" and not report.leaking and report.notes
    gc.collect()


def test_its_own_bookkeeping_does_not_grow():
    kept = [[] for _ in range(50)]
    census = Census()
    kept[0].append(1)
    containers = [grown.container for grown in census.grown()]
    assert any(found is kept[0] for found in containers)
    assert not any(type(found) in (set, dict) and len(found) > 5000 for found in containers)
