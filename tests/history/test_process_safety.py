"""Kills, forks and full disks, with real processes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import pmat_nb.engine.history.worker  # noqa: F401 - not to be imported in a child
from pmat_nb.engine.history.database import HistoryFile
from pmat_nb.engine.history.reader import read_history
from pmat_nb.engine.history.store import CellItem, HistoryWriter

from .support import cell, session

pytestmark = pytest.mark.skipif(os.name == "nt", reason="another platform: POSIX signals and fork")
ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from tests.history.support import cell, session
from pmat_nb.engine.history.store import HistoryWriter
writer = HistoryWriter(
    sys.argv[1], session(), delay_s=0.0, source_mode="full", max_bytes=None
)
print("ready", flush=True)
number = 0
while True:
    number += 1
    writer.record_cell(cell(number), "x" * 20_000)
    if number % 3 == 0:
        writer.flush()
        print(number, flush=True)
"""


def test_kills_in_the_middle_of_writing_lose_nothing_that_was_flushed(tmp_path: Path) -> None:
    rng = random.Random(7)
    folder = tmp_path / "h"
    promised: dict[int, int] = {}
    for _ in range(15):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, cwd=ROOT
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            lines = [child.stdout.readline() for _ in range(rng.randrange(6))]
            time.sleep(rng.uniform(0.0, 0.02))
            child.send_signal(signal.SIGKILL)
            lines += child.stdout.read().splitlines(keepends=True)
        flushed = [int(line) for line in lines if line.endswith(b"\n")]
        promised[child.pid] = flushed[-1] if flushed else 0
    history = read_history(folder)
    assert history.problems == ()
    stored = {row.session_id: row.pid for row in history.sessions}
    for session_id, pid in stored.items():
        sequences = [row.sequence for row in history.cells if row.session_id == session_id]
        assert sequences == list(range(1, len(sequences) + 1))
        assert len(sequences) >= promised.pop(pid)
    assert not any(promised.values())
    assert all(row.ended_at is None for row in history.sessions)
    assert len(history.cells) > 30


def test_a_half_written_file_is_read_as_before_the_write(tmp_path: Path) -> None:
    """What a kill between two page writes leaves: a journal that must be played back."""
    row = session()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            file = HistoryFile(tmp_path, row, max_cells=100_000)
            file.write([CellItem(cell(n), None, None, "hash") for n in range(1, 4)], [])
            inner = file._connection
            inner.execute("PRAGMA cache_size = 1")  # spill: pages reach the file uncommitted
            inner.execute("BEGIN IMMEDIATE")
            inner.execute("UPDATE cells SET label = 'torn'")
            inner.executemany(
                "INSERT INTO events VALUES (?, 1.0, 'torn', ?)",
                [(n, '{"x":"' + "y" * 3000 + '"}') for n in range(1, 200)],
            )
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    path = next(tmp_path.glob("*.sqlite3"))
    assert Path(f"{path}-journal").stat().st_size > 0
    with (
        pytest.raises(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as plain,
    ):
        plain.execute("SELECT * FROM cells").fetchall()
    before = {found.name: found.read_bytes() for found in tmp_path.iterdir()}
    history = read_history(tmp_path)
    assert history.problems == ()
    assert [found.label for found in history.cells] == ["In[1]", "In[2]", "In[3]"]
    assert history.events == ()
    assert before == {found.name: found.read_bytes() for found in tmp_path.iterdir()}


def test_a_forked_child_writes_nothing_and_does_no_harm(tmp_path: Path) -> None:
    problems: list[str] = []
    writer = HistoryWriter(tmp_path, session(), delay_s=0.0, on_error=problems.append)
    writer.record_cell(cell(1))
    assert writer.flush()
    for number in range(2, 40):
        for _ in range(20):
            writer.record_cell(cell(number))
        child = os.fork()  # while the thread is writing
        if child == 0:
            code = 1
            with contextlib.suppress(BaseException):
                writer.record_cell(cell(9999))
                writer.record_event("child", {})
                assert not writer.active
                assert writer.flush() is False
                writer.close()
                _use_sqlite()
                code = 0
            os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    writer.close()
    assert problems == []
    history = read_history(tmp_path)
    assert history.problems == ()
    assert len(history.cells) == 1 + 38 * 20
    assert not any(row.label == "In[9999]" for row in history.cells)
    assert history.events == ()


def test_a_child_forked_before_the_first_row_writes_nothing_either(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, session())
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            writer.record_cell(cell(1))
            time.sleep(0.7)  # longer than rows wait
            writer.close()
        os._exit(0)
    os.waitpid(child, 0)
    assert list(tmp_path.iterdir()) == []
    writer.record_cell(cell(2))
    writer.close()
    assert [row.label for row in read_history(tmp_path).cells] == ["In[2]"]


def test_a_child_that_ends_normally_leaves_the_parents_file_whole(tmp_path: Path) -> None:
    """Its interpreter tears down every object it inherited, at a moment of writing."""
    code = f"""
import os, sys
from tests.history.support import cell, session
from pmat_nb.engine.history.store import HistoryWriter
writer = HistoryWriter({str(tmp_path)!r}, session(), delay_s=0.0)
for number in range(30):
    for _ in range(10):
        writer.record_cell(cell(number))
    if os.fork() == 0:
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
writer.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
    history = read_history(tmp_path)
    assert history.problems == ()
    assert len(history.cells) == 300
    assert history.sessions[0].ended_at is not None


def test_a_full_disk_switches_history_off_with_the_reason(tmp_path: Path) -> None:
    code = f"""
import resource
from tests.history.support import cell, session
from pmat_nb.engine.history.store import HistoryWriter
writer = HistoryWriter({str(tmp_path)!r}, session(), source_mode="full", on_error=print)
writer.record_cell(cell(1))
assert writer.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for number in range(2, 400):
    writer.record_cell(cell(number), str(number) * 1000)
    if number % 10 == 0:
        writer.flush()
writer.close()
print("the cells went on")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    first, second = done.stdout.splitlines()
    assert first.startswith("history is off for this session: ")
    assert second == "the cells went on"
    assert done.stderr == ""
    history = read_history(tmp_path)
    assert history.problems == ()
    assert len(history.cells) >= 1


def test_a_read_only_home_switches_history_off_with_the_reason() -> None:
    read_end, write_end = os.pipe()
    row = session()
    # Not tmp_path: root's temporary folders are closed to the user this child becomes.
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        home.chmod(0o555)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                if os.geteuid() == 0:
                    os.seteuid(65534)
                writer = HistoryWriter(home / "pmat_nb", row, on_error=_sender(write_end))
                writer.record_cell(cell(1))
                assert writer.flush() is False
                writer.close()
                os.write(write_end, b"the cell went on")
            os._exit(0)
        os.close(write_end)
        os.waitpid(child, 0)
        with open(read_end, "rb") as pipe:  # noqa: PTH123 - a descriptor, not a path
            told = pipe.read().decode()
        assert list(home.iterdir()) == []
        home.chmod(0o755)
    assert told.startswith("history is off for this session: ")
    assert "pmat_nb cannot be made or used (Permission denied); set XDG_STATE_HOME" in told
    assert told.count("history is off") == 1
    assert told.endswith("the cell went on")


def _sender(descriptor: int) -> Callable[[str], None]:
    def send(text: str) -> None:
        os.write(descriptor, text.encode() + b"\n")

    return send


def _use_sqlite() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE TABLE t (x)")
        memory.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)])
