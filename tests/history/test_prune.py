"""Pruning: what goes first, and what never goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmat_nb.engine.history import prune as prune_module
from pmat_nb.engine.history.process import ProcessKey, is_alive, machine_id, start_of, this_process
from pmat_nb.engine.history.prune import FOREIGN_GRACE_S, prune
from pmat_nb.engine.history.schema import file_name

from .support import session, write_session

NOW = 2_000_000_000.0


def dead(_: ProcessKey) -> bool:
    return False


def make(folder: Path, age_s: float, **changes: object) -> Path:
    path = folder / file_name(write_session(folder, **changes))
    os.utime(path, (NOW - age_s, NOW - age_s))
    return path


def test_the_oldest_go_until_the_number_fits(tmp_path: Path) -> None:
    paths = [make(tmp_path, age) for age in (50, 40, 30, 20, 10)]
    report = prune(tmp_path, max_sessions=2, clock=lambda: NOW, alive=dead)
    assert report.removed == tuple(path.name for path in paths[:3])
    assert (report.kept, report.problems) == (2, ())
    assert [path.exists() for path in paths] == [False, False, False, True, True]


def test_old_ones_go_by_age_and_large_folders_by_bytes(tmp_path: Path) -> None:
    old, middle, new = (make(tmp_path, age) for age in (1000, 100, 10))
    assert prune(tmp_path, max_age_s=500, clock=lambda: NOW, alive=dead).removed == (old.name,)
    size = new.stat().st_size
    report = prune(tmp_path, max_bytes=size, clock=lambda: NOW, alive=dead)
    assert report.removed == (middle.name,)
    assert (report.freed_bytes, report.kept_bytes) == (size, size)


def test_without_bounds_nothing_goes(tmp_path: Path) -> None:
    make(tmp_path, 10**9)
    assert prune(tmp_path, clock=lambda: NOW, alive=dead).removed == ()


def test_a_journal_goes_with_its_file(tmp_path: Path) -> None:
    path = make(tmp_path, 1000)
    Path(f"{path}-journal").write_bytes(b"x" * 100)
    report = prune(tmp_path, max_sessions=0, clock=lambda: NOW, alive=dead)
    assert report.freed_bytes > 100
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    ours = make(tmp_path, 1000)
    strangers = {
        "notes.sqlite3": b"SQLite format 3\0" + b"\0" * 84,
        "kernel-00000000-1-1-0123456789abcdef.sqlite3": b"SQLite format 3\0" + b"\0" * 84,
        "kernel-00000000-1-1-0123456789abcdee.sqlite3": b"text",
        "kernel-1.sqlite3": b"",
        "kernel-00000000-1-1-0123456789abcdef.sqlite3.bak": b"",
    }
    for name, content in strangers.items():
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "kernel-00000000-1-1-0123456789abcdea.sqlite3").mkdir()
    report = prune(tmp_path, max_sessions=0, clock=lambda: NOW, alive=dead)
    assert report.removed == (ours.name,)
    assert all((tmp_path / name).exists() for name in strangers)


@pytest.mark.skipif(os.name == "nt", reason="another platform: links need rights on Windows")
def test_a_link_with_our_name_stays_and_so_does_its_target(tmp_path: Path) -> None:
    target = make(tmp_path / "elsewhere", 1000)
    (tmp_path / "h").mkdir()
    link = tmp_path / "h" / target.name
    link.symlink_to(target)
    prune(tmp_path / "h", max_sessions=0, clock=lambda: NOW, alive=dead)
    assert link.is_symlink()
    assert target.exists()


def test_a_live_kernel_keeps_its_file_until_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        start = start_of(child.pid)
        assert start
        path = make(tmp_path, 10**8, pid=child.pid, start_cs=start)
        reused = make(tmp_path, 10**8, pid=child.pid, start_cs=start - 1000)
        assert prune(tmp_path, max_sessions=0).removed == (reused.name,)
        assert path.exists()
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert prune(tmp_path, max_sessions=0).removed == (path.name,)


def test_a_kernel_that_ended_but_was_not_waited_for_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"]) as child:
        key = ProcessKey(machine_id(), child.pid, start_of(child.pid) or 0)
        deadline = time.monotonic() + 20
        while is_alive(key) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert is_alive(key) is False  # a zombie: child.wait() comes after


def test_this_process_is_alive_and_other_machines_are_unknown() -> None:
    here = this_process()
    assert is_alive(here) is True
    assert is_alive(ProcessKey(here.machine, here.pid, here.start_cs + 10_000)) is False
    assert is_alive(ProcessKey("00000000", here.pid, here.start_cs)) is None


def test_a_file_from_elsewhere_counts_as_live_for_a_while(tmp_path: Path) -> None:
    fresh = make(tmp_path, FOREIGN_GRACE_S - 10, machine="00000000")
    stale = make(tmp_path, FOREIGN_GRACE_S + 10, machine="00000000")
    report = prune(tmp_path, max_sessions=0, clock=lambda: NOW)
    assert report.removed == (stale.name,)
    assert fresh.exists()


def test_a_file_that_cannot_be_removed_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, 1000)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(prune_module.Path, "unlink", refuse)
    report = prune(tmp_path, max_sessions=0, clock=lambda: NOW, alive=dead)
    assert report.removed == ()
    assert report.kept == 1
    assert report.problems == (f"{path.name} cannot be removed: Operation not permitted",)


def test_a_missing_folder_has_nothing_to_prune(tmp_path: Path) -> None:
    assert prune(tmp_path / "never made", max_sessions=0).kept == 0


@settings(max_examples=40, deadline=None)
@given(
    ages=st.lists(st.integers(0, 100), max_size=8),
    live=st.sets(st.integers(0, 7)),
    max_sessions=st.none() | st.integers(0, 8),
    max_age_s=st.none() | st.integers(0, 100),
)
def test_bounds_hold_for_the_ended_and_the_live_all_stay(
    tmp_path_factory: pytest.TempPathFactory,
    ages: list[int],
    live: set[int],
    max_sessions: int | None,
    max_age_s: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("h")
    for number, age in enumerate(ages):
        # Empty files are ours by name: what a kernel killed before its first row leaves.
        path = folder / file_name(session(pid=number))
        path.touch()
        os.utime(path, (NOW - age, NOW - age))
    report = prune(
        folder,
        max_sessions=max_sessions,
        max_age_s=max_age_s,
        clock=lambda: NOW,
        alive=lambda key: key.pid in live,
    )
    left = {int(path.name.split("-")[2]) for path in folder.iterdir()}
    assert report.kept == len(left)
    assert live & set(range(len(ages))) <= left
    ended = left - live
    if max_age_s is not None:
        assert all(ages[number] <= max_age_s for number in ended)
    if max_sessions is not None and ended:
        assert len(left) <= max_sessions
    gone = set(range(len(ages))) - left
    if gone and ended and max_age_s is None:
        assert min(ages[number] for number in gone) >= max(ages[number] for number in ended)


def test_session_files_name_their_process() -> None:
    row = session()
    assert str(row.pid) in file_name(row)
    assert row.process == this_process()
