"""Control groups of both versions, as recorded trees in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pmat_nb.engine.probe import Probe

GIB = 1024**3
NO_LIMIT = "9223372036854771712"
PSI = "some avg10=12.50 avg60=1.00 avg300=0.10 total=99\nfull avg10=3.00 avg60=0 avg300=0 total=1\n"


class Machine:
    """A ``/proc`` and ``/sys/fs/cgroup`` to fill, and a probe on them."""

    def __init__(self, folder: Path) -> None:
        self.proc, self.root = folder / "proc", folder / "cgroup"
        (self.proc / "self").mkdir(parents=True)
        self.root.mkdir()

    def own(self, text: str) -> None:
        (self.proc / "self" / "cgroup").write_text(text)

    def v1(self, path: str, *, limit: str = NO_LIMIT, usage: int = 0, cache: int = 0, **stat):
        if path and not (self.root / "memory").exists():
            self.v1("")
        folder = self._folder(f"memory/{path}")
        (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
        (folder / "memory.usage_in_bytes").write_text(f"{usage}\n")
        rows = {"cache": 1, "total_inactive_file": cache, "total_active_file": 0} | stat
        self._table(folder / "memory.stat", rows)
        (folder / "memory.oom_control").write_text(
            f"oom_kill_disable 0\nunder_oom 0\noom_kill {stat.get('oom', 0)}\n"
        )

    def v2(self, path: str, *, limit: str = "max", usage: int = 0, cache: int = 0, **more):
        (self.root / "cgroup.controllers").write_text("cpu io memory pids\n")
        folder = self._folder(path)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{usage}\n")
        shmem = more.get("shmem", 0)
        rows = {
            "anon": 1,
            "file": cache + shmem,
            "shmem": shmem,
            "inactive_file": cache // 2,
            "active_file": cache - cache // 2,
        }
        self._table(folder / "memory.stat", rows)
        self._table(folder / "memory.events", {"low": 0, "oom": 1, "oom_kill": more.get("oom", 0)})
        (folder / "memory.pressure").write_text(more.get("psi", PSI.replace("12.50", "0.00")))

    def probe(self) -> Probe:
        return Probe(proc=self.proc, cgroup_root=self.root, platform="linux")

    def _folder(self, path: str) -> Path:
        folder = self.root / path.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @staticmethod
    def _table(path: Path, rows: dict[str, int]) -> None:
        path.write_text("".join(f"{key} {value}\n" for key, value in rows.items()))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


V1 = "9:name=systemd:/\n4:memory:{0}\n2:cpu,cpuacct:{0}\n0::/\n"


def test_version_2(machine: Machine) -> None:
    machine.own("0::/user.slice/kernel.scope\n")
    own = {"limit": str(4 * GIB), "usage": 3 * GIB, "cache": GIB, "oom": 2, "psi": PSI}
    machine.v2("user.slice/kernel.scope", **own)
    machine.v2("user.slice", usage=5 * GIB)
    group = machine.probe().cgroup()
    assert (group.version, group.path) == (2, "/user.slice/kernel.scope")
    assert (group.limit_bytes, group.usage_bytes) == (4 * GIB, 3 * GIB)
    assert group.working_set_bytes == 2 * GIB
    assert (group.oom_kills, group.psi_some_avg10) == (2, 12.5)
    assert machine.probe().psi_some_avg10() == 12.5


def test_shared_memory_is_no_droppable_cache(machine: Machine) -> None:
    machine.own("0::/a\n")
    machine.v2("a", limit=str(4 * GIB), usage=3 * GIB, cache=GIB, shmem=GIB)
    assert machine.probe().cgroup().working_set_bytes == 2 * GIB


def test_version_2_takes_the_tightest_limit_on_the_way_up(machine: Machine) -> None:
    machine.own("0::/pod/box/leaf\n")
    machine.v2("pod/box/leaf", usage=GIB, oom=1, psi=PSI)
    machine.v2("pod/box", limit=str(2 * GIB), usage=GIB + 1)
    machine.v2("pod", limit=str(8 * GIB), usage=7 * GIB)
    group = machine.probe().cgroup()
    assert (group.path, group.limit_bytes, group.usage_bytes) == ("/pod/box", 2 * GIB, GIB + 1)
    # kills and pressure are those of the process's own group
    assert (group.oom_kills, group.psi_some_avg10) == (1, 12.5)
    assert [level.path for level in machine.probe().cgroup_levels()] == [
        "/pod/box/leaf",
        "/pod/box",
        "/pod",
    ]


def test_equal_limits_are_read_where_others_count_too(machine: Machine) -> None:
    machine.own("0::/pod/box\n")
    machine.v2("pod/box", limit=str(2 * GIB), usage=GIB)
    machine.v2("pod", limit=str(2 * GIB), usage=GIB + 5)
    assert machine.probe().cgroup().path == "/pod"


def test_version_1(machine: Machine) -> None:
    machine.own(V1.format("/docker/abc"))
    machine.v1("docker/abc", limit=str(4 * GIB), usage=3 * GIB, cache=GIB, oom=3)
    machine.v1("docker", usage=9 * GIB)
    machine.v1("")
    group = machine.probe().cgroup()
    assert (group.version, group.path, group.limit_bytes) == (1, "/docker/abc", 4 * GIB)
    assert (group.usage_bytes, group.working_set_bytes) == (3 * GIB, 2 * GIB)
    assert group.oom_kills == 3
    assert group.psi_some_avg10 is None


def test_version_1_knows_limits_above_what_is_mounted(machine: Machine) -> None:
    machine.own(V1.format("/a"))
    machine.v1("a", hierarchical_memory_limit=GIB)
    assert machine.probe().cgroup().limit_bytes == GIB


def test_no_limit_is_none_in_both_versions(machine: Machine, tmp_path: Path) -> None:
    machine.own(V1.format("/a"))
    machine.v1("a", usage=5, hierarchical_memory_limit=int(NO_LIMIT))
    machine.v1("")
    assert machine.probe().cgroup().limit_bytes is None
    assert machine.probe().cgroup().usage_bytes == 5
    other = Machine(tmp_path / "second")
    other.own("0::/a\n")
    other.v2("a", usage=7)
    assert other.probe().cgroup().limit_bytes is None
    assert other.probe().cgroup().path == "/a"


@pytest.mark.parametrize("path", ["/docker/0123456789", "/../../elsewhere"])
def test_a_path_that_is_not_mounted_here_means_the_mounts_root(machine: Machine, path) -> None:
    machine.own(V1.format(path))
    machine.v1("", limit=str(GIB), usage=5)
    group = machine.probe().cgroup()
    assert (group.path, group.limit_bytes) == ("/", GIB)


def test_the_same_in_version_2(machine: Machine) -> None:
    machine.own("0::/kubepods/pod1/box\n")
    machine.v2("", limit=str(GIB), usage=5, psi=PSI)
    group = machine.probe().cgroup()
    assert (group.path, group.limit_bytes, group.psi_some_avg10) == ("/", GIB, 12.5)


def test_hybrid_takes_limits_from_version_1_and_psi_from_2(machine: Machine) -> None:
    machine.own(V1.format("/a").replace("0::/", "0::/a"))
    machine.v1("a", limit=str(GIB), usage=5)
    unified = machine.root / "unified" / "a"
    unified.mkdir(parents=True)
    (machine.root / "unified" / "cgroup.controllers").write_text("\n")
    (unified / "memory.pressure").write_text(PSI)
    probe = machine.probe()
    assert probe.cgroup().version == 1
    assert probe.psi_some_avg10() == 12.5


def test_controllers_mounted_together(machine: Machine) -> None:
    machine.own("4:cpu,memory:/a\n")
    machine.v1("a", limit=str(GIB), usage=5)
    (machine.root / "memory").rename(machine.root / "cpu,memory")
    assert machine.probe().cgroup().limit_bytes == GIB


def test_the_root_group_of_a_machine_has_no_figures(machine: Machine) -> None:
    machine.own("0::/\n")
    (machine.root / "cgroup.controllers").write_text("memory\n")
    (machine.proc / "pressure").mkdir()
    (machine.proc / "pressure" / "memory").write_text(PSI)
    probe = machine.probe()
    assert probe.cgroup() is None
    assert probe.unavailable["cgroup"].startswith("not available here because")
    assert probe.psi_some_avg10() == 12.5


def test_the_machines_psi_does_not_stand_in_inside_a_container(machine: Machine) -> None:
    machine.own(V1.format("/a"))
    machine.v1("a", limit=str(GIB), usage=5)
    (machine.proc / "pressure").mkdir()
    (machine.proc / "pressure" / "memory").write_text(PSI)
    assert machine.probe().psi_some_avg10() is None


def test_missing_and_unreadable_files_are_unknown_not_zero(machine: Machine) -> None:
    machine.own("0::/a\n")
    machine.v2("a", limit=str(GIB), usage=5)
    for name in ("memory.stat", "memory.events", "memory.pressure"):
        (machine.root / "a" / name).unlink()
    (machine.root / "a" / "memory.current").write_text("what?\n")
    group = machine.probe().cgroup()
    assert group.limit_bytes == GIB
    assert group.usage_bytes is None
    assert group.working_set_bytes is None
    assert group.oom_kills is None


def test_this_machine_answers_without_an_error() -> None:
    probe = Probe()
    group = probe.cgroup()
    assert group is None or group.usage_bytes is None or group.usage_bytes > 0
    probe.close()
