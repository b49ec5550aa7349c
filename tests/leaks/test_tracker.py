"""The tracker on real code: what leaks, what only looks like it, and nothing left on."""

from __future__ import annotations

import gc
import random
import sys
import tracemalloc
from collections import deque

import pytest

from pmat_nb.engine.leaks import traces


def line_of(function, text):
    import inspect

    lines, start = inspect.getsourcelines(function)
    return start + next(n for n, line in enumerate(lines) if text in line)


def rows(report, verdict):
    return [row for row in report.rows if row.verdict == verdict]


class TestWhatLeaks:
    def test_two_kilobytes_among_megabytes_of_jitter(self, tracker):
        registry, last, rng = [], [None], random.Random(5)

        def step():
            last[0] = bytearray(rng.randrange(5_000_000))
            registry.append(str(rng.random()) * 110)  # the leak

        report = tracker(repeat=40).run(step)
        (row,) = rows(report, "leak")
        assert report.leaking and row.lineno == line_of(step, "# the leak")
        assert row.filename == __file__ and row.function == "step" and row.kind == "python"
        assert row.bytes_per_iteration == pytest.approx(2050, rel=0.2)
        assert row.confidence >= 0.9

    def test_a_chain_without_a_container(self, tracker):
        class Node:
            def __init__(self, below):
                self.below = below
                self.data = bytearray(3000)  # the leak

        head = [None]

        def step():
            head[0] = Node(head[0])

        report = tracker(repeat=40).run(step)
        assert rows(report, "leak")[0].lineno == line_of(Node, "# the leak")

    def test_what_leaks_only_when_it_fails(self, tracker):
        failures = []

        def step():
            failures.append([i * 1000 for i in range(200)])
            raise ValueError("no")

        report = tracker(repeat=30).run(step)
        assert report.leaking and report.failures == report.iterations

    def test_what_libraries_allocate_is_at_the_users_line(self, tracker):
        import json

        kept = []
        text = json.dumps([{"a": i * 1000, "b": str(i)} for i in range(40)])

        def step():
            found = json.loads(text)  # the leak
            kept.append(found)

        report = tracker(repeat=60).run(step)
        assert rows(report, "leak")[0].lineno == line_of(step, "# the leak")


class TestWhatDoesNot:
    def test_a_ring(self, tracker):
        ring = deque(maxlen=6)

        def step():
            ring.append([i * 1000 for i in range(100)])

        assert not tracker(repeat=40).run(step).leaking

    def test_what_is_replaced(self, tracker):
        last = {}

        def step():
            last["result"] = [bytearray(10_000) for _ in range(20)]

        assert not tracker(repeat=40).run(step).leaking

    def test_cycles(self, tracker):
        def step():
            parts = [{"data": bytearray(5000)} for _ in range(10)]
            for part in parts:
                part["all"] = parts

        assert not tracker(repeat=30).run(step).leaking

    def test_a_cache_that_fills(self, tracker):
        cache, rng = {}, random.Random(3)

        def step():
            for _ in range(8):
                cache.setdefault(rng.randrange(12), bytearray(4000))

        assert not tracker(repeat=60).run(step).leaking

    def test_a_cache_that_is_cleared(self, tracker):
        cache = {}

        def step():
            if len(cache) >= 8:
                cache.clear()
            cache[len(cache)] = bytearray(6000)

        assert not tracker(repeat=60).run(step).leaking

    def test_nothing_at_all(self, tracker):
        report = tracker(repeat=20).run(lambda: None)
        assert not report.leaking and report.rows == ()


class TestItsCourse:
    def test_marks_of_the_users(self, tracker):
        kept = []
        with tracker() as found:
            for _ in range(20):
                kept.append(bytearray(4000))
                found.mark()
        report = found.report()
        assert report.iterations == 20 and report.leaking and not report.interrupted

    def test_it_stops_early_when_sure(self, tracker):
        kept = []
        report = tracker(repeat=500).run(lambda: kept.append(bytearray(4000)))
        assert report.leaking and report.iterations < 100

    def test_it_stops_in_time(self, tracker):
        now = [0.0]

        def step():
            now[0] += 1.0

        report = tracker(repeat=500, max_time_s=9.0, clock=lambda: now[0]).run(step)
        assert 9 <= report.iterations <= 11

    def test_an_interrupt_gives_what_is_known(self, tracker):
        kept = []

        def step():
            kept.append(bytearray(5000))
            if len(kept) == 15:
                raise KeyboardInterrupt

        report = tracker(repeat=100).run(step)
        assert report.interrupted and report.iterations == 14
        assert [row.bytes_per_iteration > 4000 for row in report.rows] == [True]

    def test_an_interrupt_in_a_traced_run_leaves_no_tracing(self, tracker):
        def step():
            if tracemalloc.is_tracing():
                raise KeyboardInterrupt

        report = tracker(repeat=100).run(step)
        assert report.interrupted and not tracemalloc.is_tracing()

    def test_other_exits_pass_through(self, tracker):
        def step():
            raise SystemExit

        with pytest.raises(SystemExit):
            tracker(repeat=10).run(step)

    @pytest.mark.parametrize("number", [0, 1, 2, 5])
    def test_few_runs_do_not_tell(self, tracker, number):
        kept = []
        with tracker() as found:
            for _ in range(number):
                kept.append(bytearray(4000))
                found.mark()
        report = found.report()
        assert not report.leaking and report.more_iterations > 0

    def test_tracing_of_the_users_goes_on(self, tracker):
        kept = []
        tracemalloc.start()
        try:
            report = tracker(repeat=30).run(lambda: kept.append(bytearray(4000)))
            assert tracemalloc.is_tracing() and report.leaking
        finally:
            tracemalloc.stop()

    def test_most_iterations_are_not_traced(self, tracker):
        traced = []

        def step():
            [{"a": str(i)} for i in range(3000)]
            traced.append(tracemalloc.is_tracing())

        tracker(repeat=60).run(step)
        assert 2 <= sum(traced) <= len(traced) / 2

    def test_objects_frozen_by_the_user_stay_frozen(self, tracker):
        gc.freeze()
        try:
            count = gc.get_freeze_count()
            kept = []
            report = tracker(repeat=30).run(lambda: kept.append(bytearray(4000)))
            assert report.leaking
            assert abs(gc.get_freeze_count() - count) < 200
        finally:
            gc.unfreeze()

    def test_nothing_of_the_users_is_held_afterwards(self, tracker):
        import weakref

        class Thing:
            pass

        kept, refs = [], []

        def step():
            kept.append([Thing(), bytearray(3000)])
            refs.append(weakref.ref(kept[-1][0]))

        references = sys.getrefcount(kept)
        found = tracker(repeat=30)
        found.run(step)
        assert sys.getrefcount(kept) == references
        kept.clear()
        gc.collect()
        assert not any(ref() for ref in refs)


def test_a_report_compared_with_an_earlier_one(tracker):
    first, second = [], []

    def one():
        first.append(bytearray(4000))

    def two():
        second.append(bytearray(4000))

    before, after = tracker(repeat=30).run(one), tracker(repeat=30).run(two)
    changes = {c.source: c.change for c in after.compare(before)}
    assert changes == {
        "first.append(bytearray(4000))": "gone",
        "second.append(bytearray(4000))": "appeared",
    }
    assert [c.change for c in after.compare(after)] == ["same"]


def test_what_we_allocate_ourselves_is_not_reported(tracker):
    report = tracker(repeat=30).run(lambda: traces.read())
    assert report.rows == ()
