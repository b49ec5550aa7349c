"""One report of every class that can be made of records alone, each with something to draw."""

from __future__ import annotations

from pathlib import Path

from pmat_nb.engine.cleanup_records import CleanupRecord, CleanupStep
from pmat_nb.engine.leaks.watching import Suspect
from pmat_nb.engine.recommendation_records import (
    Applied,
    ApplyRecord,
    Recommendation,
    RecommendRecord,
)
from pmat_nb.engine.runs.gates import GateCheck
from pmat_nb.engine.runs.records import CellRun, NotebookRun, RunRecord
from pmat_nb.engine.snapshot import RestoreReport, SavedVariable, SaveReport
from pmat_nb.render.cleanup import CleanupReport
from pmat_nb.render.gates import GateReport
from pmat_nb.render.history import HistoryReport
from pmat_nb.render.keeping import Restored, Saved
from pmat_nb.render.kernels import FromOutside, KernelRow, KernelTable, WithAge
from pmat_nb.render.leaks import LeakReport
from pmat_nb.render.limit import LimitReport
from pmat_nb.render.recommendations import ApplyReport, Recommendations
from pmat_nb.render.recovery import Recovery, RecoveryStep
from pmat_nb.render.runs import RunReport
from pmat_nb.render.stats import Stats
from pmat_nb.render.status import Status
from pmat_nb.render.suspects import SuspectReport
from pmat_nb.render.variables import Variables
from pmat_nb.render.why import Why

from .examples import DETAILED, EMPTY, HOLDERS, STATS, VARIABLES, gb, mb
from .test_history import HISTORY
from .test_leaks import LEAK, record

__all__ = ["DRAWN", "EMPTY_ONES"]

_STEPS = (
    CleanupStep("cache", "Out[], 17 results", "done", mb(510), mb(498), 0.2),
    CleanupStep("temp", "the last traceback's frames", "done", mb(310), mb(322), 0.1),
    CleanupStep("cache", "functools caches", "done", mb(40), 0, 0.01, "held elsewhere too"),
    CleanupStep("temp", "figures", "done", None, -mb(6), 0.1),
    CleanupStep("cache", "cache tdg", "left", mb(60), None, None, "hit a minute ago"),
)
_CLEANUP = CleanupRecord(
    ("cache", "temp"), False, False, None, False, _STEPS, gb(2.1), gb(1.3), 0.5
)


def _row(number: int, what: str, saving: int | None, risk: str) -> Recommendation:
    return Recommendation(number, "dtypes", what, "why", "code", saving, "measured", risk, "In[3]")  # type: ignore[arg-type]


_ROWS = (
    _row(1, "trades: 1 column as category", mb(640), "none"),
    _row(2, "backup: the same array as features", mb(310), "recompute"),
    _row(3, "raw: was read from raw.parquet", mb(120), "reload"),
    _row(4, "price as float32", mb(44), "lossy"),
    _row(5, "a generator instead of a list", None, "none"),
)
_APPLIED = tuple(
    Applied(row, "done", measured, measured, 0.2)
    for row, measured in zip(_ROWS[:3], (mb(612), mb(310), -mb(4)), strict=True)
)
_KEPT = tuple(SavedVariable(v.name, v.retained_bytes, v.type) for v in VARIABLES)
_SUSPECT = Suspect(
    "In[12]", "mylib.load(p)", "ab12", 9, 7, mb(1.9), mb(1.8), mb(2.0), 0, "constant",
    "traced blocks", 0.97, "In[12]", 1_760_000_000.0, "suspect",
)  # fmt: skip
_CELLS = tuple(
    CellRun(
        n, f"In[{n}]", "step()", "c", "failed" if n == 5 else "ok", 1.0,
        mb(200 * n), mb(200 + 180 * n), mb(300 + 260 * n), "exact",
    )
    for n in range(1, 7)
)  # fmt: skip
_RUN = NotebookRun("report.ipynb", None, "failed", 0.0, 9.0, mb(60), gb(1.3), gb(2), "auto", _CELLS)
_KERNELS = tuple(
    KernelRow(
        f"1f3c9a2{n}", 100 + n, f"notebook {n}.ipynb", "k.json", True, "idle", None, None,
        mb(300 * n), mb(310 * n) if n > 1 else None, gb(4), 0.2, "LOW", 1.0, "0.1",
    )
    for n in range(1, 4)
)  # fmt: skip
_ABOUT = WithAge("tour.ipynb", "busy", 4.0, gb(6), gb(6), 0)

DRAWN = (
    Stats(STATS),
    Stats(DETAILED),
    Status(STATS),
    Stats(STATS).by("cell"),
    Variables(VARIABLES),
    Why("trades", HOLDERS),
    HistoryReport(HISTORY),
    LeakReport(record((LEAK, None))),
    CleanupReport(_CLEANUP),
    CleanupReport(_CLEANUP._replace(dry_run=True, steps=tuple(
        step._replace(state="planned", measured_bytes=None) for step in _STEPS[:3]))),
    Recommendations(RecommendRecord(_ROWS, True, 0.4, gb(2))),
    ApplyReport(ApplyRecord(_APPLIED, False, gb(2), gb(1.1))),
    Saved(SaveReport(Path("state.pmat"), _KEPT, (), gb(4.7), 3.0)),
    Restored(RestoreReport(Path("state.pmat"), _KEPT, (), (), {}, 0.0, gb(4.7), 3.0)),
    LimitReport(DETAILED, protection="stops a cell at 12.9 GB (auto)"),
    SuspectReport([_SUSPECT, _SUSPECT._replace(cell="In[7]", bytes_per_run=mb(0.4))]),
    SuspectReport([], LeakReport(record((LEAK, None)))),
    GateReport((
        GateCheck("max_memory_usage", True, gb(1.3), gb(2), cell="In[6]"),
        GateCheck("max_cell_growth", False, mb(380), mb(200), cell="In[5]"),
        GateCheck("max_pressure_level", True, figure_level="LOW", bound_level="HIGH"),
    )),
    KernelTable(_KERNELS),
    FromOutside(_ABOUT, STATS, Stats(STATS)),
    FromOutside(_ABOUT, STATS, None),
    Recovery([RecoveryStep("logs", 3, mb(4)), RecoveryStep("spilled", 1, mb(60))], dry_run=False),
    Recovery([RecoveryStep("logs", 3, mb(4)), RecoveryStep("spilled", 1, mb(60))], dry_run=True),
    RunReport(RunRecord(1, "0.1", 0.0, 9.0, (_RUN,))),
)  # fmt: skip

# What has nothing to draw; each says so.
EMPTY_ONES = (
    CleanupReport(_CLEANUP._replace(steps=())),
    Recommendations(RecommendRecord((), True, 0.4, None)),
    ApplyReport(ApplyRecord((), True, None, None)),
    Saved(SaveReport(Path("state.pmat"), (), (), 0, 0.1)),
    Restored(RestoreReport(Path("state.pmat"), (), (), (), {}, 0.0, 0, 0.1)),
    LimitReport(EMPTY, protection="off"),
    SuspectReport([]),
    GateReport(()),
    KernelTable([]),
    Recovery([], dry_run=False),
    RunReport(RunRecord(1, "0.1", 0.0, 9.0, ())),
)
