"""The beacon's file: whole, private, told from what is stale, damaged, or somebody else's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pmat_nb.engine import beacon
from pmat_nb.engine.beacon import Beacon, beacon_dirs, encode, read_signs, remove_stale
from pmat_nb.engine.history.process import ProcessKey, machine_id, this_process
from pmat_nb.engine.record_json import from_plain, to_plain
from pmat_nb.engine.records import GcState, Limit, Pressure
from pmat_nb.engine.stats_records import PoolItem, PoolRecord, StatsRecord

HEAD = {
    "kernel_id": "abc",
    "connection_file": "/run/kernel-abc.json",
    "notebook": "tour.ipynb",
    "notebook_key": "/srv/tour.ipynb",
    "notebook_source": "jupyter",
    "python": sys.executable,
    "pmat": "0.1.0",
    "busy": False,
    "left_out": [7],
    "bounds": [0.3, 0.6, 0.8],
}


def record() -> StatsRecord:
    pool = PoolRecord(
        "cache", "caches & Out", 9, 8, 7, 6, "exact", 5.5, None, 0.5, True, "adaptive",
        items=(PoolItem("Out[1]", 3),),
    )  # fmt: skip
    values = dict.fromkeys(StatsRecord._fields)
    values |= {
        "timestamp": time.time(),
        "rss_bytes": 10**9,
        "limit": Limit(2 * 10**9, "auto", True),
        "pressure": Pressure(0.5, "MEDIUM", {"kernel": 0.5, "psi": None}),
        "pools": (pool,),
        "gc": GcState(True, (1, 2, 3), (700, 10, 10), 0),
        **dict.fromkeys(("variables", "devices", "allocators", "children", "limits", "notes"), ()),
        "more_variables": (),
    }
    return StatsRecord(**values)  # type: ignore[arg-type]


def write(key: ProcessKey | None = None, **changes: object) -> Path:
    made = Beacon(key or this_process())
    made.write({**HEAD, **changes}, encode(record()), None)
    assert made._path is not None
    return made._path


def ended() -> ProcessKey:
    """A process that was there a moment ago."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return ProcessKey(machine_id(), child.pid, 1)


def test_a_record_comes_back_as_it_was() -> None:
    made = record()
    assert from_plain(StatsRecord, json.loads(json.dumps(to_plain(made)))) == made


def test_fields_of_other_versions_are_passed_over_or_filled() -> None:
    plain = to_plain(record())
    plain["of_the_future"] = 1
    del plain["notes"], plain["usable_bytes"]
    found = from_plain(StatsRecord, plain)
    assert found.notes == () and found.usable_bytes is None


@pytest.mark.parametrize(
    "change", [{"rss_bytes": "much"}, {"pools": {"a": 1}}, {"limit": [1, 2]}, {"gc": True}]
)
def test_what_is_not_a_record_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is not"):
        from_plain(StatsRecord, to_plain(record()) | change)


def test_what_was_written_is_read() -> None:
    path = write(busy=True)
    (sign,) = read_signs()
    assert sign.process == this_process() and sign.busy and sign.left_out == (7,)
    assert sign.record().pools[0].items == (PoolItem("Out[1]", 3),)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("tree_bytes", "fraction", "level"),
    [(None, 0.5, "MEDIUM"), (10**8, 0.5, "MEDIUM"), (1.4e9, 0.7, "HIGH"), (3e9, 1.5, "CRITICAL")],
)
def test_growth_since_the_last_word_raises_the_level(
    tree_bytes: float | None, fraction: float, level: str
) -> None:
    write()
    (sign,) = read_signs()
    found = sign.pressure_now(None if tree_bytes is None else int(tree_bytes))
    assert (found.fraction, found.level) == (pytest.approx(fraction), level)


def test_the_runtime_folder_is_used_where_there_is_one(
    isolated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = isolated / "runtime"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    path = write()
    assert runtime in path.parents
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(isolated / "none"))
    in_state = write(ended())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    # Who was started with another environment is found too.
    assert set(beacon_dirs()) == {path.parent, in_state.parent}


def test_the_folder_is_made_again_when_it_has_gone() -> None:
    made = Beacon(this_process())
    made.write(HEAD, encode(record()), None)
    assert made._path is not None
    made._path.unlink()
    made._path.parent.rmdir()
    made.write(HEAD, encode(record()), None)
    assert len(read_signs()) == 1
    made.close()
    assert read_signs() == []


def test_a_forked_child_leaves_the_file_alone() -> None:
    made = Beacon(this_process())
    made.write(HEAD, encode(record()), None)
    made._pid = os.getpid() + 1
    made.write({**HEAD, "kernel_id": "child"}, encode(record()), None)
    made.close()
    assert [sign.kernel_id for sign in read_signs()] == ["abc"]


def test_files_of_ended_kernels_are_removed() -> None:
    stale, own = write(ended()), write()
    assert remove_stale(dry_run=True) == [stale] and stale.exists()
    assert len(read_signs()) == 1
    assert not stale.exists() and own.exists()


def test_a_process_that_got_the_number_of_another_is_not_it() -> None:
    own = this_process()
    write(ProcessKey(own.machine, own.pid, own.start_cs - 100_000))
    assert read_signs() == []


def test_files_of_another_machine_stay_for_a_week() -> None:
    path = write(ProcessKey("0badcafe", 1, 1))
    assert read_signs() == [] and path.exists()
    remove_stale(now=lambda: time.time() + 8 * 86400)
    assert not path.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"schema":1}', b'{"schema":99}', b"\xff" * 99, b"[" * 100_000],
)
def test_a_damaged_file_is_passed_over(content: bytes) -> None:
    write().write_bytes(content)
    assert read_signs() == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    path = write()
    elsewhere = tmp_path / "other"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert read_signs() == [] and elsewhere.exists()


def test_a_file_that_says_it_is_another_process_is_passed_over() -> None:
    path = write()
    said = json.loads(path.read_bytes()) | {"pid": 1}
    path.write_text(json.dumps(said))
    assert read_signs() == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="another platform: no user ids")
def test_what_is_another_users_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    assert len(read_signs()) == 1
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert beacon_dirs() == () and read_signs() == []


def test_half_a_write_is_never_seen() -> None:
    """The file is replaced: who has it open reads the old one to its end."""
    path = write()
    with path.open("rb") as opened:
        write(notebook="x" * 100_000)
        assert json.loads(opened.read())["notebook"] == "tour.ipynb"
    assert beacon._read(path) is not None
