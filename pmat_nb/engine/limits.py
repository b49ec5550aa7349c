"""Which memory limits apply to the kernel, and how much of them it can use.

The functions at the end are pure; ``limits_in_force`` and ``usable`` read their
input from a probe and the environment. Nothing here enforces a limit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pmat_nb.errors import UsageError
from pmat_nb.units import MIB, parse_limit, parse_size

from .probe import Probe
from .records import CgroupMemory, HostMemory, Limit

__all__ = [
    "Usable",
    "container_room",
    "limit_in_force",
    "limits_in_force",
    "physical_room",
    "reserve_bytes",
    "rlimit_room",
    "tightest_room",
    "usable",
]

_RESERVE_FRACTION = 0.05
_RESERVE_BYTES = 512 * MIB


class Usable(NamedTuple):
    """What the kernel and its children can use in all, under one bound.

    ``usable_bytes`` is the bound less what others use, ``others_bytes``.
    ``auto_bytes`` is that less a reserve: the limit that ``auto`` stands for.
    ``bound`` is the limit that makes it so.
    """

    usable_bytes: int
    auto_bytes: int
    others_bytes: int
    bound: Limit


def limits_in_force(
    probe: Probe,
    env: Mapping[str, str] | None = None,
    standing: Limit | None = None,
    *,
    own_ceiling_bytes: int | None = None,
) -> tuple[Limit, ...]:
    """Every limit on the kernel's memory, tightest first, enforced ones before equals.

    ``standing`` is the kernel limit already decided (``%pmat_limit``); without it
    ``PMAT_MEMORY_MAX`` is read from ``env`` (default: ``os.environ``). A data rlimit
    equal to ``own_ceiling_bytes`` is the project's own and left out.
    """
    env = os.environ if env is None else env
    limits = [*_system_limits(probe, env, own_ceiling_bytes)]
    if standing is None:
        standing = _environment_limit(probe, env, limits)
    if standing is not None:
        limits.append(standing)
    return tuple(sorted(limits, key=lambda x: (x.limit_bytes, not x.enforced, x.source)))


def limit_in_force(limits: Iterable[Limit]) -> Limit | None:
    """The tightest limit that something enforces."""
    return min((x for x in limits if x.enforced), key=lambda x: x.limit_bytes, default=None)


def usable(
    probe: Probe,
    env: Mapping[str, str] | None = None,
    *,
    tree_bytes: int | None = None,
    own_ceiling_bytes: int | None = None,
) -> Usable | None:
    """What the kernel can use: the tightest of machine, container, rlimits and MEM_LIMIT.

    ``tree_bytes`` is what the kernel and its children use now; read where not given.
    None where no bound can be read at all.
    """
    env = os.environ if env is None else env
    if tree_bytes is None:
        tree = probe.tree()
        tree_bytes = 0 if tree is None else tree.tree_bytes
    return tightest_room(_rooms(probe, env, tree_bytes, own_ceiling_bytes))


# --- reading -----------------------------------------------------------------------


def _system_limits(
    probe: Probe, env: Mapping[str, str], own_ceiling_bytes: int | None
) -> Iterable[Limit]:
    host = probe.host()
    if host is not None:
        yield Limit(host.total_bytes, "physical memory", enforced=True)
    container = probe.cgroup()
    if container is not None and container.limit_bytes is not None:
        yield Limit(container.limit_bytes, "container limit", enforced=True)
    for name, size in probe.rlimits().items():
        if not (name == "data" and size == own_ceiling_bytes):
            # Linux and macOS accept RLIMIT_RSS and ignore it
            yield Limit(size, f"rlimit ({name})", enforced=name != "rss")
    hub = _hub_limit(env)
    if hub is not None:
        yield hub


def _hub_limit(env: Mapping[str, str]) -> Limit | None:
    """JupyterHub tells its limit here; the spawner enforces it as a container limit."""
    try:
        return Limit(parse_size(env["MEM_LIMIT"]), "JupyterHub MEM_LIMIT", enforced=False)
    except (KeyError, UsageError):
        return None


def _environment_limit(
    probe: Probe, env: Mapping[str, str], limits: Iterable[Limit]
) -> Limit | None:
    """PMAT_MEMORY_MAX in bytes; a value that does not parse is the settings' to refuse."""
    text = env.get("PMAT_MEMORY_MAX")
    try:
        spec = None if not text else parse_limit(text)
    except UsageError:
        return None
    if spec is None or spec.kind == "off":
        return None
    if spec.kind == "absolute":
        return Limit(int(spec.value), "PMAT_MEMORY_MAX", enforced=False)
    tree = probe.tree()
    room = usable(probe, env, tree_bytes=None if tree is None else tree.tree_bytes)
    if room is None or tree is None:
        return None
    base = room.auto_bytes if spec.kind == "auto" else room.usable_bytes
    size = spec.resolve(usable_bytes=base, in_use_bytes=tree.tree_bytes)
    return None if size is None else Limit(size, "PMAT_MEMORY_MAX", enforced=False)


def _rooms(
    probe: Probe, env: Mapping[str, str], tree_bytes: int, own_ceiling_bytes: int | None
) -> Iterable[Usable]:
    host = probe.host()
    if host is not None:
        yield physical_room(host, tree_bytes)
    levels = probe.cgroup_levels()
    yield from (container_room(level, tree_bytes) for level in levels if level.limit_bytes)
    mapped = {
        "data": probe.data_bytes(),
        "as": probe.virtual_bytes(),
    }
    for name, size in probe.rlimits().items():
        if name in mapped and not (name == "data" and size == own_ceiling_bytes):
            yield rlimit_room(name, size, mapped[name], probe.rss_bytes())
    hub = _hub_limit(env)
    if hub is not None:
        yield _hub_room(hub, levels, tree_bytes)


def _hub_room(hub: Limit, levels: tuple[CgroupMemory, ...], tree_bytes: int) -> Usable:
    """The hub's figure is for the whole container, if there is one of that size."""
    same = [x for x in levels if x.limit_bytes == hub.limit_bytes]
    others = container_room(same[-1], tree_bytes).others_bytes if same else 0
    return _room(hub, others)


# --- pure --------------------------------------------------------------------------


def physical_room(host: HostMemory, tree_bytes: int) -> Usable:
    """Of physical memory: others use what is neither available nor the kernel's."""
    others = host.total_bytes - host.available_bytes - tree_bytes
    return _room(Limit(host.total_bytes, "physical memory", enforced=True), others)


def container_room(level: CgroupMemory, tree_bytes: int) -> Usable:
    """Of a container: others use its working set less the kernel's part of it."""
    limit = Limit(level.limit_bytes or 0, "container limit", enforced=True)
    return _room(limit, (level.working_set_bytes or 0) - tree_bytes)


def rlimit_room(name: str, size: int, mapped: int | None, rss_bytes: int | None) -> Usable:
    """Of an rlimit, which counts mappings: what is mapped but not resident is not usable."""
    unusable = 0 if mapped is None or rss_bytes is None else mapped - rss_bytes
    return _room(Limit(size, f"rlimit ({name})", enforced=True), unusable)


def reserve_bytes(bound_bytes: int, usable_bytes: int) -> int:
    """What ``auto`` leaves free: max(5% of the bound, 512 MB), at most half of what is usable.

    The half is for machines and containers so small that 512 MB are most of them.
    """
    wanted = max(int(bound_bytes * _RESERVE_FRACTION), _RESERVE_BYTES)
    return min(wanted, usable_bytes // 2)


def tightest_room(rooms: Iterable[Usable]) -> Usable | None:
    """The one that leaves the kernel least; at the same figure the first."""
    return min(rooms, key=lambda room: room.auto_bytes, default=None)


def _room(bound: Limit, others_bytes: int) -> Usable:
    others = min(max(0, others_bytes), bound.limit_bytes)
    left = bound.limit_bytes - others
    return Usable(left, left - reserve_bytes(bound.limit_bytes, left), others, bound)
