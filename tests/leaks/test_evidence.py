"""From evidence to a verdict: how sure it may be, and one block that becomes larger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.leaks.calibration import LIMITS, surest
from pmat_nb.engine.leaks.evidence import judge_site, site_rate
from pmat_nb.engine.leaks.native import judge_native
from pmat_nb.engine.leaks.records import Evidence, LeakRow, SiteGrowth
from pmat_nb.engine.leaks.rows import scale_to
from pmat_nb.engine.leaks.series import growth_of

STARTS = (4, 10, 19, 34)


def growing(rate, per_iteration=1, starts=STARTS, size=3):
    """What a site leaves that keeps ``per_iteration`` objects each time."""
    return tuple(
        SiteGrowth(start, size, (rate, per_iteration), (rate * size, per_iteration * size))
        for start in starts
    )


def block(size_at, starts=STARTS, size=3):
    """What a site leaves whose one block is replaced in each iteration."""
    return tuple(
        SiteGrowth(start, size, (size_at(start), 2), (size_at(start + size - 1), 2))
        for start in starts
    )


def of(windows, iterations=40, rate=5000, **more):
    total = growth_of([(i, rate * i) for i in range(iterations)])
    return Evidence(windows=windows, iterations=iterations, total=total, **more)


class TestHowSure:
    @pytest.mark.parametrize(("iterations", "at_most"), [(20, 0.9), (40, 0.95), (100, 0.98)])
    def test_a_leak_of_an_entry_an_iteration_is_as_sure_as_bounds_allow(self, iterations, at_most):
        lengths = tuple((i, i) for i in range(iterations + 1))
        judged = judge_site(
            of(growing(5000), iterations, lengths=lengths, sampled=4, alive=4, age=12)
        )
        assert judged.verdict == "leak" and judged.confidence == pytest.approx(at_most)

    def test_many_entries_an_iteration_make_it_surer(self):
        few, many = (tuple((i, n * i) for i in range(41)) for n in (1, 50))
        sure = [judge_site(of(growing(5000), lengths=found)).confidence for found in (few, many)]
        assert sure[0] < sure[1]

    @given(st.integers(0, 10**6), st.integers(0, 10**9), st.integers(1, 10**6))
    def test_more_is_never_less_sure(self, iterations, entries, more):
        assert 0.5 <= surest(iterations, entries) <= LIMITS["surest"]
        assert surest(iterations, entries) <= surest(iterations + more, entries)
        assert surest(iterations, entries) <= surest(iterations, entries + more)

    @given(st.integers(1, 60), st.integers(50, 10**7))
    def test_no_site_is_surer_to_leak_than_its_iterations_allow(self, iterations, rate):
        judged = judge_site(of(growing(rate), iterations, rate=rate))
        assert judged.verdict != "leak" or judged.confidence <= surest(iterations)


class TestOneBlock:
    @given(st.integers(1000, 10**6), st.integers(0, 10**7))
    def test_replaced_by_a_larger_one_it_leaks(self, rate, begins):
        windows = block(lambda i: begins + rate * i)
        judged = judge_site(of(windows, rate=rate, sampled=1, alive=0, age=20))
        assert judged.verdict == "leak" and judged.confidence >= 0.9
        assert site_rate(of(windows)) == pytest.approx(rate)

    @given(st.lists(st.integers(1000, 10**7), min_size=44, max_size=44))
    def test_of_any_sizes_but_ever_smaller_it_does_not(self, sizes):
        ever_smaller = sorted(sizes, reverse=True)
        windows = block(lambda i: ever_smaller[i])
        total = growth_of([(i, float(ever_smaller[i])) for i in range(40)])
        judged = judge_site(Evidence(windows=windows, iterations=40, total=total))
        assert judged.verdict != "leak"

    def test_of_changing_size_it_does_not(self):
        sizes = {4: 9, 6: 40, 10: 22, 12: 5, 19: 44, 21: 46, 34: 12, 36: 30}
        windows = block(lambda i: sizes[i] * 1000)
        noise = growth_of([(i, (i * 7919 % 50) * 1000.0) for i in range(40)])
        judged = judge_site(Evidence(windows=windows, iterations=40, total=noise))
        assert judged.verdict != "leak"

    def test_under_a_name_of_the_users_it_is_kept(self):
        judged = judge_site(of(block(lambda i: 5000 * i), kept_by="trace"))
        assert judged.verdict == "kept" and judged.reason == "trace"

    def test_what_only_changes_its_size_is_not_kept_by_its_name(self):
        windows = block(lambda i: 50_000 if i < 10 else 9_000)
        noise = growth_of([(i, 0.0) for i in range(40)])
        judged = judge_site(Evidence(windows=windows, iterations=40, total=noise, kept_by="last"))
        assert judged.verdict not in ("kept", "leak")


class TestKept:
    # Measured: a frame that each run replaces, with a few small blocks of pandas' own.
    REPLACED = ((42092, 42388), (42092, 42388), (42092, 42388), (42372, 42508))
    # Measured: a frame that each run replaces by a longer one.
    LONGER = ((66344, 74360), (106104, 114168), (170104, 178168), (282104, 290168))

    @staticmethod
    def windows(sizes):
        return tuple(
            SiteGrowth(start, 3, (first, 42), (last, 47))
            for start, (first, last) in zip(STARTS, sizes, strict=True)
        )

    def test_what_is_replaced_is_not_kept(self):
        evidence = of(self.windows(self.REPLACED), sampled=4, alive=4, age=20, kept_by="r")
        assert judge_site(evidence).verdict == "noise"
        later = self.windows(((296, 280), (240, 216), (42132, 42404), (42372, 42508)))
        assert judge_site(of(later, sampled=4, alive=4, age=20, kept_by="r")).verdict == "noise"

    def test_what_is_replaced_by_a_longer_one_is(self):
        evidence = of(self.windows(self.LONGER), sampled=4, alive=4, age=20, kept_by="df")
        assert judge_site(evidence).verdict == "kept"

    def test_growth_that_is_not_shown_is_not_kept(self):
        flat = growth_of([(i, 0.0) for i in range(40)])
        windows = (growing(5000)[0], *(SiteGrowth(s, 3, (0, 0), (0, 0)) for s in STARTS[1:]))
        evidence = Evidence(windows=windows, iterations=40, total=flat, kept_by="r")
        assert judge_site(evidence).verdict not in ("kept", "leak")

    def test_a_buffer_that_is_resized_now_and_then_is(self):
        # Measured: a bytearray that each run extends.
        sizes = ((60034, 90034), (0, 219414), (337539, 337539), (0, 0))
        windows = tuple(
            SiteGrowth(start, 3, (first, bool(first)), (last, bool(last)))
            for start, (first, last) in zip(STARTS, sizes, strict=True)
        )
        evidence = of(windows, rate=18_400, kept_by="buffer")
        assert judge_site(evidence).verdict == "kept"

    @given(st.integers(50, 10**7), st.integers(1, 50))
    def test_what_is_collected_is(self, rate, entries):
        lengths = tuple((i, entries * i) for i in range(41))
        evidence = of(growing(rate), rate=rate, lengths=lengths, kept_by="results")
        assert judge_site(evidence).verdict == "kept"


class TestRates:
    def row(self, rate, verdict="leak"):
        nothing = dict.fromkeys(LeakRow._fields, "")
        return LeakRow(**{**nothing, "verdict": verdict, "bytes_per_iteration": rate})

    def test_sites_do_not_grow_by_more_than_the_process(self):
        total = growth_of([(i, 2670.0 * i) for i in range(40)])
        assert scale_to(total, [self.row(5588.0)]) == pytest.approx(2670 / 5588)
        assert scale_to(total, [self.row(2700.0), self.row(9e9, "warm-up")]) == 1

    @given(st.lists(st.floats(0, 1e9), max_size=40), st.lists(st.floats(1, 1e9), max_size=8))
    def test_rates_are_never_made_larger_or_nothing(self, values, rates):
        scale = scale_to(growth_of(list(enumerate(values))), [self.row(rate) for rate in rates])
        assert 0.3 < scale <= 1


class TestNative:
    def test_what_grows_on_by_much_leaks(self):
        verdict, sure = judge_native(growth_of([(i, 20_000 * i) for i in range(40)]), 20_000)
        assert verdict == "leak" and 0.9 <= sure <= LIMITS["native_sure"]

    @pytest.mark.parametrize("rate", [300, 2400, 3700])
    def test_little_is_undecided(self, rate):
        growth = growth_of([(i, rate * i) for i in range(40)])
        assert judge_native(growth, rate)[0] == "undecided"

    @given(st.lists(st.floats(0, 1e9), max_size=60), st.floats(0, 1e9))
    def test_it_is_a_leak_or_undecided(self, values, rate):
        verdict, sure = judge_native(growth_of(list(enumerate(values))), rate)
        assert verdict in ("leak", "undecided") and 0 <= sure <= LIMITS["native_sure"]
