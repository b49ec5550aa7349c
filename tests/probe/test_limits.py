"""Which limits apply, and how much of them is the kernel's to use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.engine.limits import (
    container_room,
    limit_in_force,
    limits_in_force,
    physical_room,
    reserve_bytes,
    rlimit_room,
    tightest_room,
    usable,
)
from pmat_nb.engine.records import CgroupMemory, HostMemory, Limit, TreeMemory
from pmat_nb.units import GIB, MIB

sizes = st.integers(0, 1 << 50)


class FakeProbe:
    """A machine of 16 GB, of which 2 are others'; the kernel uses 1."""

    def __init__(self) -> None:
        self.host_memory: HostMemory | None = HostMemory(16 * GIB, 13 * GIB)
        self.levels: tuple[CgroupMemory, ...] = ()
        self.soft: dict[str, int] = {}

    def host(self) -> HostMemory | None:
        return self.host_memory

    def cgroup_levels(self) -> tuple[CgroupMemory, ...]:
        return self.levels

    def cgroup(self) -> CgroupMemory | None:
        return self.levels[0] if self.levels else None

    def rlimits(self) -> dict[str, int]:
        return self.soft

    def rss_bytes(self) -> int:
        return GIB

    def data_bytes(self) -> int:
        return 3 * GIB

    def virtual_bytes(self) -> int:
        return 5 * GIB

    def tree(self) -> TreeMemory:
        return TreeMemory(GIB, 0, GIB, "pss")


@pytest.fixture
def probe() -> FakeProbe:
    return FakeProbe()


def group(limit: int | None, used: int) -> CgroupMemory:
    return CgroupMemory(2, "/a", limit, used, used)


def test_every_limit_is_named_and_the_tightest_is_first(probe: FakeProbe) -> None:
    probe.levels = (group(4 * GIB, 2 * GIB),)
    probe.soft = {"data": 6 * GIB, "rss": 5 * GIB}
    standing = Limit(3 * GIB, "%pmat_limit", enforced=True)
    found = limits_in_force(probe, {"MEM_LIMIT": str(4 * GIB)}, standing)
    assert [(x.limit_bytes // GIB, x.source, x.enforced) for x in found] == [
        (3, "%pmat_limit", True),
        (4, "container limit", True),
        (4, "JupyterHub MEM_LIMIT", False),
        (5, "rlimit (rss)", False),
        (6, "rlimit (data)", True),
        (16, "physical memory", True),
    ]
    assert limit_in_force(found) == standing
    assert limit_in_force([found[2], found[3], found[4]]).source == "rlimit (data)"
    assert limit_in_force([]) is None


def test_our_own_ceiling_is_not_a_limit_found(probe: FakeProbe) -> None:
    probe.soft = {"data": 2 * GIB}
    names = [x.source for x in limits_in_force(probe, {}, own_ceiling_bytes=2 * GIB)]
    assert names == ["physical memory"]
    assert usable(probe, {}, own_ceiling_bytes=2 * GIB).bound.source == "physical memory"
    assert usable(probe, {}).bound.source == "rlimit (data)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GB", 2 * GIB), ("50%", 7 * GIB), ("+2GB", 3 * GIB), ("off", None), ("nonsense", None)],
)
def test_the_environments_limit(probe: FakeProbe, text: str, expected: int | None) -> None:
    found = limits_in_force(probe, {"PMAT_MEMORY_MAX": text})
    sizes = [x.limit_bytes for x in found if x.source == "PMAT_MEMORY_MAX"]
    assert sizes == ([] if expected is None else [expected])


def test_a_standing_limit_replaces_the_environments(probe: FakeProbe) -> None:
    standing = Limit(3 * GIB, "%pmat_limit", enforced=True)
    found = limits_in_force(probe, {"PMAT_MEMORY_MAX": "2GB"}, standing)
    assert "PMAT_MEMORY_MAX" not in [x.source for x in found]


def test_what_is_usable_of_the_machine(probe: FakeProbe) -> None:
    room = usable(probe, {})
    assert (room.bound.source, room.others_bytes) == ("physical memory", 2 * GIB)
    assert room.usable_bytes == 14 * GIB
    assert room.auto_bytes == 14 * GIB - int(0.05 * 16 * GIB)


def test_what_is_usable_of_a_container_shared_with_others(probe: FakeProbe) -> None:
    probe.levels = (group(4 * GIB, GIB), group(8 * GIB, 6 * GIB))
    room = usable(probe, {})
    # the outer group's larger limit leaves less, because of what others use there
    assert (room.bound.limit_bytes, room.others_bytes) == (8 * GIB, 5 * GIB)
    assert room.usable_bytes == 3 * GIB
    assert room.auto_bytes == 3 * GIB - 512 * MIB


def test_the_hubs_limit_is_the_containers(probe: FakeProbe) -> None:
    probe.levels = (group(4 * GIB, 3 * GIB),)
    probe.host_memory = None
    with_group = usable(probe, {"MEM_LIMIT": str(4 * GIB)})
    assert with_group.usable_bytes == 2 * GIB
    probe.levels = ()
    alone = usable(probe, {"MEM_LIMIT": str(4 * GIB)})
    assert (alone.usable_bytes, alone.bound.source) == (4 * GIB, "JupyterHub MEM_LIMIT")
    assert usable(probe, {"MEM_LIMIT": "plenty"}) is None


def test_an_rlimit_counts_mappings() -> None:
    """3 GB mapped of which 1 is resident: 2 of the limit can never be resident."""
    assert rlimit_room("data", 6 * GIB, 3 * GIB, GIB).usable_bytes == 4 * GIB
    assert rlimit_room("data", 6 * GIB, None, GIB).usable_bytes == 6 * GIB
    assert rlimit_room("data", GIB, 9 * GIB, GIB).usable_bytes == 0


def test_the_reserve() -> None:
    assert reserve_bytes(100 * GIB, 90 * GIB) == 5 * GIB
    assert reserve_bytes(4 * GIB, 3 * GIB) == 512 * MIB
    assert reserve_bytes(512 * MIB, 400 * MIB) == 200 * MIB


@given(total=st.integers(1, 1 << 50), available=sizes, tree=sizes, limit=sizes, used=sizes)
def test_what_is_usable_is_always_possible(total, available, tree, limit, used) -> None:
    host = HostMemory(total, min(available, total))
    rooms = [physical_room(host, tree), container_room(group(limit, used), tree)]
    for room in rooms:
        assert 0 <= room.auto_bytes <= room.usable_bytes <= room.bound.limit_bytes
        assert room.usable_bytes + room.others_bytes == room.bound.limit_bytes
    assert tightest_room(rooms).auto_bytes == min(room.auto_bytes for room in rooms)
    more = host._replace(available_bytes=host.available_bytes // 2)
    assert physical_room(more, tree).usable_bytes <= rooms[0].usable_bytes


def test_this_machine_has_a_limit() -> None:
    from pmat_nb.engine.probe import Probe

    probe = Probe()
    found = limits_in_force(probe, {})
    assert found == tuple(sorted(found, key=lambda x: x.limit_bytes))
    assert 0 < usable(probe).auto_bytes < found[-1].limit_bytes
    probe.close()
