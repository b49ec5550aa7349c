"""Reading: merging, narrowing down, old and new formats, damage."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmat_nb.engine.history.reader import read_history
from pmat_nb.engine.history.rows import History
from pmat_nb.engine.history.schema import file_name

from .support import session, write_session


def test_a_missing_folder_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "never made") == History()


def test_sessions_merge_oldest_first(tmp_path: Path) -> None:
    later = write_session(tmp_path, 2, started_at=20.0)
    earlier = write_session(tmp_path, 3, started_at=10.0)
    history = read_history(tmp_path)
    assert [row.session_id for row in history.sessions] == [earlier.session_id, later.session_id]
    assert [row.label for row in history.cells] == ["In[1]", "In[1]", "In[2]", "In[2]", "In[3]"]
    assert {row.session_id for row in history.cells} == {earlier.session_id, later.session_id}


def test_one_notebook_or_one_session_can_be_asked_for(tmp_path: Path) -> None:
    first = write_session(tmp_path, notebook="/a.ipynb")
    second = write_session(tmp_path, notebook="/a.ipynb")
    write_session(tmp_path, notebook="/b.ipynb")
    of_a = read_history(tmp_path, notebook="/a.ipynb")
    assert {row.session_id for row in of_a.sessions} == {first.session_id, second.session_id}
    assert {row.notebook for row in of_a.cells} == {"/a.ipynb"}
    only = read_history(tmp_path, session=second.session_id)
    assert [row.session_id for row in only.sessions] == [second.session_id]
    assert len(only.cells) == 3
    assert read_history(tmp_path, notebook="/c.ipynb") == History()


def test_names_that_a_uri_would_misread_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "a#b?mode=rw%20 c"
    write_session(folder)
    assert len(read_history(folder).cells) == 3


def test_files_that_are_not_ours_are_not_read(tmp_path: Path) -> None:
    write_session(tmp_path)
    with closing(sqlite3.connect(tmp_path / "other.sqlite3")) as other:
        other.execute("CREATE TABLE cells (x)")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "kernel-zz.sqlite3").write_text("hello")
    history = read_history(tmp_path)
    assert (len(history.sessions), history.problems) == (1, ())


def test_an_empty_file_of_a_kernel_about_to_write_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / file_name(session())).touch()
    assert read_history(tmp_path) == History()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\0" * 8192, "is not a pmat_nb history file"),
        (b"hello", "is not a pmat_nb history file"),
    ],
)
def test_a_file_that_lost_its_content_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    good = write_session(tmp_path)
    bad = tmp_path / file_name(session())
    bad.write_bytes(content)
    history = read_history(tmp_path)
    assert [row.session_id for row in history.sessions] == [good.session_id]
    (problem,) = history.problems
    assert problem.startswith(f"{bad.name} is left out: ")
    assert reason in problem


def test_a_cut_off_file_is_named(tmp_path: Path) -> None:
    bad = write_session(tmp_path, 500)
    good = write_session(tmp_path)
    path = tmp_path / file_name(bad)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    history = read_history(tmp_path)
    assert [row.session_id for row in history.sessions] == [good.session_id]
    assert len(history.problems) == 1
    assert path.name in history.problems[0]


def test_a_wrong_type_in_a_row_is_damage(tmp_path: Path) -> None:
    row = write_session(tmp_path)
    with closing(sqlite3.connect(tmp_path / file_name(row), isolation_level=None)) as opened:
        opened.execute("UPDATE cells SET rss_after_bytes = 'lots' WHERE sequence = 2")
    history = read_history(tmp_path)
    assert history.sessions == ()
    assert "table cells is damaged" in history.problems[0]


def test_a_newer_format_with_more_columns_is_read(tmp_path: Path) -> None:
    row = write_session(tmp_path)
    with closing(sqlite3.connect(tmp_path / file_name(row), isolation_level=None)) as opened:
        opened.execute("PRAGMA user_version = 9")
        opened.execute("ALTER TABLE cells ADD COLUMN joules REAL")
        opened.execute("CREATE TABLE more (x)")
    history = read_history(tmp_path)
    assert (len(history.cells), history.problems) == (3, ())


def test_an_older_format_without_an_optional_column_is_read(tmp_path: Path) -> None:
    row = write_session(tmp_path)
    with closing(sqlite3.connect(tmp_path / file_name(row), isolation_level=None)) as opened:
        opened.execute("ALTER TABLE cells RENAME COLUMN peak_bytes TO gone")
    history = read_history(tmp_path)
    assert history.problems == ()
    assert {found.peak_bytes for found in history.cells} == {None}


def test_a_format_without_a_needed_column_is_refused_with_both_versions(tmp_path: Path) -> None:
    row = write_session(tmp_path)
    with closing(sqlite3.connect(tmp_path / file_name(row), isolation_level=None)) as opened:
        opened.execute("PRAGMA user_version = 9")
        opened.execute("ALTER TABLE cells RENAME COLUMN label TO name")
    (problem,) = read_history(tmp_path).problems
    assert "has no column label (its format is 9, this pmat_nb reads 1)" in problem


@pytest.mark.skipif(os.name == "nt", reason="another platform: links need rights on Windows")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    row = write_session(tmp_path / "elsewhere")
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / file_name(row)).symlink_to(tmp_path / "elsewhere" / file_name(row))
    history = read_history(tmp_path / "h")
    assert history.sessions == ()
    assert len(history.problems) == 1


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_reported_or_harmless(tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "h"
    if not folder.exists():
        write_session(folder, 40)
        (tmp_path / "sound").write_bytes(next(folder.iterdir()).read_bytes())
    path = next(folder.iterdir())
    content = bytearray((tmp_path / "sound").read_bytes())
    flips = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(flips, min_size=1, max_size=30)):
        content[place] = value
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    history = read_history(folder)
    assert len(history.problems) <= 1
    for row in history.cells:
        assert isinstance(row.label, str)
        assert row.rss_after_bytes is None or isinstance(row.rss_after_bytes, int)
