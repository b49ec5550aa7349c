"""What a memory limit costs: start, weight, watching, arming, slowdown.

The share of a core is the guard's own CPU time over three seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pmat_nb.engine.guard import Guard, limit_block

from .rows import Row

__all__ = ["run"]

MB = 1024**2


def _guard_cpu_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _status_mb(pid: int, name: str, file: str = "status") -> float:
    text = Path(f"/proc/{pid}/{file}").read_text()
    return int(text.partition(name + ":")[2].split()[0]) / 1024


def _started() -> Guard:
    guard = Guard()
    guard.start()
    assert guard._link is not None
    guard._link.wait_ready(5)
    return guard


def start() -> list[Row]:
    began = time.perf_counter()
    guard = _started()
    ready_ms = (time.perf_counter() - began) * 1e3
    time.sleep(0.2)
    pid = guard.process_id or 0
    rss = _status_mb(pid, "VmRSS")
    private = _status_mb(pid, "Private_Dirty", "smaps_rollup")
    guard.close()
    return [
        Row("guard looks after", f"{ready_ms:.0f} ms", "", "60 ms", ready_ms < 60),
        Row("guard weighs", f"{rss:.1f} MB ({private:.1f} unshared)", "", "12 MB", rss < 12),
    ]


def watching() -> list[Row]:
    """CPU of the guard at half of several limits, with and without a ceiling."""
    rows = []
    guard = _started()
    for limit_mb in (512, 2048):
        held = bytearray(limit_mb // 2 * MB)
        for ceiling in (False, True):
            with limit_block(limit_mb // 2 * MB, guard=guard, ceiling=ceiling):
                pid = guard.process_id or 0
                time.sleep(0.2)
                before, began = _guard_cpu_s(pid), time.monotonic()
                time.sleep(3)
                share = (_guard_cpu_s(pid) - before) / (time.monotonic() - began)
            kind = "guard and ceiling" if ceiling else "guard only"
            what = f"{kind}, at half of {limit_mb} MB, share of a core"
            rows.append(Row(what, f"{share:.2%}", "", "0.5%", share < 0.005))
        del held
    guard.close()
    return rows


def _cpu_work() -> None:
    total = 0
    for i in range(6_000_000):
        total += i * i % 7


def _allocation_work() -> None:
    for _ in range(60):
        kept = [[i] for i in range(50_000)]
        del kept


def _once(code: Callable[[], None], guard: Guard | None) -> float:
    began = time.process_time()
    if guard is None:
        code()
    else:
        with limit_block(1024 * MB, guard=guard):
            code()
    return time.process_time() - began


def arming() -> list[Row]:
    guard = _started()
    rows = []
    for ceiling in (False, True):
        times = []
        for _ in range(300):
            began = time.perf_counter()
            with limit_block(500 * MB, guard=guard, ceiling=ceiling):
                pass
            times.append(time.perf_counter() - began)
        kind = "with ceiling" if ceiling else "guard only"
        rows.append(Row(f"arm and disarm, {kind}", f"{sorted(times)[150] * 1e6:.0f} µs (median)"))
    goals = (("CPU-bound", _cpu_work, 0.01), ("allocation-heavy", _allocation_work, 0.02))
    for name, code, goal in goals:
        # In turn, so that both meet the same machine.
        pairs = [(_once(code, None), _once(code, guard)) for _ in range(12)]
        plain, limited = (min(column) for column in zip(*pairs, strict=True))
        slower = limited / plain - 1
        rows.append(Row(f"slowdown, {name}", f"{slower:+.2%}", "", f"{goal:.0%}", slower < goal))
    guard.close()
    return rows


def run() -> list[Row]:
    return [*start(), *watching(), *arming()]
