"""Records as the engine would pass them, with the figures of the documented sketches."""

from __future__ import annotations

from pmat_nb.engine.records import (
    AllocatorState,
    CellRecord,
    ChildProcess,
    DeviceMemory,
    GcState,
    HostMemory,
    Limit,
    Pressure,
)
from pmat_nb.engine.stats_records import (
    Holder,
    PoolItem,
    PoolRecord,
    SizingSummary,
    StatsRecord,
    VariableSize,
)

GIB = 1024**3
MIB = 1024**2


def gb(value: float) -> int:
    return int(value * GIB)


def mb(value: float) -> int:
    return int(value * MIB)


def pool(name: str, shown_as: str, used: int, **fields) -> PoolRecord:
    known = {
        "limit_bytes": None,
        "capacity_bytes": None,
        "peak_bytes": used,
        "peak_kind": "sampled",
        "mean_bytes": float(used),
        "waste": None,
        "as_of_s": 0.0,
        "complete": True,
    }
    return PoolRecord(name=name, shown_as=shown_as, used_bytes=used, **{**known, **fields})


def variable(name: str, retained: int, **fields) -> VariableSize:
    known = {
        "shared_bytes": 0,
        "shallow_bytes": 56,
        "device_bytes": None,
        "type": "DataFrame",
        "detail": "",
        "also_held_by": "",
        "bound_in": None,
        "cells_since_use": None,
        "complete": True,
    }
    return VariableSize(name=name, retained_bytes=retained, **{**known, **fields})


VARIABLES = (
    variable(
        "trades",
        gb(3.1),
        shared_bytes=mb(210),
        type="DataFrame",
        detail="1,204,331 × 14",
        also_held_by="Out[3], _3",
        bound_in="In[3]",
        cells_since_use=2,
    ),
    variable(
        "X",
        gb(1.4),
        type="ndarray",
        detail="(1500, 125000) float64",
        bound_in="In[9]",
        cells_since_use=0,
    ),
    *(
        variable(
            f"model_{n}",
            mb(26 - 2 * n),
            type="dict",
            detail=f"{n} keys",
            bound_in="In[12]",
            cells_since_use=n,
        )
        for n in range(12)
    ),
)

POOLS = (
    pool(
        "analysis",
        "your data",
        gb(4.80),
        peak_bytes=gb(5.2),
        mean_bytes=gb(4.1) + 0.5,
        waste=0.02,
        items=tuple(PoolItem(row.name, row.retained_bytes, row.type) for row in VARIABLES),
    ),
    pool(
        "cache",
        "caches & Out",
        gb(0.62),
        limit_bytes=gb(1),
        waste=0.4,
        items=(PoolItem("Out[]", gb(0.51), "17 results", "cache:Out"),),
    ),
    pool(
        "temp",
        "leftovers",
        gb(0.31),
        limit_bytes=mb(128),
        items=(PoolItem("traceback of In[14]", gb(0.31)),),
    ),
    pool("string", "strings", 0, limit_bytes=mb(64)),
    pool("ast", "code", 0, limit_bytes=mb(512)),
)

CELL = CellRecord(
    execution_count=17,
    label="In[17]",
    code_hash="ab12",
    first_line="m = trades.merge(quotes, on='id')",
    started_at=1_760_000_000.0,
    duration_s=4.1,
    rss_before_bytes=gb(5.81),
    rss_after_bytes=gb(5.81) + gb(0.40),
    peak_bytes=gb(8.9),
    peak_kind="exact",
)

RSS = gb(6.21)
_BASELINE, _IMPORTS, _SLACK = gb(0.06), gb(0.22), gb(0.12)

STATS = StatsRecord(
    timestamp=1_760_000_123.4567,
    rss_bytes=RSS,
    tree_bytes=RSS,
    children_bytes=0,
    baseline_bytes=_BASELINE,
    imports_bytes=_IMPORTS,
    slack_bytes=_SLACK,
    unattributed_bytes=RSS - _BASELINE - _IMPORTS - _SLACK - sum(p.used_bytes for p in POOLS),
    not_resident_bytes=0,
    device_bytes=gb(17.9),
    limit=Limit(gb(12.9), "auto", True),
    usable_bytes=gb(13.4),
    host=HostMemory(gb(15.4), gb(7.2)),
    others_bytes=gb(2.0),
    pressure=Pressure(0.2839, "LOW", {"kernel": 0.2839, "container": None, "host": 0.53}),
    pools=POOLS,
    variables=VARIABLES,
    gc=GcState(True, (1, 2, 3), (700, 10, 10), 0, 121.0, 478.0),
    cell=CELL,
    sizing=SizingSummary(True, 0.11, 0.0, 120_000),
    devices=(DeviceMemory("gpu 0", gb(18.2), gb(80), gb(17.9), "torch, tensors 12.4"),),
    limits=(Limit(gb(15.4), "physical memory", False),),
)

DETAILED = STATS._replace(
    pools=(
        POOLS[0]._replace(limit_bytes=None),
        pool(
            "cache",
            "caches & Out",
            mb(287),
            limit_bytes=gb(1),
            capacity_bytes=mb(512),
            growth="adaptive",
            waste=0.12,
            items=POOLS[1].items,
        ),
        POOLS[2],
        pool(
            "string",
            "strings",
            mb(12),
            limit_bytes=mb(64),
            capacity_bytes=mb(16),
            growth="incremental",
            waste=0.5,
        ),
        pool(
            "ast",
            "code",
            mb(312),
            limit_bytes=mb(512),
            capacity_bytes=mb(512),
            growth="exponential",
            peak_bytes=mb(400),
            waste=0.03,
        ),
    ),
    allocators=(
        AllocatorState("glibc malloc", gb(5.4), gb(5.31), mb(90)),
        AllocatorState("pymalloc", mb(420), mb(388), mb(32)),
        AllocatorState("Arrow (mimalloc)", None, mb(610), None, "free bytes not readable"),
    ),
    children=(
        ChildProcess(4242, "python", mb(900), mb(120)),
        ChildProcess(4243, "python", mb(880), None),
    ),
    children_bytes=mb(1020),
    tree_bytes=RSS + mb(1020),
    limits=(Limit(gb(15.4), "physical memory", False), Limit(gb(14), "container limit", True)),
)

EMPTY = StatsRecord(
    timestamp=0.0,
    rss_bytes=None,
    tree_bytes=None,
    children_bytes=None,
    baseline_bytes=None,
    imports_bytes=None,
    slack_bytes=None,
    unattributed_bytes=None,
    not_resident_bytes=None,
    device_bytes=None,
    limit=None,
    usable_bytes=None,
    host=None,
    others_bytes=None,
    pressure=Pressure(None, None),
    pools=(),
    variables=(),
    gc=GcState(False, (0, 0, 0), (0, 0, 0), 0),
    cell=None,
    sizing=None,
)

HOLDERS = (
    Holder("trades", "your variable", gb(3.1)),
    Holder("Out[3] → _3", "IPython output history", gb(3.1)),
    Holder("mylib._registry → list of 40 DataFrame", "module", mb(76)),
    Holder("frame of generator rows() in In[12]", "suspended generator"),
)
