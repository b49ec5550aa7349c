"""Writing: what is stored, when, with which rights, and what failures do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pmat_nb.engine.history.reader import read_history
from pmat_nb.engine.history.store import HistoryWriter

from .support import cell, session, write_session, writer_threads


def test_rows_come_back_as_they_were_recorded(tmp_path: Path) -> None:
    row = session(limit_bytes=8 * 1024**3, limit_source="%pmat_limit", pmat_version="0.1.0")
    writer = HistoryWriter(tmp_path / "h", row, clock=lambda: 1_000_060.0)
    unknown = cell(2, rss_before_bytes=None, peak_bytes=None, peak_kind=None, failed=True, nested=1)
    writer.record_cell(cell(1), extra={"names": ["a", "b"]})
    writer.record_cell(unknown)
    writer.record_event("death", {"cell": "In[2]", "oom_kill": True})
    writer.close()

    history = read_history(tmp_path / "h")
    assert history.problems == ()
    (found,) = history.sessions
    assert found.ended_at == 1_000_060.0
    assert (found.limit_bytes, found.limit_source) == (8 * 1024**3, "%pmat_limit")
    assert found.process == row.process
    first, second = history.cells
    assert (first.sequence, first.label, first.first_line) == (1, "In[1]", "df = load(1)")
    assert (first.growth_bytes, first.peak_bytes, first.peak_kind) == (1, 700_000_000, "exact")
    assert first.extra == {"names": ["a", "b"]}
    assert (second.growth_bytes, second.peak_bytes, second.peak_kind) == (None, None, None)
    assert second.failed is True
    assert second.nested == 1
    (event,) = history.events
    assert (event.kind, event.at, event.payload["oom_kill"]) == ("death", 1_000_060.0, True)


def test_a_row_is_in_the_file_soon(tmp_path: Path) -> None:
    """What was recorded just before a kernel is killed is not lost; the best of three."""
    writer = HistoryWriter(tmp_path / "h", session())
    writer.record_cell(cell(1))
    writer.flush()
    waits = []
    for number in (2, 3, 4):
        started = time.monotonic()
        writer.record_cell(cell(number))
        while len(read_history(tmp_path / "h").cells) < number:
            assert time.monotonic() - started < 10
            time.sleep(0.01)
        waits.append(time.monotonic() - started)
    writer.close()
    assert min(waits) < 0.35, waits


def test_nothing_is_opened_before_the_first_row(tmp_path: Path) -> None:
    made = []

    def make_session() -> object:
        made.append(1)
        return session()

    writer = HistoryWriter(tmp_path / "h", make_session)  # type: ignore[arg-type]
    assert not (tmp_path / "h").exists()
    assert writer_threads() == []
    assert writer.flush() is True
    writer.close()
    assert not (tmp_path / "h").exists()
    assert made == []


def test_loading_the_writer_imports_no_sqlite() -> None:
    code = (
        "import sys; import pmat_nb.engine.history.store as s; s.HistoryWriter(None, None);"
        "print([m for m in ('sqlite3', 'psutil', 'platformdirs', 'json') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_files_are_the_users_alone(tmp_path: Path) -> None:
    folder = tmp_path / "h"
    folder.mkdir(mode=0o755)
    old = os.umask(0)
    try:
        writer = HistoryWriter(folder, session())
        writer.record_cell(cell(1))
        assert writer.flush()
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        writer.close()
    finally:
        os.umask(old)
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.iterdir())) == 1  # no journal stays behind


def test_rows_arrive_within_a_second_without_a_flush(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, session())
    writer.record_cell(cell(1))
    deadline = time.monotonic() + 10
    while not read_history(tmp_path).cells and time.monotonic() < deadline:
        time.sleep(0.02)
    took = 10 - (deadline - time.monotonic())
    writer.close()
    assert took < 3  # 0.5 s of waiting for more, and time for a busy machine


@pytest.mark.parametrize(
    ("mode", "first_line", "source"),
    [
        ("hash", None, None),
        ("first-line", "df = load(1)", None),
        ("full", "df = load(1)", "df = load(1)\ndf"),
    ],
)
def test_record_source_decides_what_is_stored(
    tmp_path: Path, mode: str, first_line: str | None, source: str | None
) -> None:
    writer = HistoryWriter(tmp_path, session(), source_mode=mode)  # type: ignore[arg-type]
    writer.record_cell(cell(1), "df = load(1)\ndf")
    writer.close()
    (row,) = read_history(tmp_path).cells
    assert (row.first_line, row.source) == (first_line, source)
    raw = next(tmp_path.iterdir()).read_bytes()
    assert (b"load(1)" in raw) == (mode != "hash")


def test_odd_text_is_stored(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, session(notebook="/books/\udcff.ipynb"), source_mode="full")
    writer.record_cell(cell(1, first_line="x = '\ud800 \0'"), "y" * 1_000_000)
    writer.record_event("odd \udc80", {"object": object(), "text": "\ud800"})
    writer.close()
    history = read_history(tmp_path)
    assert history.problems == ()
    assert history.cells[0].first_line == "x = '? \0'"
    assert len(history.cells[0].source or "") == 100_000
    assert history.events[0].kind == "odd ?"


def test_only_the_newest_cells_of_a_long_session_stay(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, session(), max_cells=10)
    for number in range(1, 26):
        writer.record_cell(cell(number))
        if number == 12:
            assert writer.flush()
    writer.close()
    assert [row.sequence for row in read_history(tmp_path).cells] == list(range(16, 26))


def test_closing_twice_and_recording_afterwards_is_harmless(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, session())
    writer.record_cell(cell(1))
    writer.close()
    writer.close()
    writer.record_cell(cell(2))
    assert writer.flush() is False
    assert len(read_history(tmp_path).cells) == 1


def test_a_deleted_file_is_made_again(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "h", session())
    writer.record_cell(cell(1))
    assert writer.flush()
    for path in (tmp_path / "h").iterdir():
        path.unlink()
    (tmp_path / "h").rmdir()
    writer.record_cell(cell(2))
    writer.close()
    assert [row.label for row in read_history(tmp_path / "h").cells] == ["In[2]"]


def test_a_folder_that_cannot_be_made_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    problems: list[str] = []
    writer = HistoryWriter(tmp_path / "file" / "h", session(), on_error=problems.append)
    writer.record_cell(cell(1))
    assert writer.flush() is False
    assert not writer.active
    writer.record_cell(cell(2))
    writer.record_event("later", {})
    writer.close()
    (problem,) = problems
    assert problem.startswith("history is off for this session: ")
    assert "Not a directory" in problem
    assert "XDG_STATE_HOME" in problem


def test_an_on_error_that_raises_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    def broken(_: str) -> None:
        raise RuntimeError("broken")

    writer = HistoryWriter(tmp_path / "file" / "h", session(), on_error=broken)
    writer.record_cell(cell(1))
    assert writer.flush() is False
    writer.close()


def test_two_writers_for_one_session_do_not_mix(tmp_path: Path) -> None:
    problems: list[str] = []
    row = session()
    first = HistoryWriter(tmp_path, row)
    second = HistoryWriter(tmp_path, row, on_error=problems.append)
    first.record_cell(cell(1))
    assert first.flush()
    second.record_cell(cell(2))
    assert second.flush() is False
    first.close()
    second.close()
    assert len(problems) == 1
    assert len(read_history(tmp_path).cells) == 1


def test_a_file_being_read_for_a_while_only_delays(tmp_path: Path) -> None:
    import sqlite3

    writer = HistoryWriter(tmp_path, session())
    writer.record_cell(cell(1))
    assert writer.flush()
    path = next(tmp_path.glob("*.sqlite3"))
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM cells").fetchone()
    writer.record_cell(cell(2))
    assert writer.flush(timeout_s=0.3) is False
    reader.close()
    assert writer.flush()
    writer.close()
    assert len(read_history(tmp_path).cells) == 2


def test_recording_costs_the_cell_next_to_nothing(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, session())
    record = cell(1)
    writer.record_cell(record)
    assert writer.flush()
    costs = []
    for _ in range(500):
        begin = time.perf_counter_ns()
        writer.record_cell(record, "source")
        costs.append(time.perf_counter_ns() - begin)
    writer.close()
    assert sorted(costs)[250] < 10_000  # median, in ns; a tenth of it is usual


def test_a_session_that_was_not_closed_is_written_at_exit(tmp_path: Path) -> None:
    code = f"""
from tests.history.support import cell, session
from pmat_nb.engine.history.store import HistoryWriter
writer = HistoryWriter({str(tmp_path)!r}, session())
writer.record_cell(cell(1))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=_root())
    history = read_history(tmp_path)
    assert len(history.cells) == 1
    assert history.sessions[0].ended_at is not None


def test_many_sessions_are_pruned_when_a_new_one_begins(tmp_path: Path) -> None:
    rows = [write_session(tmp_path, pid=2**22 + 1 + n, started_at=float(n)) for n in range(6)]
    for age, row in enumerate(reversed(rows)):
        path = next(tmp_path.glob(f"*{row.session_id}*"))
        os.utime(path, (time.time() - 3600 * (age + 1),) * 2)
    writer = HistoryWriter(tmp_path, session(started_at=99.0), max_sessions=3)
    writer.record_cell(cell(1))
    writer.close()
    left = [row.started_at for row in read_history(tmp_path).sessions]
    assert left == [3.0, 4.0, 5.0, 99.0]


def _root() -> Path:
    return Path(__file__).parents[2]
