"""Leaks: what is found and where, at what cost, beside tracemalloc and memray.

``run`` gives the rows of docs/benchmarks.md; ``python -m benchmarks.bench_leaks`` also
writes docs/leaks.md, the corpus case by case and the calibration of the confidences;
``--batch second`` runs one batch of it alone.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from .rows import Row

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "leaks.md"
TRACES = 3_500_000

sys.path.insert(0, str(ROOT / "tests"))


# -- speed -----------------------------------------------------------------------------


def _watch_child() -> None:
    """Prints the median microseconds of a watch reading, with pandas and Arrow loaded."""
    import time

    import pandas  # noqa: F401
    import pyarrow  # noqa: F401

    from pmat_nb.consumers.leaks.pools import POOLS
    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.probe import Probe

    counters = Counters(Probe(), POOLS)
    spent = []
    for _ in range(2000):
        started = time.perf_counter()
        counters.watch()
        spent.append(time.perf_counter() - started)
    print(json.dumps(statistics.median(spent) * 1e6))


def _objects() -> object:
    return [{"a": str(i), "b": [i]} for i in range(30_000)]


def _numbers() -> object:
    import numpy as np

    a = np.random.default_rng(0).normal(size=(700, 700))
    return float((a @ a).sum())


def _cost_child(kind: str) -> None:
    """Prints how many times the plain time a confirmation took, without early end."""
    import time

    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.leaks.tracker import Tracker
    from pmat_nb.engine.probe import Probe

    step = {"objects": _objects, "numbers": _numbers}[kind]
    step()
    number = 40

    def plain() -> float:
        started = time.process_time()
        for _ in range(number):
            step()
        return time.process_time() - started

    before = plain()
    tracker = Tracker(Counters(Probe()), repeat=number)
    started = time.process_time()
    report = tracker.run(step)
    spent = (time.process_time() - started) / report.iterations * number
    print(json.dumps([spent / statistics.mean((before, plain())), tracker.schedule.slowdown]))


def _traces_child(way: str) -> None:
    """Prints seconds and MB of grouping many traces: ours, or the public snapshot's."""
    import time
    import tracemalloc

    from pmat_nb.engine.leaks import traces
    from pmat_nb.engine.probe import Probe

    tracemalloc.start()
    # An entry of these makes thirteen blocks in all.
    held = [({"name": str(i)}, [str(i)], [float(i)], (i, str(-i))) for i in range(TRACES // 13)]
    probe = Probe()
    assert len(held) == TRACES // 13
    probe.reset_peak()
    base = probe.rss_bytes() or 0
    started = time.process_time()
    if way == "ours":
        found = traces.read()
        number = sum(blocks for _, blocks in found.values())
    else:
        number = sum(s.count for s in tracemalloc.take_snapshot().statistics("lineno"))
    spent = time.process_time() - started
    peak = (probe.peak_rss_bytes() or 0) - base
    print(json.dumps([spent, peak / 2**20, number]))


def _child(call: str) -> object:
    code = f"from benchmarks.bench_leaks import {call.partition('(')[0]}; {call}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout.splitlines()[-1])


def _speed() -> list[Row]:
    watch = statistics.median(_child("_watch_child()") for _ in range(3))
    objects = statistics.median(_child("_cost_child('objects')")[0] for _ in range(3))
    numbers = statistics.median(_child("_cost_child('numbers')")[0] for _ in range(3))
    ours, public = _child("_traces_child('ours')"), _child("_traces_child('public')")
    faster, share = public[0] / ours[0], ours[1] / public[1]
    what = f"{ours[2] / 1e6:.1f} million traces by line"
    return [
        Row("a watch reading, pandas and Arrow loaded", f"{watch:.1f} µs", "", "50 µs", watch < 50),
        Row("confirming, code of many objects", f"{objects:.2f} x plain", "", "3", objects <= 3),
        Row("confirming, numeric code", f"{numbers:.2f} x plain", "", "1.1", numbers <= 1.1),
        Row(
            f"{what}: time",
            f"{ours[0]:.1f} s",
            f"take_snapshot().statistics {public[0]:.1f} s",
            "a fifth",
            faster >= 5,
        ),
        Row(
            f"{what}: extra memory",
            f"{ours[1]:.0f} MB",
            f"take_snapshot().statistics {public[1]:.0f} MB",
            "a half",
            share <= 0.5,
            "CPython copies every trace before it gives any",
        ),
    ]


# -- all of it -------------------------------------------------------------------------


def run() -> list[Row]:
    from . import leaks_page

    leaks_page.run(leaks_page.seen())
    return [*_speed(), *leaks_page.rows(leaks_page.stored())]


def main() -> None:
    """Runs the batches named, or all that were run before, and writes docs/leaks.md."""
    import argparse

    from . import leaks_page

    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_leaks")
    parser.add_argument(
        "--batch",
        action="append",
        choices=leaks_page.BATCHES,
        help="run this batch of the corpus alone, the page's other figures as they were; may be "
        "given several times. A batch that was never run is run only when it is named.",
    )
    parser.add_argument("--wrong", action="store_true", help="print the wrong answers too")
    chosen = parser.parse_args()
    batches = chosen.batch or leaks_page.seen()
    leaks_page.run(batches)
    found = leaks_page.stored()
    if leaks_page.missing():
        print(f"{PAGE.name} is left as it is: run {', '.join(leaks_page.missing())} as well")
    else:
        PAGE.write_text(leaks_page.page(found))
    for row in leaks_page.rows(found):
        print(*row, sep=" | ")
    if chosen.wrong:
        ours = [o for o in found["pmat_nb"] if o.case.batch in batches]
        print(*leaks_page.wrong(ours), sep="\n")


if __name__ == "__main__":
    main()
