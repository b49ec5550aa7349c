"""Entries on disk, on real files: full disks, damaged files, killed processes."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pmat_nb.engine.paths import Folder
from pmat_nb.engine.pools.compress import codec
from pmat_nb.engine.pools.entry import MISS
from pmat_nb.engine.pools.pool import Pool
from pmat_nb.engine.pools.spill import Swap
from pmat_nb.engine.pools.swap_folders import own_dir, remove_orphans, swap_dir

MB = 1024**2


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Swapping:
    """A pool of 10 MB that swaps above 8, in a folder of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.said: list[str] = []
        self.folder = folder
        self.clock = Clock()
        self.swap = Swap(
            self.said.append,
            folder=lambda: Folder(folder),
            namespace={},
            clock=self.clock,
            free_bytes=lambda path: options.pop("free", 10**12),
            codec=codec(options.pop("compression", None)),
        )
        self.pool = Pool("cache", 10 * MB, "fixed", size_of=self.size_of, swap=self.swap)
        self.pool.swap_above_bytes = 8 * MB
        self.store = self.pool.store("put", recomputes=False)

    @staticmethod
    def size_of(key: object, value: Any) -> tuple[int, bool]:
        return getattr(value, "nbytes", 1000), True

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir())


@pytest.fixture
def swapping(tmp_path: Path) -> Iterator[Swapping]:
    made = Swapping(tmp_path)
    yield made
    made.pool.close()
    made.swap.close()


def block(n: int) -> Any:
    return np.full(3 * MB // 8, float(n))


def fill(swapping: Swapping, count: int = 5) -> None:
    fill_from(swapping, 0, count)


def fill_from(swapping: Swapping, first: int, end: int) -> None:
    for n in range(first, end):
        assert swapping.store.keep(n, block(n))


def test_above_the_threshold_entries_go_to_disk_and_come_back_equal(swapping: Swapping) -> None:
    fill(swapping)
    info = swapping.store.info()
    assert info.entries == 5 and info.swapped == 3
    assert info.used_bytes == swapping.pool.used_bytes == 6 * MB
    assert info.swapped_bytes >= 9 * MB
    for path in swapping.files():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for n in range(5):
        found = swapping.store.lookup(n)
        assert (found == block(n)).all() and found.flags.writeable
    assert swapping.store.info().hits == 5 and swapping.store.info().misses == 0
    assert len(swapping.files()) == 3 and not swapping.said


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame(
            {"n": range(50_000), "s": ["text"] * 50_000, "c": pd.Categorical(["a"] * 50_000)}
        ),
        pd.Series(pd.date_range("2024", periods=20_000, tz="UTC")),
        pa.table({"a": list(range(20_000)), "b": ["x", None] * 10_000}),
        np.asfortranarray(np.arange(200_000.0).reshape(400, 500)),
        np.array([{"a": 1}, None, "x"], object),
        {"nested": [np.arange(100_000), {"deep": (1, 2.5, "three", b"four")}]},
        [1, "two", {3.0}],
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_all_kinds_come_back_equal(tmp_path: Path, value: Any, compression: Any) -> None:
    swap = Swapping(tmp_path, compression=compression).swap
    spilled = swap.write(value, 1000)
    assert spilled
    found = swap.read(spilled)
    assert found is not None and not list(tmp_path.iterdir())
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(found[0], value)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(found[0], value)
    elif isinstance(value, pa.Table):
        assert found[0].equals(value)
    elif isinstance(value, dict):
        assert (found[0]["nested"][0] == value["nested"][0]).all()
        assert found[0]["nested"][1] == value["nested"][1]
    elif isinstance(value, np.ndarray):
        assert (found[0] == value).all() and found[0].dtype == value.dtype
    else:
        assert found[0] == value


def test_compression_makes_files_smaller(tmp_path: Path) -> None:
    swapping = Swapping(tmp_path, compression="zlib")
    spilled = swapping.swap.write(np.zeros(MB), 8 * MB)
    assert spilled and spilled.file_bytes < MB


class Stubborn:
    nbytes = 3 * MB

    def __reduce__(self) -> Any:
        raise TypeError("no")


def test_pinned_entries_and_what_cannot_be_pickled_stay(swapping: Swapping) -> None:
    assert swapping.store.keep("pinned", block(7), pinned=True)

    assert swapping.store.keep("stubborn", Stubborn())
    fill(swapping, 4)
    assert swapping.store.entries["pinned"].spilled is None
    assert isinstance(swapping.store.lookup("stubborn"), Stubborn)
    assert len(swapping.said) == 1 and "cache:put: 'stubborn'" in swapping.said[0]
    swapping.store.choose("fifo")
    fill(swapping, 4)
    assert len(swapping.said) == 1
    # There is room for one more beside these two.
    assert [(swapping.store.lookup(n) == block(n)).all() for n in range(4)] == [True] * 4


def test_a_result_that_cannot_be_pickled_goes(swapping: Swapping) -> None:
    results = swapping.pool.store("f")
    assert results.keep("stubborn", Stubborn())
    fill(swapping, 3)
    assert results.lookup("stubborn") is MISS and not swapping.said


def test_what_a_variable_holds_is_not_written(swapping: Swapping) -> None:
    mine = block(0)
    assert swapping.store.keep(0, mine)
    fill_from(swapping, 1, 4)
    assert swapping.store.lookup(0) is mine
    assert swapping.store.info().swapped == 2
    held = [block(n) for n in range(2)]
    swapping.store.clear()
    assert swapping.store.keep("a", held[0]) and swapping.store.keep("b", held[1])
    assert swapping.store.keep("c", mine)  # above the threshold, below the limit
    assert not swapping.store.keep("d", block(4))
    assert swapping.store.info().swapped == 0
    del held[0]
    assert swapping.store.keep("d", block(4)) and swapping.store.info().swapped == 1


def test_shrinking_writes_what_was_put(swapping: Swapping) -> None:
    fill(swapping, 2)
    assert swapping.pool.shrink(0.0) == 6 * MB
    assert swapping.store.info().swapped == 2
    assert (swapping.store.lookup(0) == block(0)).all()


def test_a_file_size_limit_keeps_the_entry_in_memory_and_is_reported(swapping: Swapping) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MB, hard))
    try:
        fill(swapping, 3)
        # What is there already stays; what there is no room for is refused.
        assert not swapping.store.keep("more", block(9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert [(swapping.store.lookup(n) == block(n)).all() for n in range(3)] == [True] * 3
    assert len(swapping.said) == 1 and "stays in memory" in swapping.said[0]
    assert not swapping.files()
    # After a minute the disk is tried again.
    swapping.clock.now += 61
    assert swapping.store.keep("more", block(9)) and len(swapping.files()) >= 1


def test_a_disk_that_would_run_full_is_left_alone(tmp_path: Path) -> None:
    swapping = Swapping(tmp_path, free=100 * MB)
    fill(swapping, 3)
    assert len(swapping.said) == 1 and "free" in swapping.said[0] and not swapping.files()
    assert swapping.store.info().entries == 3


def test_a_folder_that_cannot_be_had_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    swapping = Swapping(tmp_path)
    swapping.swap._ask_folder = lambda: Folder(None, "no home folder")
    fill(swapping, 3)
    assert "no home folder" in swapping.said[0] and swapping.store.info().entries == 3


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "replaced"])
def test_a_damaged_file_is_reported_and_counts_as_a_miss(swapping: Swapping, damage: str) -> None:
    fill(swapping, 3)
    (path,) = swapping.files()
    if damage == "flip":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "replaced":
        import pickle

        path.write_bytes(pickle.dumps(Bomb()) + bytes(4 * MB))
    else:
        path.unlink()
    assert swapping.store.lookup(0) is MISS
    assert len(swapping.said) == 1 and "counts as missed" in swapping.said[0]
    assert swapping.store.info().misses == 1 and 0 not in swapping.store
    assert (swapping.store.lookup(1) == block(1)).all()
    assert not Bomb.went_off


class Bomb:
    went_off = False

    def __reduce__(self) -> Any:
        return (setattr, (Bomb, "went_off", True))


def test_removing_clearing_and_closing_remove_the_files(swapping: Swapping) -> None:
    fill(swapping, 5)
    swapping.store.remove(0)
    assert len(swapping.files()) == 2
    swapping.store.clear()
    assert not swapping.files() and swapping.pool.used_bytes == 0
    fill(swapping, 5)
    swapping.pool.close()
    swapping.swap.close()
    assert not swapping.folder.exists()


def test_an_entry_larger_than_the_room_is_passed_through(swapping: Swapping) -> None:
    fill(swapping, 3)
    swapping.store.keep("pinned", np.ones(3 * MB // 8), pinned=True)
    assert swapping.pool.charge(6 * MB) is None  # kept outside the stores
    assert (swapping.store.lookup(0) == block(0)).all()
    assert (swapping.store.lookup(0) == block(0)).all()
    assert swapping.store.info().hits == 2


def test_a_forked_child_leaves_the_files_alone(swapping: Swapping) -> None:
    fill(swapping, 4)
    before = swapping.files()
    pid = os.fork()
    if not pid:
        swapping.store.clear()
        swapping.swap.close()
        os._exit(0)
    os.waitpid(pid, 0)
    assert swapping.files() == before and len(before) == 2


CHILD = """
import os, signal, numpy as np
from pmat_nb.engine.pools.spill import Swap
swap = Swap(print, namespace={}, free_bytes=lambda path: 10**12)
assert swap.write(np.ones(100_000), 800_000) and swap.write(np.ones(100_000), 800_000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else() -> None:
    child = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
    assert child.returncode == -signal.SIGKILL, child.stderr
    base = swap_dir().path
    assert base is not None
    (orphan,) = base.iterdir()
    (orphan / "notes.txt").write_text("not ours")
    mine = own_dir().path
    assert mine is not None
    (mine / "000001.swap").write_bytes(b"alive")
    files, nbytes = remove_orphans()
    assert files == 2 and nbytes > 1_600_000
    assert [path.name for path in orphan.iterdir()] == ["notes.txt"]
    assert (mine / "000001.swap").exists()
    assert remove_orphans() == (0, 0)


def test_of_another_boot_only_what_is_old_goes(tmp_path: Path) -> None:
    folder = tmp_path / "00000000-1-1"
    folder.mkdir()
    (folder / "000001.swap").write_bytes(b"x")
    now = folder.stat().st_mtime
    assert remove_orphans(tmp_path, now=lambda: now + 86400) == (0, 0)
    assert remove_orphans(tmp_path, now=lambda: now + 8 * 86400) == (1, 1)
