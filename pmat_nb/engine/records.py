"""The frozen records that travel from the probe to the renderers: system, limits and cells.

Those of variables and pools are in :mod:`.stats_records`, of a stop in :mod:`.stop_record`.
Conventions of all: bytes are ``int`` and end in ``_bytes``, seconds are ``float`` and end
in ``_s``, fractions lie in 0..1. ``None`` means "unknown here", never zero.
Records carry no formatting and no behaviour beyond plain sums. They are named tuples
rather than dataclasses, which would take ten milliseconds of every load to build.
"""

# No annotations from __future__: named tuples would compile the text of each one again.
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = [
    "AllocatorState",
    "CellRecord",
    "CgroupMemory",
    "ChildProcess",
    "DeviceMemory",
    "GcState",
    "HostMemory",
    "Level",
    "Limit",
    "PeakKind",
    "Pressure",
    "TreeMemory",
]

Level = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
PeakKind = Literal["exact", "sampled"]


class Limit(NamedTuple):
    """One memory bound that applies to the kernel.

    ``source`` is how people know it: ``physical memory``, ``container limit``,
    ``rlimit (data)``, ``JupyterHub MEM_LIMIT``, ``%pmat_limit`` ...
    ``enforced`` is true where something stops the kernel at this figure.
    """

    limit_bytes: int
    source: str
    enforced: bool


class HostMemory(NamedTuple):
    """The whole machine's memory, in bytes."""

    total_bytes: int
    available_bytes: int
    swap_total_bytes: int | None = None
    swap_used_bytes: int | None = None


class CgroupMemory(NamedTuple):
    """The memory controller that the kernel process sits in.

    ``limit_bytes`` is the tightest limit on the path to the root, None where no
    level sets one. ``working_set_bytes`` is usage less the file cache that the
    system can drop. ``oom_kills`` counts processes the OOM killer ended here.
    """

    version: Literal[1, 2]
    path: str
    limit_bytes: int | None
    usage_bytes: int | None
    working_set_bytes: int | None
    oom_kills: int | None = None
    psi_some_avg10: float | None = None


class ChildProcess(NamedTuple):
    """One descendant of the kernel; ``pss_bytes`` is None where only RSS is known."""

    pid: int
    name: str
    rss_bytes: int
    pss_bytes: int | None


class TreeMemory(NamedTuple):
    """The kernel and its descendants.

    ``kind`` is ``pss`` where shared pages were divided among their users, ``rss``
    where only the sum of resident sizes (an upper bound) could be read.
    """

    rss_bytes: int
    children_bytes: int
    tree_bytes: int
    kind: Literal["pss", "rss"]
    children: tuple[ChildProcess, ...] = ()


class AllocatorState(NamedTuple):
    """One allocator: what it holds from the system, uses, and has free.

    ``slack_bytes`` is the resident part of what it holds but has free. A field is
    None where the allocator does not tell. ``address`` is of a block of it, by which the
    memory that it holds can be found.
    """

    name: str
    held_bytes: int | None
    used_bytes: int | None
    slack_bytes: int | None
    note: str = ""
    address: int | None = None


class DeviceMemory(NamedTuple):
    """One accelerator; figures of this process unless ``total_bytes``."""

    name: str
    used_bytes: int
    total_bytes: int | None = None
    reserved_bytes: int | None = None
    note: str = ""


class GcState(NamedTuple):
    """The cyclic garbage collector."""

    enabled: bool
    counts: tuple[int, int, int]
    thresholds: tuple[int, int, int]
    frozen: int
    last_run_s_ago: float | None = None
    next_run_in_s: float | None = None


class CellRecord(NamedTuple):
    """What one cell cost. ``label`` is how IPython names it: ``In[17]``.

    ``tree_peak_bytes`` is the highest that the guard saw of the kernel with its children: it
    samples, and where it does not watch there is none.
    """

    execution_count: int | None
    label: str
    code_hash: str
    first_line: str
    started_at: float
    duration_s: float
    rss_before_bytes: int | None
    rss_after_bytes: int | None
    peak_bytes: int | None
    peak_kind: PeakKind | None
    failed: bool = False
    nested: int = 0
    tree_peak_bytes: int | None = None

    @property
    def growth_bytes(self) -> int | None:
        """RSS after the cell less RSS before it."""
        if self.rss_before_bytes is None or self.rss_after_bytes is None:
            return None
        return self.rss_after_bytes - self.rss_before_bytes


class Pressure(NamedTuple):
    """Pressure as a fraction, its level, and the parts reported beside it."""

    fraction: float | None
    level: Level | None
    parts: Mapping[str, float | None] = MappingProxyType({})
