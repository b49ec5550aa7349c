"""The state and runtime folders: where they are, and why there is none."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pmat_nb.engine.paths import history_dir, make_private, runtime_dir, settings_file, state_dir

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: XDG folders are Linux"
)


def test_folders_are_made_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    found = history_dir()
    assert (found.path, found.reason) == (tmp_path / "state" / "pmat_nb" / "history", "")
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(found.path.parent.stat().st_mode) == 0o700


def test_asking_only_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert history_dir(create=False).path == tmp_path / "pmat_nb" / "history"
    assert list(tmp_path.iterdir()) == []


def test_without_home_and_account_there_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    def nobody(_: int) -> object:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with contextlib.chdir(tmp_path):
        found = state_dir()
    assert found.path is None
    assert found.reason.startswith("no home folder: ")
    assert "XDG_STATE_HOME" in found.reason
    assert list(tmp_path.iterdir()) == []  # above all no folder named "~"


def test_with_home_unset_the_account_says_where(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG")}
    environ.pop("HOME", None)
    code = (
        "from pmat_nb.engine.paths import state_dir; found = state_dir(create=False);"
        "print(found.path or found.reason)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("pmat_nb") or "no home folder" in done.stdout


def test_a_home_that_is_a_file_or_missing_device_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert "Not a directory" in state_dir().reason
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert history_dir().path is None
    assert "cannot be made or used" in history_dir().reason


def test_someone_elses_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert "belongs to another user" in make_private(tmp_path)


def test_an_open_folder_of_ours_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "pmat_nb"
    folder.mkdir()
    folder.chmod(0o777)
    assert make_private(folder) == ""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_runtime_folder_lies_in_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    found = runtime_dir()
    assert found.path == tmp_path / "run" / "pmat_nb"
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o700


def test_older_platformdirs_leave_the_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_state_dir", lambda *_, **__: "~/.local/state/pmat_nb")
    with contextlib.chdir(tmp_path):
        found = state_dir()
    assert found.path is None
    assert "HOME is not set" in found.reason
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_runtime_folder_others_can_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    found = runtime_dir()
    assert found.path is not None
    assert not found.path.is_relative_to(tmp_path / "run")
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o700


@pytest.mark.parametrize("xdg", [None, "", "relative", "/etc/xdg-user"])
def test_the_settings_file_is_where_platformdirs_says(
    monkeypatch: pytest.MonkeyPatch, xdg: str | None
) -> None:
    import platformdirs

    if xdg is not None:
        monkeypatch.setenv("XDG_CONFIG_HOME", xdg)
    found = settings_file()
    expected = Path(platformdirs.user_config_dir("pmat_nb")) / "pmat.toml"
    # Older releases take a relative folder as it is, which the XDG rules forbid.
    assert found == (expected if xdg != "relative" else Path.home() / ".config/pmat_nb/pmat.toml")


def test_without_a_home_there_is_no_settings_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> object:
        raise KeyError("uid not found")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert settings_file() is None
