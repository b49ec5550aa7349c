"""What a memory limit costs: start, weight, watching, arming, slowdown.

    python benchmarks/bench_guard.py [--json]

Each figure with the goal it is held to. Run it on a quiet machine; the share of a
core is the guard's own CPU time over three seconds.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pmat_nb.engine.guard import Guard, limit_block

MB = 1024**2


def _guard_cpu_s(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _status_mb(pid: int, name: str, file: str = "status") -> float:
    text = Path(f"/proc/{pid}/{file}").read_text()
    return int(text.partition(name + ":")[2].split()[0]) / 1024


def start() -> dict[str, float]:
    guard = Guard()
    began = time.perf_counter()
    guard.start()
    blocked = time.perf_counter() - began
    assert guard._link is not None
    guard._link.wait_ready(5)
    ready = time.perf_counter() - began
    time.sleep(0.2)
    pid = guard.process_id or 0
    private = _status_mb(pid, "Private_Dirty", "smaps_rollup")
    figures = {
        "start: kernel blocked (ms)": blocked * 1e3,
        "start: guard looking after (ms, goal 60)": ready * 1e3,
        "guard RSS (MB, goal 12)": _status_mb(pid, "VmRSS"),
        "guard unshared (MB)": private,
    }
    guard.close()
    return figures


def watching() -> dict[str, float]:
    """CPU of the guard at half of several limits, with and without a ceiling."""
    figures = {}
    guard = Guard()
    guard.start()
    assert guard._link is not None
    guard._link.wait_ready(5)
    for limit_mb in (512, 2048, 8192):
        held = bytearray(min(limit_mb // 2, 1024) * MB)
        rest = limit_mb // 2 - len(held) // MB
        for ceiling in (False, True):
            room = (limit_mb - len(held) // MB - rest) * MB
            with limit_block(room, guard=guard, ceiling=ceiling):
                pid = guard.process_id or 0
                time.sleep(0.2)
                before, began = _guard_cpu_s(pid), time.monotonic()
                time.sleep(3)
                share = (_guard_cpu_s(pid) - before) / (time.monotonic() - began)
            kind = "guard and ceiling" if ceiling else "guard only"
            figures[f"{kind}, half of {limit_mb} MB (% of a core, goal 0.5)"] = share * 100
        del held
    guard.close()
    return figures


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


def arming() -> dict[str, float]:
    guard = Guard()
    guard.start()
    assert guard._link is not None
    guard._link.wait_ready(5)
    figures = {}
    for ceiling in (False, True):
        times = []
        for _ in range(300):
            began = time.perf_counter()
            with limit_block(500 * MB, guard=guard, ceiling=ceiling):
                pass
            times.append(time.perf_counter() - began)
        kind = "with ceiling" if ceiling else "guard only"
        figures[f"arm and disarm, {kind} (µs, median)"] = sorted(times)[150] * 1e6
    for name, code in (("CPU-bound", _cpu_work), ("allocation-heavy", _allocation_work)):
        # In turn, so that both meet the same machine.
        times = [(_once(code, None), _once(code, guard)) for _ in range(12)]
        plain, limited = (min(column) for column in zip(*times, strict=True))
        figures[f"slowdown, {name} (%)"] = (limited / plain - 1) * 100
    guard.close()
    return figures


def main() -> None:
    figures = {**start(), **watching(), **arming()}
    if "--json" in sys.argv:
        print(json.dumps(figures, indent=1))
        return
    for name, value in figures.items():
        print(f"{value:10.2f}  {name}")


if __name__ == "__main__":
    main()
