"""The report of a cleanup: the same facts in every form, estimated and measured apart."""

from __future__ import annotations

import json

from pmat_nb.engine.cleanup_records import CleanupRecord, CleanupStep
from pmat_nb.render.cleanup import CleanupReport

MIB = 1 << 20
STEPS = (
    CleanupStep("cache:Out", "displayed <b>objects", "done", 10 * MIB, 9 * MIB, 0.01),
    CleanupStep("temp:figures", "open figures (2)", "failed", None, 0, 0.1, "RuntimeError: no"),
    CleanupStep("cache:f", "functools cache f", "left", 5 * MIB, why="warm; --aggressive"),
)
DONE = CleanupRecord(("cache",), False, False, None, False, STEPS, 100 * MIB, 91 * MIB, 0.5, ("n",))


def test_text_and_html_state_what_came_back_and_why_not() -> None:
    report = CleanupReport(DONE)
    for shown in (report.text(), report._repr_html_()):
        for fact in ("gave back 9.0 MB of an estimated 10 MB", "RuntimeError: no", "warm", "n/a"):
            assert fact in shown
    assert "<b>objects" not in report._repr_html_()
    assert report.compact().endswith("1 failed")


def test_figures_are_plain_and_left_steps_are_in_no_sum() -> None:
    report = CleanupReport(DONE)
    figures = json.loads(report.to_json())
    assert figures["estimated_bytes"] == 10 * MIB and figures["measured_bytes"] == 9 * MIB
    assert [step["state"] for step in figures["steps"]] == ["done", "failed", "left"]
    assert figures["steps"][1]["estimated_bytes"] is None
    assert report.measured_bytes == 9 * MIB and report.steps == STEPS
    assert str(report.to_frame()["measured_bytes"].dtype) == "Int64"


def test_a_plan_measures_nothing() -> None:
    planned = tuple(s._replace(state="planned", measured_bytes=None) for s in STEPS[:1])
    report = CleanupReport(DONE._replace(dry_run=True, steps=planned, rss_after_bytes=None))
    assert report.measured_bytes is None and "measured" not in report.text()
    assert "would give back about 10 MB" in report.compact()


def test_a_kernel_that_grew_is_not_called_smaller() -> None:
    grown = CleanupReport(DONE._replace(rss_after_bytes=103 * MIB))
    assert "grew by 3.0 MB" in grown.compact() and grown.measured_bytes == -3 * MIB
    unknown = CleanupReport(DONE._replace(rss_before_bytes=None))
    assert unknown.measured_bytes is None and "cannot be measured" in unknown.compact()
