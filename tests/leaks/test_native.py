"""What only the C heap's counter shows: the user's growth counts, our own findings do not."""

from __future__ import annotations

import ctypes
import mmap
import sys
from types import SimpleNamespace

import pytest

from pmat_nb.consumers.leaks.pools import POOLS, library_of
from pmat_nb.consumers.leaks.retained import Retainers
from pmat_nb.engine.leaks.calibration import LIMITS
from pmat_nb.engine.leaks.counters import Counters
from pmat_nb.engine.leaks.native import judge_native, judge_resident, plain_course, steps_of
from pmat_nb.engine.leaks.series import growth_of
from pmat_nb.engine.leaks.tracker import Tracker
from pmat_nb.engine.leaks.watching import RESIDENT
from pmat_nb.engine.probe import Probe


def test_what_a_window_leaves_is_not_the_users_growth():
    # Flat, but for two windows (4 to 6, 10 to 12) that left 12 kB each.
    series = [(3, 100), *((i, 12_100) for i in range(7, 10)), *((i, 24_100) for i in range(13, 20))]
    assert {value for _, value in plain_course(series)} == {100}


def test_growth_of_each_iteration_goes_on_through_windows():
    series = [(i, 1000 * i + 12_000 * (i > 5)) for i in (1, 2, 3, 6, 7, 8, 9)]
    assert plain_course(series) == [(i, 1000 * i) for i in (1, 2, 3, 6, 7, 8, 9)]


def test_too_few_are_left_as_they_are():
    assert plain_course([]) == [] and plain_course([(3, 5), (7, 9)]) == [(3, 5), (7, 9)]


def test_what_came_in_a_window_as_it_does_in_other_runs_stays():
    # 800 kB on every eighth run, one of them while a window was open (21 to 25).
    series = [(i, 800_000 * (i // 8)) for i in range(1, 34) if not 21 <= i <= 25]
    assert plain_course(series)[-1] == (33, 3_200_000)


class TestResident:
    def growth(self, rate, jitter=0):
        return growth_of([(i, rate * i + jitter * (i * 7919 % 11)) for i in range(40)])

    def test_much_at_one_pace(self):
        assert judge_resident(self.growth(500_000)) == LIMITS["resident_sure"] < 0.9

    @pytest.mark.parametrize(("rate", "jitter"), [(0, 0), (20_000, 0), (70_000, 100_000)])
    def test_little_or_unsteady_is_not_said(self, rate, jitter):
        assert judge_resident(self.growth(rate, jitter)) is None

    def test_what_slows_down_is_not_said(self):
        assert judge_resident(growth_of([(i, 1e7 * i**0.5) for i in range(40)])) is None


def test_growth_in_steps_is_as_sure_as_their_number_allows():
    values = [(i, 100_000 * (i // 8)) for i in range(40)]
    growth = growth_of(values)
    assert steps_of(values) == 4 and growth.kind == "stepping"
    assert judge_native(growth, 20_000)[0] == "leak"
    assert judge_native(growth, 20_000, steps_of(values))[0] == "undecided"


def tracked(step):
    probe = Probe()
    try:
        retainers = Retainers(SimpleNamespace(user_ns={}, user_ns_hidden={}))
        counters = Counters(probe, POOLS)
        return Tracker(counters, repeat=40, explain=retainers, members=retainers.members).run(step)
    finally:
        probe.close()


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is resident")
class TestMappings:
    def test_those_that_are_kept_are_found_at_their_line(self):
        kept = []

        def step():
            block = mmap.mmap(-1, 400_000)  # the leak
            block.write(b"x" * 400_000)
            kept.append(block)

        report = tracked(step)
        (row,) = (row for row in report.rows if row.verdict == "leak")
        assert row.source.endswith("# the leak")
        assert row.bytes_per_iteration == pytest.approx(400_000, rel=0.1)

    def test_those_of_c_code_are_native(self):
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]

        def step():
            at = libc.mmap(None, 400_000, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
            ctypes.memset(at, 1, 400_000)

        report = tracked(step)
        (row,) = (row for row in report.rows if row.site == "resident size")
        assert row.kind == "native" and row.verdict == "undecided"
        assert row.bytes_per_iteration == pytest.approx(400_000, rel=0.1)

    def test_memory_that_is_first_written_to_does_not_leak(self):
        numpy = pytest.importorskip("numpy")
        rows, at = numpy.zeros((60, 50_000)), [0]

        def step():
            rows[at[0]] = 1.0
            at[0] += 1

        assert not tracked(step).leaking

    def test_pages_of_files_do_not_leak(self, tmp_path):
        path, kept = tmp_path / "pages", []
        path.write_bytes(b"x" * 400_000)

        def step():
            with path.open("rb") as file:
                kept.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            assert kept[-1].find(b"y") == -1

        rates = [row.bytes_per_iteration for row in tracked(step).rows]
        assert all(rate < 10_000 for rate in rates)
        for one in kept:
            one.close()


def test_objects_of_polars_are_known_as_such():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": [1]})
    # Some versions say that it is a built-in.
    assert library_of(type(frame._df)) == library_of(type(frame)) == RESIDENT
    assert library_of(type(object())) == library_of(dict) == ""
