"""The log report over real logs, and the readings that its picture is drawn from."""

from __future__ import annotations

import json

import pytest

from pmat_nb.engine.log import LogWriter, analyze_log
from pmat_nb.engine.log_points import read_points
from pmat_nb.engine.records import Pressure
from pmat_nb.errors import StateFileError
from pmat_nb.render.log import LogReport
from pmat_nb.render.stats import Stats

from .examples import CELL, STATS, gb, mb

START = 1_760_000_000.0
LEVELS = ["LOW"] * 6 + ["MEDIUM"] * 3 + ["CRITICAL"]


def write_log(path, count=10, *, cut_off=True):
    with LogWriter(path) as log:
        for at in range(count):
            record = STATS._replace(
                timestamp=START + 60 * at,
                rss_bytes=gb(2) + mb(100 * at),
                tree_bytes=gb(2) + mb(150 * at),
                pressure=Pressure(0.2, LEVELS[at % len(LEVELS)], {}),
                cell=CELL._replace(
                    label=f"In[{at}]",
                    rss_after_bytes=gb(5.81) + mb(at),
                    peak_bytes=gb(8) - mb(at),
                ),
            )
            log.write(Stats(record).to_dict())
    if cut_off:
        with path.open("a") as file:
            file.write('{"timestamp":"2025-10')
    return path


@pytest.fixture
def report(tmp_path):
    return LogReport(analyze_log(write_log(tmp_path / "run.ndjson")))


def test_a_log_in_a_few_lines(report):
    lines = repr(report).splitlines()
    assert lines[0].startswith("run.ndjson: 10 lines over 9 min · ")
    facts = {line[2:15].strip(): line[15:].strip() for line in lines[1:8]}
    assert facts["peak"].startswith("2.88 GB at ")
    assert facts["with children"].startswith("3.32 GB at ")
    assert facts["limit"] == "12.9 GB (auto)"
    assert facts["trend"].startswith("+5.86 GB an hour (")
    assert facts["cells"] == "10"
    assert facts["grew most"].startswith("In[9]: +9.00 MB, peak 8.0 GB (exact), 4.1 s · m = trades")
    assert facts["reached most"].startswith("In[0]: 0 B, peak 8.0 GB")
    assert lines[8] == "time at each level · up to MEDIUM"
    assert lines[9] == "  LOW     6 min 67% ██████▋"
    assert lines[10] == "  MEDIUM  3 min 33% ███▎"
    assert lines[11] == "line 11 is cut off, its writer was stopped in the middle; skipped"


def test_the_frame_is_one_row_and_the_dict_is_json(report):
    frame = report.to_frame()
    assert len(frame) == 1
    assert frame["rss_peak_bytes"].item() == gb(2) + mb(900)
    assert frame["low_s"].item() == pytest.approx(360)
    figures = json.loads(report.to_json())
    assert figures["worst_cell"]["label"] == "In[9]"
    assert figures["skipped"] == 1
    assert "\n" not in report.compact()
    assert "<script" not in report._repr_html_()


def test_a_single_line_has_no_trend_and_no_time(tmp_path):
    report = LogReport(analyze_log(write_log(tmp_path / "one", 1, cut_off=False)))
    text = repr(report)
    assert text.startswith("one: 1 line over 0 s")
    assert "no trend: too few readings: 1" in text
    assert "time at each level" not in text
    assert report.plot()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_too_long(report, width):
    assert all(len(line) <= width for line in report.text(width=width).splitlines())


def test_the_picture_has_units_levels_and_a_title(report):
    figure = report.plot(theme="dark")
    (axes,) = figure.get_axes()
    assert axes.get_xlabel() == "time (min)"
    assert axes.get_ylabel() == "resident memory (GB)"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["LOW", "MEDIUM"]


def test_a_log_that_is_gone_is_said(report, tmp_path):
    (tmp_path / "run.ndjson").unlink()
    with pytest.raises(StateFileError, match="cannot be read"):
        report.plot()


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100])
def test_points_are_few_in_order_and_keep_the_peak(tmp_path, count):
    path = write_log(tmp_path / "log", count)
    points = read_points(path, most=8)
    assert 1 <= len(points) <= 8
    assert [point.at for point in points] == sorted(point.at for point in points)
    assert max(point.rss_bytes for point in points) == gb(2) + mb(100 * (count - 1))
    assert len(read_points(path)) == count
