"""The history report: rows, sessions, deaths, forecasts, and its picture."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace

import pytest

from pmat_nb.engine.history.forecast import Forecast, forecast_cells
from pmat_nb.engine.history.rows import CellRow, EventRow, History, SessionRow
from pmat_nb.errors import UsageError
from pmat_nb.render.forecasts import forecast_text
from pmat_nb.render.history import HistoryReport

from .examples import gb, mb

START = 1_760_000_000.0


def cell(number: int, after_mb: float, session: str = "s2", **fields) -> CellRow:
    known = {
        "notebook": "tour",
        "execution_count": number,
        "label": f"In[{number}]",
        "code_hash": "load",
        "first_line": "load(p)",
        "source": None,
        "started_at": START + 60 * number,
        "duration_s": 4.1,
        "rss_before_bytes": mb(after_mb - 48),
        "rss_after_bytes": mb(after_mb),
        "peak_bytes": mb(after_mb + 100),
        "peak_kind": "exact",
        "failed": False,
        "nested": 0,
    }
    return CellRow(session_id=session, sequence=number, **{**known, **fields})


def session(name: str, **fields) -> SessionRow:
    known = {
        "notebook": "/srv/notebooks/tour.ipynb",
        "notebook_name": "tour.ipynb",
        "pid": 1,
        "hostname": "here",
        "machine": "m",
        "start_cs": 1,
        "started_at": START,
        "limit_bytes": gb(2),
        "limit_source": "auto",
    }
    return SessionRow(session_id=name, **{**known, **fields})


HISTORY = History(
    cells=(
        cell(1, 300, "s1"),
        cell(2, 900, "s1", failed=True, peak_kind="sampled"),
        *(cell(number, 400 + 48 * number) for number in range(1, 9)),
    ),
    sessions=(session("s1", ended_at=None), session("s2", ended_at=START + 3600)),
    events=(
        EventRow("s1", "tour", 1, START + 200, "death", {"text": "died in In[17] at 14.9 GB"}),
        EventRow("s1", "tour", 2, START + 300, "note", {}),
    ),
    problems=("kernel-x.sqlite3: not a database",),
)
FORECAST = Forecast("In[12]", 20, mb(48), mb(40), mb(60), 14, 9, 31, True, "", gb(1), gb(2))


@pytest.fixture(autouse=True)
def utc():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        set_zone()
        yield
    set_zone()


def set_zone():
    if hasattr(time, "tzset"):
        time.tzset()


def test_cells_read_newest_last():
    report = HistoryReport(HISTORY, top=3)
    assert repr(report).splitlines() == [
        "tour.ipynb: 10 cell runs in 2 sessions · the last 3; all in .to_frame()",
        "  when              cell     growth   after    peak   took  first line",
        "  2025-10-09 08:59  In[6]  +48.0 MB  688 MB  788 MB  4.1 s  load(p)",
        "  2025-10-09 09:00  In[7]  +48.0 MB  736 MB  836 MB  4.1 s  load(p)",
        "  2025-10-09 09:01  In[8]  +48.0 MB  784 MB  884 MB  4.1 s  load(p)",
        "left out: kernel-x.sqlite3: not a database",
    ]


def test_a_forecast_is_asked_for_itself():
    report = HistoryReport(HISTORY, forecasts=[FORECAST])
    assert repr(report).splitlines() == [
        "tour.ipynb: 10 cell runs in 2 sessions",
        "at this growth (+48.0 MB a run), In[12] reaches the limit (2 GB) "
        "in 14 more runs (9 to 31)",
        "left out: kernel-x.sqlite3: not a database",
    ]
    assert len(report.to_frame()) == 10


def test_a_session_that_runs_has_not_died():
    text = repr(HistoryReport(HISTORY, view="sessions", running={"s1": 300.0}))
    assert "running" in text and "no end recorded" not in text
    assert "5 min" in text and "n/a" not in text


def test_a_death_is_told_in_full_with_its_own_time():
    story = "the last kernel died in In[17] " + "(" + "df.merge(other) " * 8 + ")" + "; KILLED"
    payload = {"text": story, "at": START - 3600, "died_at": START - 60}
    late = EventRow("s1", "tour", 1, START, "death", payload)
    report = HistoryReport(History(events=(late,)), view="deaths")
    text = repr(report)
    assert text.startswith("2025-10-09 08:52") and text.endswith("; KILLED")
    assert max(map(len, text.splitlines())) <= 100
    assert report.to_dict()["deaths"][0]["at"].startswith("2025-10-09T08:52:20")


def test_failed_cells_and_sampled_peaks_are_marked():
    text = repr(HistoryReport(HISTORY))
    line = next(line for line in text.splitlines() if "In[2]" in line)
    assert "≥ 0.98 GB" in line
    assert "failed" in line


def test_sessions_say_whether_their_end_was_recorded():
    lines = repr(HistoryReport(HISTORY, view="sessions")).splitlines()
    assert lines[2].split() == (
        [
            "2025-10-09",
            "08:53",
            "n/a",
            "tour.ipynb",
            "2",
            "0.98",
            "GB",
            "2",
            "GB",
            "no",
            "end",
            "recorded",
        ]
    )
    assert lines[3].split() == [
        "2025-10-09",
        "08:53",
        "1",
        "h",
        "tour.ipynb",
        "8",
        "884",
        "MB",
        "2",
        "GB",
    ]


def test_a_death_told_in_two_lines_stays_readable():
    story = {"text": "the kernel died.\n2 variables were saved"}
    event = EventRow("s", "n", 1, START, "death", story)
    report = HistoryReport(History(events=(event,)), view="deaths")
    assert "died. 2 variables" in " ".join(repr(report).split())


def test_deaths_are_told_in_their_own_words():
    report = HistoryReport(HISTORY, view="deaths")
    assert "2025-10-09 08:56  died in In[17] at 14.9 GB" in repr(report)
    assert len(report.to_frame()) == 1
    bare = EventRow("s", "n", 1, START, "death", {"peak_bytes": gb(14.9), "cell": "In[3]"})
    assert "peak 14.9 GB, cell In[3]" in repr(HistoryReport(History(events=(bare,)), view="deaths"))


def test_the_frame_has_a_row_per_run_with_utc_times():
    frame = HistoryReport(HISTORY).to_frame()
    assert len(frame) == 10
    assert str(frame["started_at"].dt.tz) == "UTC"
    assert list(frame["growth_bytes"].unique()) == [mb(48)]
    sessions = HistoryReport(HISTORY, view="sessions").to_frame()
    assert list(sessions["cells"]) == [2, 8]
    assert list(sessions["failed"]) == [1, 0]
    assert sessions["ended_at"].isna().tolist() == [True, False]


@pytest.mark.parametrize("view", ["cells", "sessions", "deaths"])
@pytest.mark.parametrize("history", [HISTORY, History()], ids=["some", "none"])
def test_every_view_works_full_and_empty(view, history):
    report = HistoryReport(history, view=view, forecasts=forecast_cells(history.cells, gb(2)))
    assert all(len(line) <= 80 for line in report.text(width=80).splitlines())
    assert "\n" not in report.compact()
    json.loads(report.to_json())
    assert list(report.to_frame().columns)
    assert "<script" not in report._repr_html_()
    assert report.plot()._repr_png_().startswith(b"\x89PNG")


def test_an_unknown_view_is_refused():
    with pytest.raises(UsageError, match="view: 'weeks' is not one of cells, sessions, deaths"):
        HistoryReport(HISTORY, view="weeks")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            "at this growth (+48.0 MB a run), In[12] reaches the limit (2 GB) "
            "in 14 more runs (9 to 31)",
        ),
        (
            {"runs_to_limit": 1, "runs_to_limit_low": 1, "runs_to_limit_high": None},
            "at this growth (+48.0 MB a run), In[12] reaches the limit (2 GB) "
            "in 1 more run (1 or more)",
        ),
        (
            {"runs_to_limit": 0},
            "at this growth (+48.0 MB a run), the next run of In[12] passes the limit (2 GB)",
        ),
        (
            {"limit_bytes": None, "runs_to_limit": None, "reason": "no limit is known"},
            "In[12] grows by +48.0 MB a run (40.0 MB to 60.0 MB); no limit is known",
        ),
        (
            {"trend": False, "reason": "too few runs: 2, and at least 5 are needed"},
            "In[12]: no trend: too few runs: 2, and at least 5 are needed",
        ),
    ],
)
def test_forecasts_in_words(changes, text):
    assert forecast_text(replace(FORECAST, **changes)) == text


def test_no_forecast_was_asked_for_or_none_is_possible():
    assert "trend" not in repr(HistoryReport(HISTORY))
    assert "no trend: no cell has run more than once" in repr(HistoryReport(HISTORY, forecasts=()))


def test_an_open_interval_is_null_in_json():
    odd = replace(FORECAST, low=-math.inf)
    figures = json.loads(HistoryReport(HISTORY, forecasts=[odd]).to_json())
    assert figures["forecasts"][0]["low"] is None


def test_the_plot_has_the_limit_and_the_units():
    (axes,) = HistoryReport(HISTORY).plot().get_axes()
    assert axes.get_ylabel() == "resident memory (GB)"
    assert any("limit 2 GB" in text.get_text() for text in axes.texts)
    assert len(axes.get_lines()) == 4  # two sessions, what parts them, the limit
