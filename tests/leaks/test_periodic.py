"""Growth on every n-th run alone: seen in the counters, and a window open when it is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.leaks.counters import Counters
from pmat_nb.engine.leaks.periodic import Period, period_of, with_period
from pmat_nb.engine.leaks.records import SiteGrowth
from pmat_nb.engine.leaks.schedule import Schedule
from pmat_nb.engine.leaks.tracker import Tracker
from pmat_nb.engine.probe import Probe

STEP = 100_000


def series(steps, until, *, unseen=()):
    """Bytes after each of so many iterations, of which those in ``unseen`` were traced."""
    return [
        (i, 5 * i + STEP * sum(at <= i for at in steps)) for i in range(1, until) if i not in unseen
    ]


class TestPeriod:
    @given(st.integers(4, 30), st.integers(1, 30), st.integers(2, 5))
    def test_steps_at_one_distance(self, length, first, number):
        steps = [first + 1 + length * k for k in range(number)]
        found = period_of(series(steps, steps[-1] + length))
        assert found == Period(length, steps[-1])
        assert found.next_after(steps[-1]) == steps[-1] + length

    def test_one_that_a_window_hid_is_no_hindrance(self):
        found = period_of(series([8, 16, 24, 32], 36, unseen=range(22, 26)))
        assert found == Period(8, 32) and found.next_after(35) == 40

    def test_one_that_did_not_come(self):
        assert period_of(series([8, 16], 24)) == Period(8, 16)
        assert period_of(series([8, 16], 26)) is None

    @pytest.mark.parametrize("steps", [[], [8], [8, 10, 12, 14], [8, 16, 21]])
    def test_others_have_none(self, steps):
        assert period_of(series(steps, 22)) is None

    def test_what_is_given_back_has_none(self):
        points = [(i, STEP * (i % 8 > 3)) for i in range(30)]
        assert period_of(points) is None


class TestWindows:
    def window(self, start, grew):
        return SiteGrowth(start, 2, (0, 0), (grew, 1))

    def test_growth_is_spread_over_the_period(self):
        (found,) = with_period([self.window(4, 0), self.window(23, 800)], Period(8, 16))
        assert found.bytes_per_iteration == 100

    def test_what_grew_without_a_step_does_not_grow_by_it(self):
        windows = [self.window(4, 300), self.window(23, 800)]
        assert with_period(windows, Period(8, 16)) is None
        assert with_period([self.window(4, 0)], Period(8, 16)) is None

    def test_one_is_open_when_a_step_is_due_and_no_other_in_its_way(self):
        schedule = Schedule(warmup=3, repeat=40)
        for _ in range(21):
            schedule.plain(0.01)
        assert schedule.length(20, expected=24) == schedule.length(21, expected=24) == 0
        assert schedule.length(22, expected=24) == 2
        schedule.opened(22, 2, expected=24)
        assert schedule.windows == 0 and schedule.was_aimed


class Trainer:
    def __init__(self, every):
        self.every, self.runs, self.checkpoints = every, 0, []

    def train(self):
        self.runs += 1
        if self.runs % self.every == 0:
            self.checkpoints.append(bytearray(300_000))  # the leak


@pytest.mark.alone
class TestTracked:
    def report(self, every, repeat):
        probe = Probe()
        try:
            return Tracker(Counters(probe), repeat=repeat).run(Trainer(every).train)
        finally:
            probe.close()

    def test_the_line_is_found(self):
        report = self.report(8, 40)
        (row,) = (row for row in report.rows if row.verdict == "leak")
        assert row.source.endswith("# the leak")
        assert row.bytes_per_iteration == pytest.approx(300_000 / 8, rel=0.2)
        # Five steps were seen, whatever the number of runs.
        assert 0.6 <= row.confidence < 0.8

    def test_too_few_steps_do_not_tell(self):
        report = self.report(15, 40)
        assert not report.leaking and report.iterations == 40
        assert report.more_iterations

    def test_more_of_them_do(self):
        assert self.report(15, 100).leaking
