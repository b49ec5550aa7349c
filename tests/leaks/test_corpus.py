"""The corpus through the tracker: a part of it always, all that was seen on `make soak`."""

from __future__ import annotations

import pytest

from leaks.corpus import BATCHES, CASES, seen
from leaks.corpus.judging import calibration, figures, is_right, run_all, run_case

# One of each kind of leak and of each kind of look-alike.
QUICK = (
    "small_leak_in_jitter",
    "lru_cache_unbounded",
    "linked_chain",
    "suspended_generators",
    "only_when_it_fails",
    "dict_of_counts",
    "logging_handlers",
    "numpy_views",
    "results_list",
    "ring_buffer",
    "full_lru_cache",
    "bounded_lru_cache",
    "cache_cleared_when_full",
    "cycles",
    "errors_handled",
    "last_result_of_changing_size",
)


def test_the_corpus_is_what_it_says():
    leaking = [case for case in CASES.values() if case.leaking]
    clean = [case for case in CASES.values() if not case.leaking]
    assert len(leaking) >= 30 and len(clean) >= 30
    assert all(case.pattern for case in CASES.values())
    assert all(case.lines() for case in leaking if not case.native)
    assert not any(case.lines() for case in clean)
    for group in (leaking, clean):
        first = [case for case in group if case.batch == "first"]
        assert abs(sum(2 * case.held_out - 1 for case in first)) <= 1
        for batch in BATCHES[1:]:
            assert sum(case.batch == batch for case in group) >= 20


@pytest.mark.parametrize("name", QUICK)
def test_a_case(name):
    case = CASES[name]
    outcome = run_case(case, "pmat_nb")
    assert outcome.right
    if case.leaking:
        assert outcome.right_line


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_all_of_it():
    outcomes = run_all("pmat_nb", [case for case in CASES.values() if case.batch in seen()])
    found = figures(outcomes)
    assert found.precision >= 0.95 and found.recall >= 0.95 and found.right_line >= 0.9, [
        (o.case.name, o.found.get("rows")) for o in outcomes if not o.right
    ]
    sure = [c for c in calibration(outcomes) if c[0] >= 0.9]
    wrong = [
        (o.case.name, row["site"], row["verdict"], row["confidence"])
        for o in outcomes
        for row in o.found["rows"]
        if row["confidence"] >= 0.9 and not is_right(row, o)
    ]
    assert sum(c[3] for c in sure) >= 0.9 * sum(c[2] for c in sure), wrong
