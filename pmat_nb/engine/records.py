"""The frozen records that travel from the probe to the renderers.

Conventions: bytes are ``int`` and end in ``_bytes``, seconds are ``float`` and end
in ``_s``, fractions lie in 0..1. ``None`` means "unknown here", never zero.
Records carry no formatting and no behaviour beyond plain sums. They are named tuples
rather than dataclasses, which would take ten milliseconds of every load to build.
"""

# No annotations from __future__: named tuples would compile the text of each one again.
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = [
    "POOL_NAMES",
    "AllocatorState",
    "CellRecord",
    "CgroupMemory",
    "ChildProcess",
    "DeviceMemory",
    "GcState",
    "Holder",
    "HostMemory",
    "Level",
    "Limit",
    "ManagedPool",
    "MoreVariables",
    "PeakKind",
    "PoolItem",
    "PoolRecord",
    "Pressure",
    "SizingSummary",
    "StatsRecord",
    "StopRecord",
    "TreeMemory",
    "VariableSize",
]

Level = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
PeakKind = Literal["exact", "sampled"]

# In charging order: a buffer belongs to the first pool that reaches it.
POOL_NAMES = ("analysis", "cache", "temp", "string", "ast")


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


class Holder(NamedTuple):
    """Something that keeps an object alive, in words; bytes where known."""

    text: str
    kind: str
    retained_bytes: int | None = None


class VariableSize(NamedTuple):
    """One variable (or one group of exclusive aliases) of the user's namespace.

    ``retained_bytes`` would be freed if the name and IPython's own history holders
    of the object went away; ``shared_bytes`` are reachable but held by something
    else as well; both are what is in memory. ``not_resident_bytes`` are claimed beside
    them (untouched, mapped or swapped pages). ``shallow_bytes`` is the object alone.
    Where ``complete`` is false the figures are lower bounds, and ``estimated_bytes`` says
    how much all of it probably is: as sized ``estimated_age_s`` ago, or, where that is
    None, scaled up from a sample. ``charged_bytes`` add up over all variables: what
    several reach counts for the first of them alone.
    """

    name: str
    retained_bytes: int
    shared_bytes: int
    shallow_bytes: int
    device_bytes: int | None
    type: str
    detail: str
    also_held_by: str
    bound_in: str | None
    cells_since_use: int | None
    complete: bool
    not_resident_bytes: int = 0
    charged_bytes: int | None = None
    estimated_bytes: int | None = None
    estimated_age_s: float | None = None

    @property
    def reached_bytes(self) -> int:
        """All that can be got at from here, whoever else holds it."""
        return self.retained_bytes + self.shared_bytes


class MoreVariables(NamedTuple):
    """Variables that were sized together, because there are too many to list each.

    ``type`` is empty where they are of many types.
    """

    type: str
    number: int
    retained_bytes: int
    complete: bool


class PoolItem(NamedTuple):
    """One named thing inside a pool; ``address`` is how magics target it.

    ``estimated_bytes``: what it probably is where ``complete`` is false.
    """

    name: str
    used_bytes: int
    detail: str = ""
    address: str | None = None
    complete: bool = True
    estimated_bytes: int | None = None


class ManagedPool(NamedTuple):
    """What pmat_nb itself keeps in a pool: exact figures, since they are accounted for.

    ``used_bytes`` are deep sizes as taken in; what a variable holds as well counts here
    too, while the pool's own ``used_bytes`` leave it to the variable. Of hits and misses
    None: nothing in this pool is asked for by key.
    """

    used_bytes: int
    peak_bytes: int
    mean_bytes: float
    entries: int = 0
    allocations: int = 0
    evictions: int = 0
    hits: int | None = None
    misses: int | None = None
    swapped_bytes: int = 0


class PoolRecord(NamedTuple):
    """A pool's ledger. ``used_bytes`` are resident bytes charged to this pool alone.

    ``also_seen_bytes`` are reachable from the pool but charged elsewhere; they do
    not add up. ``capacity_bytes`` and ``growth`` are None for bytes we only measure,
    and so is ``managed``.
    """

    name: str
    shown_as: str
    limit_bytes: int | None
    capacity_bytes: int | None
    used_bytes: int
    peak_bytes: int
    peak_kind: PeakKind
    mean_bytes: float
    waste: float | None
    as_of_s: float
    complete: bool
    growth: str | None = None
    also_seen_bytes: int = 0
    items: tuple[PoolItem, ...] = ()
    managed: ManagedPool | None = None


class Pressure(NamedTuple):
    """Pressure as a fraction, its level, and the parts reported beside it."""

    fraction: float | None
    level: Level | None
    parts: Mapping[str, float | None] = MappingProxyType({})


class SizingSummary(NamedTuple):
    """How the sizes in a report were got."""

    complete: bool
    duration_s: float
    age_s: float
    objects: int


class StatsRecord(NamedTuple):
    """Where the kernel's memory is at one moment.

    On the kernel process, exact by construction::

        rss = baseline + imports + sum of pools' used + slack + unattributed

    ``variables`` are the largest of them, ``more_variables`` all others by type.
    """

    timestamp: float
    rss_bytes: int | None
    tree_bytes: int | None
    children_bytes: int | None
    baseline_bytes: int | None
    imports_bytes: int | None
    slack_bytes: int | None
    unattributed_bytes: int | None
    not_resident_bytes: int | None
    device_bytes: int | None
    limit: Limit | None
    usable_bytes: int | None
    host: HostMemory | None
    others_bytes: int | None
    pressure: Pressure
    pools: tuple[PoolRecord, ...]
    variables: tuple[VariableSize, ...]
    gc: GcState
    cell: CellRecord | None
    sizing: SizingSummary | None
    devices: tuple[DeviceMemory, ...] = ()
    allocators: tuple[AllocatorState, ...] = ()
    children: tuple[ChildProcess, ...] = ()
    limits: tuple[Limit, ...] = ()
    notes: tuple[str, ...] = ()
    more_variables: tuple[MoreVariables, ...] = ()


class StopRecord(NamedTuple):
    """A cell that was stopped at its memory limit, after the memory was given back.

    ``limit_bytes`` is what the user asked for, ``threshold_bytes`` the total it came to;
    for ``scope`` "cell" the former is what the cell may add. ``refused`` is true where the
    ceiling refused one allocation before it got a page. ``growth`` and ``kept`` are
    ``(name, bytes)`` pairs, largest first; ``kept`` names are bound by the cell and stay.
    ``given_back_bytes`` is RSS at the stop less ``now_bytes``, both measured. ``wanted`` is
    what a library said of the allocation that was refused, empty where it said nothing.
    ``estimates`` and ``lower_bounds`` are the names whose bytes are not exact, ``filled``
    the kept names that held something before the cell, ``shared`` those that something
    else holds as well. ``refilled_bytes`` of the growth
    lie in memory that the kernel had, or got, free. ``children`` is true where the bytes
    reached include child processes that grew.
    """

    label: str
    limit_bytes: int
    threshold_bytes: int
    scope: Literal["cell", "total"]
    source: str
    reached_bytes: int
    duration_s: float
    refused: bool
    line_number: int | None
    line: str
    growth: tuple[tuple[str, int], ...]
    given_back_bytes: int | None
    now_bytes: int | None
    kept: tuple[tuple[str, int], ...]
    restored: tuple[str, ...]
    frames_kept: bool
    ended_children: tuple[str, ...]
    listed_children: tuple[str, ...]
    running_threads: tuple[str, ...]
    usable_bytes: int | None
    wanted: str = ""
    estimates: frozenset[str] = frozenset()
    lower_bounds: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    refilled_bytes: int = 0
    children: bool = False
