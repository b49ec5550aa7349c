"""Recovery removes what is ours and dead, sets settings aside, and touches nothing else."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from pmat_nb.cli.main import main
from pmat_nb.engine.history.process import this_process
from pmat_nb.engine.paths import settings_file, state_dir
from pmat_nb.engine.pools.swap_folders import swap_dir

from .test_beacon import ended, write


def recover(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["recover", "--format", "json", *words]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    return {step["what"]: step for step in steps}


def old(path: Path) -> Path:
    long_ago = time.time() - 3 * 86400
    os.utime(path, (long_ago, long_ago), follow_symlinks=False)
    return path


@pytest.fixture
def temporary(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = isolated / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def swapped(pid: int, start_cs: int) -> Path:
    parent = swap_dir().path
    assert parent is not None
    folder = parent / f"{this_process().machine}-{pid}-{start_cs}"
    folder.mkdir(mode=0o700)
    (folder / "1.swap").write_bytes(b"x" * 1000)
    (folder / "mine.txt").write_text("not pmat_nb's")
    return folder


def test_what_dead_kernels_left_goes_and_the_rest_stays(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, me = ended(), this_process()
    dead, alive = swapped(gone.pid, gone.start_cs), swapped(me.pid, me.start_cs)
    stale, own = write(ended()), write()
    shown = recover(capsys, "--dry-run")
    assert shown["swap files of dead kernels"]["files"] == 1
    assert (dead / "1.swap").exists() and stale.exists() and not settings_file().exists()  # type: ignore[union-attr]
    done = recover(capsys)
    assert done["swap files of dead kernels"]["freed_bytes"] == 1000
    assert done["last samples of dead kernels"]["files"] == 1
    assert not (dead / "1.swap").exists() and (dead / "mine.txt").exists()
    assert (alive / "1.swap").exists() and own.exists() and not stale.exists()


def test_temporary_folders_go_when_they_are_ours_and_old(
    temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def folder(name: str, mode: int = 0o700) -> Path:
        path = temporary / name
        path.mkdir(mode=mode)
        path.chmod(mode)
        old(path / "allocations") if (path / "allocations").write_bytes(b"y" * 10) else None
        return old(path)

    ours, another, open_to_all = folder("pmat_nb-1"), folder("other-1"), folder("pmat_nb-2", 0o755)
    fresh = folder("pmat_nb-3")
    os.utime(fresh / "allocations")
    linked = temporary / "pmat_nb-4"
    linked.symlink_to(another)
    inside = folder("pmat_nb-5")
    (inside / "link").symlink_to(another / "allocations")
    old(inside / "link")
    old(inside)
    done = recover(capsys)
    assert done["temporary files"]["files"] == 2
    assert not ours.exists() and fresh.exists() and open_to_all.exists()
    assert linked.is_symlink() and (another / "allocations").exists()
    assert (inside / "link").is_symlink() and not (inside / "allocations").exists()


def test_unfinished_saves_go(temporary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = state_dir().path
    assert state is not None
    (state / "saved").mkdir()
    part, whole = state / "saved" / ".pmat-save-1", state / "saved" / "x.pmat"
    for path in (part, whole):
        path.write_bytes(b"z")
        old(path)
    assert recover(capsys)["unfinished saves"]["files"] == 1
    assert whole.exists() and not part.exists()


@pytest.mark.parametrize("content", ['[memory]\nmax_total = "2GB"\n', "not [ toml", "\x00\xff"])
def test_settings_are_set_aside_whole(
    content: str, temporary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings_file()
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    recover(capsys)
    (backup,) = path.parent.glob("*.bak")
    assert backup.read_text(encoding="utf-8") == content
    assert 'profile = "minimal"' in path.read_text()
    # Once more there is nothing to do.
    assert "already" in recover(capsys)["your settings"]["note"]
    assert len(list(path.parent.iterdir())) == 2


def test_settings_that_are_a_link_leave_what_they_point_to(
    temporary: Path, isolated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, kept = settings_file(), isolated / "dotfiles.toml"
    assert path is not None
    path.parent.mkdir(parents=True)
    kept.write_text('[memory]\nmax_total = "2GB"\n')
    path.symlink_to(kept)
    recover(capsys)
    assert kept.read_text() == '[memory]\nmax_total = "2GB"\n'
    assert not path.is_symlink() and 'profile = "minimal"' in path.read_text()


def test_a_swap_folder_that_is_a_link_is_not_entered(
    temporary: Path, isolated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parent, gone = swap_dir().path, ended()
    assert parent is not None
    elsewhere = isolated / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious.swap").write_text("mine")
    (parent / f"{gone.machine}-{gone.pid}-1").symlink_to(elsewhere)
    recover(capsys)
    assert (elsewhere / "precious.swap").exists()
