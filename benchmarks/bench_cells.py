"""What a loaded extension costs while nothing is asked of it.

The same process is measured with and without: a trivial cell, a CPU-bound cell, and
the CPU time that an idle kernel spends.
"""

from __future__ import annotations

from .children import ask
from .rows import Row, median

__all__ = ["run"]

SHELL = """
import json, statistics, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
"""

TRIVIAL = """
for i in range(int(sys.argv[1])):
    shell.user_ns[f"name_{i}"] = [i]
def cells(n):
    times = []
    for _ in range(n):
        started = time.perf_counter()
        shell.run_cell("x = 1", store_history=False)
        times.append(time.perf_counter() - started)
    return times
cells(200)
plain, loaded = [], []
for _ in range(4):
    plain += cells(400)
    shell.extension_manager.load_extension("pmat_nb")
    cells(50)
    time.sleep(0.5)  # the guard has started
    loaded += cells(400)
    shell.extension_manager.unload_extension("pmat_nb")
print(json.dumps([statistics.median(plain) * 1e6, statistics.median(loaded) * 1e6]))
"""

BUSY = """
import time
LOOP = "total = 0\\nfor i in range(3_000_000):\\n    total += i * i"
def once():
    started = time.perf_counter()
    shell.run_cell(LOOP, store_history=False)
    return time.perf_counter() - started
once()
plain, loaded = [], []
for _ in range(12):
    plain.append(once())
    shell.extension_manager.load_extension("pmat_nb")
    shell.run_cell("x = 1", store_history=False)
    loaded.append(once())
    shell.extension_manager.unload_extension("pmat_nb")
print(json.dumps([min(plain), min(loaded)]))
"""

IDLE = """
if sys.argv[1] == "1":
    shell.extension_manager.load_extension("pmat_nb")
shell.run_cell("x = 1", store_history=False)
time.sleep(1)
started, wall = time.process_time(), time.perf_counter()
time.sleep(20)
print(json.dumps((time.process_time() - started) / (time.perf_counter() - wall)))
"""


WATCH = """
shell.run_cell("import pandas, pyarrow; kept = [[i] for i in range(int(sys.argv[1]))]")
shell.extension_manager.load_extension("pmat_nb")
import tracemalloc
from pmat_nb import session as sessions
session = sessions.running()
spent, traced = [], []
for name in ("begins", "ends", "entered"):
    def timed(*arguments, step=getattr(session.suspects, name)):
        started = time.thread_time()
        step(*arguments)
        spent[-1] += time.thread_time() - started
    setattr(session.suspects, name, timed)
for _ in range(600):
    time.sleep(float(sys.argv[2]))
    spent.append(0.0)
    shell.run_cell("x = 1", store_history=True)
    traced.append(tracemalloc.is_tracing())
shell.extension_manager.unload_extension("pmat_nb")
spent = [1e6 * one for one in spent[100:]]
print(json.dumps([statistics.median(spent), statistics.mean(spent), any(traced)]))
"""


def run() -> list[Row]:
    rows = []
    for names in (0, 100_000):
        runs = [ask(SHELL + TRIVIAL, str(names)) for _ in range(3)]
        plain = median([one[0] for one in runs])
        added = median([one[1] - one[0] for one in runs])
        rows.append(
            Row(
                f"added to a trivial cell, {names:,} names in the namespace",
                f"{added:.0f} µs (median)",
                f"the plain cell: {plain:.0f} µs",
                "150 µs",
                added < 150,
            )
        )
    rows += [_watch_row(lists, pause_s) for lists in (0, 3_000_000) for pause_s in (0.0, 0.02)]
    plain_s, loaded_s = ask(SHELL + BUSY)
    slower = loaded_s / plain_s - 1
    rows.append(Row("a CPU-bound cell is slower by", f"{slower:+.2%}", "", "1%", slower < 0.01))
    idle = float(ask(SHELL + IDLE, "1")) - float(ask(SHELL + IDLE, "0"))
    rows.append(
        Row("background sampling, share of a core", f"{idle:.3%}", "", "0.1%", idle < 0.001)
    )
    return rows


def _watch_row(lists: int, pause_s: float) -> Row:
    """Back to back readings are rationed; with pauses every cell is read."""
    median_us, mean_us, traced = ask(SHELL + WATCH, str(lists), str(pause_s))
    pace = f"cells {pause_s * 1000:.0f} ms apart" if pause_s else "cells back to back"
    return Row(
        f"the leak watch of a cell that runs again, {lists:,} lists, {pace}",
        f"{mean_us:.0f} µs (mean), {median_us:.0f} µs (median)",
        "TRACING" if traced else "no tracing",
        "50 µs, no tracing",
        mean_us < 50 and not traced,
    )
