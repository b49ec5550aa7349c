"""The frozen records of what a kernel's memory is: variables, pools, and all of it at a moment.

Apart from the other records because the probe and the cells need nothing of this.
"""

# No annotations from __future__, as in records.py.
from typing import NamedTuple

from .records import (
    AllocatorState,
    CellRecord,
    ChildProcess,
    DeviceMemory,
    GcState,
    HostMemory,
    Limit,
    PeakKind,
    Pressure,
)

__all__ = [
    "POOL_NAMES",
    "Holder",
    "ManagedPool",
    "MoreVariables",
    "PoolItem",
    "PoolRecord",
    "SizingSummary",
    "StatsRecord",
    "VariableSize",
]

# In charging order: a buffer belongs to the first pool that reaches it.
POOL_NAMES = ("analysis", "cache", "temp", "string", "ast")


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
