"""The signing key: private, made once, never replaced."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pmat_nb.engine.snapshot import load_key
from pmat_nb.engine.snapshot.signing import fastest_hash, key_id, sign
from pmat_nb.errors import StateFileError

from .support import ROOT

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="another platform: POSIX modes")


def test_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "state.key"
    key = load_key(path, create=True)
    assert len(key) == 32
    assert load_key(path, create=True) == load_key(path, create=False) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]


def test_many_processes_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "state.key"
    code = (
        "import sys; from pathlib import Path; from pmat_nb.engine.snapshot import load_key; "
        "sys.stdin.readline(); print(load_key(Path(sys.argv[1]), create=True).hex())"
    )
    command = [sys.executable, "-c", code, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    children = [subprocess.Popen(command, **pipes) for _ in range(6)]  # type: ignore[call-overload]
    for process in children:
        process.stdin.write("go\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=60)[0] for process in children}
    assert keys == {path.read_bytes().hex() + "\n"}
    assert [*path.parent.iterdir()] == [path]


def test_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "state.key"
    assert load_key(path, create=True) == load_key(path, create=False)


@POSIX
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state.key"
    load_key(path, create=True)
    path.chmod(mode)
    with pytest.raises(StateFileError, match=f"open to others \\(mode {mode:04o}\\)"):
        load_key(path, create=True)


def test_what_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="no signing key"):
        load_key(tmp_path / "missing", create=False)
    short = tmp_path / "short"
    short.write_bytes(b"x" * 31)
    short.chmod(0o600)
    with pytest.raises(StateFileError, match="31 bytes, not 32"):
        load_key(short, create=True)
    with pytest.raises(StateFileError):
        load_key(tmp_path, create=True)
    with pytest.raises(StateFileError, match="cannot create"):
        load_key(Path("/proc/no-such-folder/state.key"), create=True)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "fifo", 0o600)
        with pytest.raises(StateFileError, match="not a regular file"):
            load_key(tmp_path / "fifo", create=True)


def test_signature_and_fingerprint() -> None:
    one, two = b"1" * 32, b"2" * 32
    assert sign(one, b"data") == sign(one, b"data") != sign(two, b"data")
    assert key_id(one) != key_id(two)
    assert len(key_id(one)) == 16
    assert one[:4] not in key_id(one)


@pytest.mark.parametrize("fast", ["sha256", "blake2b"])
def test_the_faster_hash_is_taken(fast: str) -> None:
    spent = {"sha256": [0.0, 2.0], "blake2b": [10.0, 13.0]}
    if fast == "blake2b":
        spent["blake2b"] = [10.0, 11.0]
    times = iter(spent["sha256"] + spent["blake2b"])
    assert fastest_hash(lambda: next(times)) == fast
