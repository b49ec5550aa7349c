"""``--format`` and ``-o``: what lands in the file, and what happens when it cannot."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pandas as pd
import pytest

from pmat_nb.errors import StateFileError, UsageError
from pmat_nb.render.output import as_text, write_output, write_text
from pmat_nb.render.stats import Stats

from .examples import RSS, STATS

STATS_REPORT = Stats(STATS)


@pytest.mark.parametrize("format", ["table", "compact", "json", "frame"])
def test_standard_output(capsys, format):
    assert write_output(STATS_REPORT, format, "-") is None
    assert capsys.readouterr().out == as_text(STATS_REPORT, format) + "\n"


def test_an_unknown_format_is_refused_with_the_choices(tmp_path):
    with pytest.raises(UsageError, match="--format: 'xml' is not one of table, compact, json"):
        write_output(STATS_REPORT, "xml", tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_text_json_and_page_files(tmp_path):
    write_output(STATS_REPORT, "table", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == repr(STATS_REPORT) + "\n"
    write_output(STATS_REPORT, "json", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == STATS_REPORT.to_dict()
    assert write_output(STATS_REPORT, "table", tmp_path / "a.html") == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_frame_files_by_their_ending(tmp_path):
    for ending, reader in {
        "csv": pd.read_csv,
        "json": pd.read_json,
        "parquet": pd.read_parquet,
        "": pd.read_csv,
    }.items():
        path = tmp_path / f"frame.{ending}"
        write_output(STATS_REPORT, "frame", path)
        assert reader(path)["used_bytes"].sum() == RSS
    write_output(STATS_REPORT, "frame", tmp_path / "frame.html")
    assert "<table" in (tmp_path / "frame.html").read_text(encoding="utf-8")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"-o: .* is a folder; for example"):
        write_output(STATS_REPORT, "json", tmp_path)


def test_a_missing_folder_is_said(tmp_path):
    with pytest.raises(StateFileError, match=r"cannot write .*No such file.*choose a file"):
        write_output(STATS_REPORT, "json", tmp_path / "no" / "a.json")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("old")

    def refuse(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StateFileError, match="No space left on device"):
        write_output(STATS_REPORT, "json", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    write_output(STATS_REPORT, "json", tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="another platform: no pipes")
def test_a_pipe_is_written_to_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_text(pipe, "through the pipe")
    reader.join(10)
    assert read == ["through the pipe"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").touch()
    write_text(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode
