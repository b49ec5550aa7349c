"""Gates, comparison and spread: pure, by their properties."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.record_json import from_plain
from pmat_nb.engine.runs.baseline import NOISE_BYTES, Tolerance, compare, regressions
from pmat_nb.engine.runs.gates import GateBounds, GateCell, GateFigures, check_gates
from pmat_nb.engine.runs.records import CellRun, NotebookRun, RunRecord
from pmat_nb.engine.runs.spread import spread
from pmat_nb.render.gates import failed_line
from pmat_nb.render.runs import RunReport
from pmat_nb.units import MIB

SIZES = st.integers(0, 2**40)


def notebook(path="a.ipynb", peaks=(100 * MIB,), before=50 * MIB, hashes=None):
    cells = tuple(
        CellRun(
            place,
            f"In[{place + 1}]",
            f"x = {place}",
            (hashes or [f"h{n}" for n in range(len(peaks))])[place],
            "ok",
            1.0,
            before,
            before,
            peak,
            "exact",
        )
        for place, peak in enumerate(peaks)
    )
    return NotebookRun(path, None, "ok", 0.0, 1.0, before, before, None, None, cells)


def record(*notebooks):
    return RunRecord(1, "0.1.0", 0.0, 1.0, notebooks)


# -- spread ----------------------------------------------------------------------------


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
def test_quartiles_are_in_order_and_the_median_is_the_median(values):
    found = spread(values)
    assert found.least <= found.lower <= found.median <= found.upper <= found.most
    assert found.median == pytest.approx(statistics.median(values), rel=1e-9, abs=1e-3)
    assert (found.least, found.most, found.number) == (min(values), max(values), len(values))


def test_what_nobody_could_read_is_left_out():
    assert spread([None, 3, None]).number == 1
    assert spread([None]) is None


# -- gates -----------------------------------------------------------------------------


@given(st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=8), SIZES)
def test_a_gate_fails_exactly_where_a_cell_is_over_it(cells, bound):
    made = tuple(
        GateCell(f"In[{n}]", "", low, low, max(low, high), max(low, high), "LOW")
        for n, (low, high) in enumerate(cells)
    )
    bounds = GateBounds(max_memory_usage_bytes=bound, max_cell_memory_bytes=bound)
    whole, added = check_gates(bounds, GateFigures(0, 0, None, made))
    assert whole.passed == all(each.peak_bytes <= bound for each in made)
    assert added.passed == all(each.own_peak_bytes - each.before_bytes <= bound for each in made)
    assert whole.figure_bytes == max(each.peak_bytes for each in made)


@given(st.lists(st.sampled_from(["LOW", "MEDIUM", "HIGH", "CRITICAL", None]), max_size=6))
def test_the_worst_level_counts_and_unknown_is_not_low(levels):
    cells = tuple(GateCell(f"In[{n}]", "", 1, 1, 1, 1, x) for n, x in enumerate(levels))
    (gate,) = check_gates(GateBounds(max_pressure_level="MEDIUM"), GateFigures(1, 1, 1, cells))
    if {"HIGH", "CRITICAL"} & set(levels):
        assert gate.passed is False
    elif levels and set(levels) == {None}:
        assert gate.passed is None
    else:
        assert gate.passed is True


@pytest.mark.parametrize(
    ("cleaned", "passed"), [(110, True), (111, False), (5, True), (None, None)]
)
def test_a_cleanup_must_lead_back_to_the_start(cleaned, passed):
    figures = GateFigures(100, 150, cleaned, ())
    (gate,) = check_gates(GateBounds(require_cleanup_after=True), figures)
    assert gate.passed is passed


def test_a_failed_gate_names_cell_figure_and_bound_on_one_line():
    cell = GateCell("In[3]", "df = load(\n'x')", MIB, 2 * MIB, 3 * MIB, 3 * MIB, "HIGH")
    bounds = GateBounds(max_memory_usage_bytes=2 * MIB, max_pressure_level="LOW")
    said = [failed_line(each) for each in check_gates(bounds, GateFigures(1, 1, 1, (cell,)))]
    assert all("\n" not in line and "In[3] (df = load(" in line for line in said)
    assert "reached 3.0 MB, the bound is 2 MB" in said[0]
    assert "to HIGH, the bound is LOW" in said[1]


# -- baseline --------------------------------------------------------------------------


@given(st.lists(st.integers(50 * MIB, 2**34), min_size=1, max_size=5))
def test_the_same_run_is_no_regression(peaks):
    run = record(notebook(peaks=peaks))
    changes = compare(run, run, Tolerance(0.0, 0.0))
    assert not regressions(changes)
    assert {change.verdict for change in changes} == {"same"}


@given(st.integers(60 * MIB, 2**34), st.integers(60 * MIB, 2**34), st.floats(0, 1))
def test_worse_is_over_tolerance_and_noise(before, after, share):
    changes = compare(
        record(notebook(peaks=[before])), record(notebook(peaks=[after])), Tolerance(share)
    )
    peak = next(change for change in changes if change.figure == "peak" and not change.cell)
    over = after - before
    assert (peak.verdict == "worse") == (over > max(before * share, NOISE_BYTES))


@given(st.permutations(["a", "b", "c"]))
def test_cells_are_told_by_their_code_not_their_place(order):
    sizes = {"a": 100 * MIB, "b": 200 * MIB, "c": 300 * MIB}
    old = notebook(peaks=[sizes[x] for x in "abc"], hashes=list("abc"))
    new = notebook(peaks=[sizes[x] for x in order], hashes=list(order))
    assert not regressions(compare(record(old), record(new), Tolerance(0.0)))


def test_new_and_gone_cells_and_notebooks_fail_nothing():
    old = record(notebook("a.ipynb", hashes=["h"]), notebook("gone.ipynb"))
    new = record(notebook("a.ipynb", hashes=["edited"]), notebook("new.ipynb"))
    verdicts = [change.verdict for change in compare(old, new, Tolerance())]
    assert verdicts.count("new") == 2 and verdicts.count("gone") == 2
    assert "worse" not in verdicts


def test_a_notebook_is_found_by_its_name_from_another_folder():
    old, new = record(notebook("x/a.ipynb")), record(notebook("a.ipynb", peaks=[900 * MIB]))
    assert regressions(compare(old, new, Tolerance()))


def test_time_is_judged_on_wish_alone():
    old = record(notebook())
    slow = record(notebook()._replace(duration_s=60.0))
    assert not regressions(compare(old, slow, Tolerance()))
    assert [x.figure for x in regressions(compare(old, slow, Tolerance(0.1, 0.5)))] == ["time"]


@given(st.lists(st.integers(50 * MIB, 2**34), max_size=4))
def test_a_record_comes_back_from_its_report(peaks):
    run = record(notebook(peaks=peaks))
    assert from_plain(RunRecord, RunReport(run).to_dict()) == run
