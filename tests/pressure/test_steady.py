"""Machine, container and PSI through kept files, on recorded trees of both versions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pmat_nb.engine.pressure import Readings, measure
from pmat_nb.engine.probe import Probe
from pmat_nb.engine.probe.steady import Steady

GIB = 1024**3
NO_LIMIT = "9223372036854771712"
MEMINFO = (
    "MemTotal:       16000000 kB\nMemFree:          400000 kB\nMemAvailable:   12000000 kB\n"
    "Buffers:           10000 kB\nCached:           900000 kB\n"
) + "".join(f"Other{i}:  {i} kB\n" for i in range(60))
PSI = "some avg10={0} avg60=1.00 avg300=0.10 total=99\nfull avg10=3.00 avg60=0 avg300=0 total=1\n"


class Tree:
    def __init__(self, folder: Path) -> None:
        self.proc, self.root, self.now = folder / "proc", folder / "cgroup", 0.0
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "pressure").mkdir()
        self.root.mkdir()
        (self.proc / "meminfo").write_text(MEMINFO)
        (self.proc / "pressure" / "memory").write_text(PSI.format("1.50"))
        self.own("")

    def own(self, text: str) -> None:
        (self.proc / "self" / "cgroup").write_text(text)

    def v1(self, path: str, limit: int | None, usage: int, cache: int) -> Path:
        folder = self.root / "memory" / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.limit_in_bytes").write_text(f"{limit or NO_LIMIT}\n")
        (folder / "memory.usage_in_bytes").write_text(f"{usage}\n")
        (folder / "memory.oom_control").write_text("oom_kill 0\n")
        (folder / "memory.stat").write_text(
            f"cache 1\ninactive_file 7\nhierarchical_memory_limit {limit or NO_LIMIT}\n"
            f"total_inactive_file {cache - 1000}\ntotal_active_file 1000\n"
        )
        return folder

    def v2(self, path: str, limit: int | None, usage: int, cache: int, psi: str = "0.00") -> Path:
        (self.root / "cgroup.controllers").write_text("cpu memory\n")
        folder = self.root / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{limit or 'max'}\n")
        (folder / "memory.current").write_text(f"{usage}\n")
        (folder / "memory.events").write_text("oom_kill 0\n")
        (folder / "memory.stat").write_text(
            f"anon 5\ninactive_file {cache - 1000}\nactive_file 1000\nshmem 5\n"
        )
        (folder / "memory.pressure").write_text(PSI.format(psi))
        return folder

    def steady(self) -> Steady:
        own = str(self.proc / "self" / "cgroup")
        return Steady(self.proc, own, self.root, lambda: self.now)


@pytest.fixture
def tree(isolated: Path):
    return Tree(isolated / "recorded")


@pytest.fixture
def steady(tree: Tree):
    made = tree.steady()
    yield made
    made.close()


def test_without_groups_the_machine_stands_alone(steady):
    seen = steady.read()
    assert seen.host.total_bytes == 16_000_000 * 1024
    assert seen.host.available_bytes == 12_000_000 * 1024
    assert (seen.containers, seen.psi) == ((), 1.5)


@pytest.mark.parametrize("version", [1, 2])
def test_limited_groups_are_read_anew_each_time(tree, steady, version):
    if version == 1:
        tree.own("4:memory:/pod/box\n")
        tree.v1("", None, 9 * GIB, GIB)
        tree.v1("pod", 8 * GIB, 6 * GIB, GIB)
        box = tree.v1("pod/box", 4 * GIB, 3 * GIB, GIB)
        usage, stat = box / "memory.usage_in_bytes", box / "memory.stat"
    else:
        tree.own("0::/pod/box\n")
        tree.v2("pod", None, 6 * GIB, GIB)
        box = tree.v2("pod/box", 4 * GIB, 3 * GIB, GIB, psi="12.50")
        usage, stat = box / "memory.current", box / "memory.stat"
    seen = steady.read()
    own = seen.containers[0]
    assert own.limit_bytes == 4 * GIB
    assert own.working_set_bytes == 2 * GIB
    assert seen.psi == (12.5 if version == 2 else None)
    assert len(seen.containers) == (2 if version == 1 else 1)
    usage.write_text(f"{int(3.5 * GIB)}\n")
    assert steady.read().containers[0].working_set_bytes == int(2.5 * GIB)
    stat.write_text("")
    assert steady.read().containers[0].working_set_bytes is None
    assert measure(Readings(containers=steady.read().containers[:1])).level is None


def test_it_agrees_with_the_probe_that_opens_every_file(tree):
    tree.own("0::/a\n")
    tree.v2("a", 4 * GIB, 3 * GIB, GIB, psi="11.00")
    probe = Probe(proc=tree.proc, cgroup_root=tree.root, platform="linux")
    seen = probe.surroundings()
    assert seen.containers[0] == probe.cgroup()
    assert seen.psi == probe.psi_some_avg10() == 11.0
    assert seen.host[:2] == probe.host()[:2]
    probe.close()


def test_psi_raises_and_a_full_file_cache_does_not(tree, steady):
    tree.own("0::/a\n")
    folder = tree.v2("a", 4 * GIB, int(3.9 * GIB), int(3.5 * GIB))
    seen = steady.read()
    readings = Readings(containers=seen.containers, host=seen.host, psi=seen.psi)
    assert measure(readings).level == "LOW"
    (folder / "memory.pressure").write_text(PSI.format("10.00"))
    assert measure(readings._replace(psi=steady.read().psi)).level == "MEDIUM"


def test_a_limit_that_is_set_later_is_found(tree, steady):
    tree.own("0::/a\n")
    tree.v2("a", None, GIB, 1000)
    assert steady.read().containers == ()
    tree.v2("a", 2 * GIB, GIB, 1000)
    tree.now = 59
    assert steady.read().containers == ()
    tree.now = 60
    assert steady.read().containers[0].limit_bytes == 2 * GIB


def test_a_group_that_vanishes_is_unknown_not_an_error(tree, steady):
    import shutil

    tree.own("0::/a\n")
    folder = tree.v2("a", 2 * GIB, GIB, 1000)
    steady.read()
    shutil.rmtree(folder)
    # as the system answers for a group that is gone
    for fd, _ in steady._files._open.values():
        os.close(fd)
    seen = steady.read()
    assert seen.containers[0].working_set_bytes is None
    assert seen.host.total_bytes == 16_000_000 * 1024


def test_files_closed_by_other_code_are_opened_anew(tree, steady, isolated):
    steady.read()
    number, _ = steady._files._open[f"{tree.proc}/meminfo"]
    os.close(number)
    stranger = os.open(isolated / "stranger", os.O_RDWR | os.O_CREAT)
    try:
        if stranger != number:
            os.dup2(stranger, number)
        os.write(number, b"some of the user's own bytes")
        assert steady.read().host.total_bytes == 16_000_000 * 1024
        tree.now = 60
        steady.read()
        steady.close()
        # and the other's file stays open
        os.fstat(number)
    finally:
        for each in {stranger, number}:
            os.close(each)


def test_nothing_stays_open(tree):
    before = len(list(Path("/proc/self/fd").iterdir()))
    made = tree.steady()
    made.read()
    made.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
