"""Whole or not at all: targets, rights, full disks, kills, and saves at the same time."""

from __future__ import annotations

import errno
import io
import os
import signal
import stat
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import pytest

from pmat_nb.engine import snapshot
from pmat_nb.engine.snapshot import atomic, load
from pmat_nb.errors import MemoryLimitExceeded, StateFileError

from .support import Folder, child, run

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="another platform: Linux files")


def test_private_whatever_the_umask(folder: Folder) -> None:
    old = os.umask(0)
    try:
        folder.save({"a": 1})
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o600
    assert folder.leftovers() == []


def test_targets_that_are_left_alone(folder: Folder) -> None:
    mine = folder.folder / "data.csv"
    mine.write_text("a,b\n")
    link = folder.folder / "link.pmat"
    link.symlink_to(mine)
    dangling = folder.folder / "dangling.pmat"
    dangling.symlink_to(folder.folder / "nowhere")
    for path, match in [
        (mine, "exists and is not a saved state"),
        (link, "symbolic link to .*data.csv"),
        (dangling, "symbolic link"),
        (folder.folder, "not a regular file"),
        (folder.folder / "missing" / "state.pmat", "folder .*missing does not exist"),
        (Path("a\0b"), "null"),
        (mine / "below", "cannot save"),
    ]:
        with pytest.raises(StateFileError, match=match):
            snapshot.save({"a": 1}, path, key_path=folder.key)
    assert mine.read_text() == "a,b\n"
    assert not (folder.folder / "nowhere").exists()
    assert folder.leftovers() == []


def test_a_link_in_the_way_at_the_last_moment_is_replaced_not_followed(folder: Folder) -> None:
    mine = folder.folder / "data.csv"
    mine.write_text("a,b\n")

    class Plants:
        def __reduce__(self) -> object:
            folder.path.unlink(missing_ok=True)
            folder.path.symlink_to(mine)
            return int, (1,)

    folder.save({"a": Plants()})
    assert mine.read_text() == "a,b\n"
    assert not folder.path.is_symlink()
    assert folder.restore() == {"a": 1}


def test_a_relative_path_is_meant_where_the_save_began(folder: Folder) -> None:
    home = Path.cwd()
    os.chdir(folder.folder)

    class Moves:
        def __reduce__(self) -> object:
            os.chdir(home)
            return int, (1,)

    try:
        snapshot.save({"a": Moves()}, Path("state.pmat"), key_path=folder.key)
    finally:
        os.chdir(home)
    assert folder.restore() == {"a": 1}


@LINUX
def test_read_only_folder() -> None:
    code = """
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            snapshot.save({"a": 2}, path, key_path=key)
        except StateFileError as error:
            print(error)
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        folder.save({"a": 1})
        if os.geteuid() == 0:
            for path in (folder.path, folder.key.parent, folder.key):
                os.chown(path, 65534, 65534)
        folder.folder.chmod(0o555)
        text = run(folder, code)
        folder.folder.chmod(0o755)
    assert f"cannot save to {folder.path}: Permission denied; the folder" in text
    assert "must be writable. Nothing was changed" in text


@LINUX
def test_a_file_size_limit_leaves_the_old_state(folder: Folder) -> None:
    folder.save({"a": 1})
    code = """
        import resource, numpy
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            snapshot.save({"ok": 1, "a": numpy.arange(500_000)}, path, key_path=key)
        except StateFileError as error:
            print(error)
    """
    text = run(folder, code)
    assert "File too large; raise the file size limit (ulimit -f). Nothing was changed" in text
    assert folder.restore() == {"a": 1}
    assert folder.leftovers() == []


@LINUX
def test_a_full_disk_is_not_taken_for_a_bad_variable(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.save({"a": 1})

    class Full(atomic.Replacement):
        def __init__(self, target: Path) -> None:
            super().__init__(target)
            self.file.close()
            self.file = io.FileIO("/dev/full", "r+b")
            self.file.write = lambda data: 0 if len(data) == 16 else os.write(fd, data)  # type: ignore[method-assign]
            fd = self.file.fileno()

    from pmat_nb.engine.snapshot import writer

    monkeypatch.setattr(writer, "Replacement", Full)
    with pytest.raises(StateFileError, match="No space left on device; free some space") as caught:
        folder.save({"a": 2, "b": np.arange(200_000)})
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert folder.restore() == {"a": 1}
    assert folder.leftovers() == []


SLOW = """
import numpy
class Slow:
    calls = 0
    def __reduce__(self):
        Slow.calls += 1
        if Slow.calls > 1:
            print("writing", flush=True)
            sys.stdin.readline()
        return int, (int(sys.argv[3]) if len(sys.argv) > 3 else 2,)
values = {"array": numpy.arange(1_000_000), "slow": Slow()}
"""


@LINUX
def test_killed_in_the_middle(folder: Folder) -> None:
    folder.save({"a": 1})
    before = folder.path.read_bytes()
    code = SLOW + "snapshot.save(values, path, key_path=key)"
    process = child(folder, code, stdin=-1)
    assert process.stdout.readline() == "writing\n"
    assert len(folder.leftovers()) == 1
    assert atomic.remove_leftovers(folder.folder) == [], "a save under way is no leftover"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert folder.path.read_bytes() == before
    (left,) = folder.leftovers()
    assert (folder.folder / left).stat().st_size > 7_000_000
    assert folder.restore() == {"a": 1}

    decoy = folder.folder / ".pmat-save-notes.tmp"
    decoy.write_text("not ours")
    folder.save({"a": 2})
    assert folder.leftovers() == [decoy.name]
    assert folder.restore() == {"a": 2}


@LINUX
def test_two_saves_at_once(folder: Folder) -> None:
    code = SLOW + "snapshot.save(values, path, key_path=key)"
    one = child(folder, code, stdin=-1)
    assert one.stdout.readline() == "writing\n"
    folder.save({"mine": 1})
    assert folder.restore() == {"mine": 1}
    _, err = one.communicate("go\n", timeout=60)
    assert one.returncode == 0, err
    assert folder.restore()["slow"] == 2
    assert folder.leftovers() == []


def test_many_saves_at_once_leave_one_whole_file(folder: Folder) -> None:
    failures: list[BaseException] = []

    def saves(number: int) -> None:
        try:
            for _ in range(5):
                folder.save({"n": number, "a": np.full(50_000, number)}, durable=False)
                back = folder.restore()
                assert set(back["a"]) == {back["n"]}
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=saves, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert folder.leftovers() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryLimitExceeded("over")])
def test_an_interrupted_save_leaves_the_old_state(folder: Folder, error: BaseException) -> None:
    folder.save({"a": 1})

    class Stops:
        def __reduce__(self) -> object:
            raise error

    with pytest.raises((KeyboardInterrupt, MemoryLimitExceeded)):
        folder.save({"big": np.arange(200_000), "a": Stops()})
    assert folder.restore() == {"a": 1}
    assert folder.leftovers() == []


def test_an_array_that_changes_while_it_is_saved_gives_a_valid_file(folder: Folder) -> None:
    array = np.zeros(4_000_000, dtype="u1")
    stop = threading.Event()

    def scribble() -> None:
        number = 0
        while not stop.is_set():
            number = (number + 1) % 256
            array[:] = number

    thread = threading.Thread(target=scribble)
    thread.start()
    try:
        for _ in range(5):
            folder.save({"a": array}, durable=False)
            assert folder.restore()["a"].shape == array.shape
    finally:
        stop.set()
        thread.join()


def test_groups_of_many_chunks(folder: Folder) -> None:
    """Digests cover every boundary: buffers and stream pieces over several chunks."""
    rng = np.random.default_rng(1)
    sizes = (70_000, 20_000_000, 8 * 1024**2)
    value = {
        "arrays": [rng.integers(0, 256, size, dtype="u1") for size in sizes],
        "bytes": [rng.bytes(size) for size in (10, 9_000_000, 70_000)],
        "texts": ["é" * 5_000_000, "x" * 9_000_000],
    }
    back = folder.round_trip(value)
    assert back["bytes"] == value["bytes"]
    assert back["texts"] == value["texts"]
    assert all(map(np.array_equal, back["arrays"], value["arrays"]))


def test_stream_reader_serves_every_kind_of_read() -> None:
    stream = load.StreamReader()
    for piece in (b"ab", b"c\nde", b"f"):
        stream.append(memoryview(piece))
    assert stream.readline() == b"abc\n"
    target = bytearray(2)
    assert stream.readinto(target) == 2
    assert target == b"de"
    assert stream.read(5) == b"f"
    assert stream.read(1) == b""
    assert stream.readline() == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="another platform: no fork")
def test_restored_arrays_are_not_shared_with_forked_children(folder: Folder) -> None:
    folder.save({"a": np.zeros(1_000_000)})
    code = """
        back = {}
        snapshot.restore(path, into=back, key_path=key)
        pid = os.fork()
        if pid == 0:
            back["a"][:] = 7
            os._exit(0)
        os.waitpid(pid, 0)
        print(back["a"].sum())
    """
    assert run(folder, code) == "0.0\n"


def test_an_error_of_the_early_sync_is_not_lost(folder: Folder) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    with atomic.Replacement(folder.path) as replacement:
        replacement._syncing = atomic._OneAtATime(fail)
        replacement.start_sync()
        with pytest.raises(OSError, match="Input/output error"):
            replacement.sync()
    assert folder.leftovers() == []
