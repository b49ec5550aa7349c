"""The memory controller of the control group that a process sits in.

Version 1 (``memory/memory.limit_in_bytes``), version 2 (``memory.max``) and both
mounted side by side. Limits hold for everything below the group that sets them,
so the path is walked up to the mount's root. Only limits on memory are read, not
those on swap, nor ``memory.high``, which slows processes down but ends none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from pmat_nb.engine.records import CgroupMemory

from .host import parse_psi_some_avg10
from .procfs import read_bytes

__all__ = [
    "folder_of",
    "limited",
    "own_pressure",
    "own_pressure_file",
    "read_levels",
    "reread",
    "tightest",
]

# "No limit" in version 1 is the largest multiple of the page size below 2**63.
_NO_LIMIT_BYTES = 1 << 60
_ROWS = re.compile(
    rb"^((?:total_)?(?:in)?active_file|hierarchical_memory_limit|oom_kill) (\d+)$", re.MULTILINE
)


def read_levels(proc_cgroup: bytes, root: Path) -> tuple[CgroupMemory, ...]:
    """The process's own group first, then each group around it up to the root.

    ``proc_cgroup`` is the content of ``/proc/PID/cgroup``. Empty without a memory
    controller.
    """
    paths = dict(_parse(proc_cgroup))
    if "memory" in paths and (mount := _v1_mount(root)):
        return tuple(_read_v1(mount, path) for path in _upwards(mount, paths["memory"]))
    if "" in paths and (root / "cgroup.controllers").exists():
        mount = str(root)
        levels = (_read_v2(mount, path) for path in _upwards(mount, paths[""]))
        return tuple(level for level in levels if level is not None)
    return ()


def tightest(levels: tuple[CgroupMemory, ...]) -> CgroupMemory | None:
    """The group with the smallest limit; among equals the outermost, as it is fuller.

    Without any limit, the process's own group. OOM kills and PSI are always the own
    group's: version 1 counts a kill only in the group of the process that was ended.
    """
    if not levels:
        return None
    own = levels[0]
    smallest = min((level.limit_bytes for level in levels if level.limit_bytes), default=None)
    if smallest is None:
        return own
    found = [level for level in levels if level.limit_bytes == smallest][-1]
    return found._replace(oom_kills=own.oom_kills, psi_some_avg10=own.psi_some_avg10)


def limited(proc_cgroup: bytes, root: Path) -> bool:
    """Whether any level that the process is in sets a limit."""
    group = tightest(read_levels(proc_cgroup, root))
    return group is not None and group.limit_bytes is not None


def own_pressure(proc_cgroup: bytes, root: Path) -> float | None:
    """PSI ``some avg10`` of the process's own group (version 2 only), in percent."""
    path = own_pressure_file(proc_cgroup, root)
    return None if path is None else parse_psi_some_avg10(read_bytes(path) or b"")


def own_pressure_file(proc_cgroup: bytes, root: Path) -> str | None:
    """Where the own group's PSI is (version 2 only)."""
    path = dict(_parse(proc_cgroup)).get("")
    if path is None:
        return None
    for mount in (root, root / "unified"):
        if (mount / "cgroup.controllers").exists():
            return f"{mount}{next(_upwards(str(mount), path))}/memory.pressure"
    return None


def folder_of(level: CgroupMemory, root: Path) -> str:
    """The folder of a group that :func:`read_levels` found."""
    mount = str(root) if level.version == 2 else _v1_mount(root)
    return f"{mount}{'' if level.path == '/' else level.path}"


def reread(level: CgroupMemory, folder: str, read: Callable[[str], bytes | None]) -> CgroupMemory:
    """``level`` with its use as it is now; limit and OOM kills as they were.

    ``read`` gives a file's content or None. Use is None where its files cannot be read.
    """
    name = "memory.current" if level.version == 2 else "memory.usage_in_bytes"
    text = read(f"{folder}/{name}")
    stat = _rows(read(f"{folder}/memory.stat"))
    if text is None or not text.strip().isdigit() or not stat:
        return level._replace(usage_bytes=None, working_set_bytes=None)
    usage = int(text)
    working_set = max(0, usage - _file_cache(stat, level.version))
    return level._replace(usage_bytes=usage, working_set_bytes=working_set)


def _parse(proc_cgroup: bytes) -> Iterator[tuple[str, str]]:
    """Pairs of controller and path; version 2 has the empty controller."""
    for line in proc_cgroup.decode("utf-8", "surrogateescape").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            yield controller, path


def _v1_mount(root: Path) -> str | None:
    """Where version 1's memory controller is, alone or mounted with others."""
    for pattern in ("memory", "*,memory*", "memory,*"):
        for mount in root.glob(pattern):
            if (mount / "memory.limit_in_bytes").exists():
                return str(mount)
    return None


def _upwards(mount: str, path: str) -> Iterator[str]:
    """The group's path below the mount and those around it, ``""`` for the mount itself.

    In a container the path may be the host's, which does not exist here, or lead
    out of what is visible (``/../..``): then the mount's root is the own group.
    """
    parts = [part for part in path.split("/") if part]
    if ".." in parts or not Path(mount, *parts).is_dir():
        parts = []
    for count in range(len(parts), -1, -1):
        yield "".join(f"/{part}" for part in parts[:count])


def _number(path: str) -> int | None:
    text = read_bytes(path)
    return int(text) if text and text.strip().isdigit() else None


def _table(path: str) -> dict[bytes, int]:
    """A file of names and numbers, of which ``_ROWS`` are wanted."""
    return _rows(read_bytes(path))


def _rows(text: bytes | None) -> dict[bytes, int]:
    return {key: int(value) for key, value in _ROWS.findall(text or b"")}


def _file_cache(stat: dict[bytes, int], version: int) -> int:
    """What the system can drop; "file" would include tmpfs and shared memory."""
    prefix = b"total_" if version == 1 else b""
    return stat.get(prefix + b"inactive_file", 0) + stat.get(prefix + b"active_file", 0)


def _limit(value: int | None) -> int | None:
    return value if value is not None and value < _NO_LIMIT_BYTES else None


def _read_v1(mount: str, path: str) -> CgroupMemory:
    stat = _table(f"{mount}{path}/memory.stat")
    limits = [
        limit
        for value in (
            _number(f"{mount}{path}/memory.limit_in_bytes"),
            # also tells of groups above what is mounted here
            stat.get(b"hierarchical_memory_limit"),
        )
        if (limit := _limit(value)) is not None
    ]
    usage = _number(f"{mount}{path}/memory.usage_in_bytes")
    return _record(
        1,
        path,
        limit=min(limits, default=None),
        usage=usage,
        cache=_file_cache(stat, 1) if stat else None,
        oom_kills=_table(f"{mount}{path}/memory.oom_control").get(b"oom_kill"),
        psi=None,
    )


def _read_v2(mount: str, path: str) -> CgroupMemory | None:
    usage = _number(f"{mount}{path}/memory.current")
    limit = _limit(_number(f"{mount}{path}/memory.max"))
    if usage is None and limit is None:
        return None  # the machine's root group, or the controller is off here
    stat = _table(f"{mount}{path}/memory.stat")
    return _record(
        2,
        path,
        limit=limit,
        usage=usage,
        cache=_file_cache(stat, 2) if stat else None,
        oom_kills=_table(f"{mount}{path}/memory.events").get(b"oom_kill"),
        psi=parse_psi_some_avg10(read_bytes(f"{mount}{path}/memory.pressure") or b""),
    )


def _record(
    version: Literal[1, 2],
    path: str,
    *,
    limit: int | None,
    usage: int | None,
    cache: int | None,
    oom_kills: int | None,
    psi: float | None,
) -> CgroupMemory:
    known = usage is not None and cache is not None
    return CgroupMemory(
        version=version,
        path=path or "/",
        limit_bytes=limit,
        usage_bytes=usage,
        working_set_bytes=max(0, (usage or 0) - (cache or 0)) if known else None,
        oom_kills=oom_kills,
        psi_some_avg10=psi,
    )
