"""Finding where memory was allocated: reading many traces, and repeating code to confirm."""

from __future__ import annotations

import json

from .children import call
from .rows import Row, median, spread

TRACES = 3_500_000
ITERATIONS = 40
RUNS = 3


# -- reading traces ----------------------------------------------------------------------


def _traces_child(way: str) -> None:
    """Prints seconds, MB of extra resident memory at the peak, and traces counted."""
    import time
    import tracemalloc

    import pandas as pd

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
        rows = [(*frames[0], *sizes) for frames, sizes in traces.read().items()]
    else:
        found = tracemalloc.take_snapshot().statistics("lineno")
        rows = [(s.traceback[0].filename, s.traceback[0].lineno, s.size, s.count) for s in found]
    frame = pd.DataFrame(rows, columns=["filename", "lineno", "bytes", "blocks"])
    spent = time.process_time() - started
    peak = (probe.peak_rss_bytes() or 0) - base
    print(json.dumps([spent, peak / 2**20, int(frame["blocks"].sum())]))


def _traces() -> list[Row]:
    pairs = [(call(_traces_child, "ours"), call(_traces_child, "public")) for _ in range(RUNS)]
    faster = median([public[0] / ours[0] for ours, public in pairs])
    share = median([ours[1] / public[1] for ours, public in pairs])
    (seconds, peak, number), public = pairs[0]
    what = f"{number / 1e6:.1f} million traces to a DataFrame"
    return [
        Row(
            f"{what}: time",
            f"{seconds:.1f} s, {faster:.1f} times faster",
            f"take_snapshot().statistics('lineno') {public[0]:.1f} s",
            "5 times faster",
            faster >= 5,
        ),
        Row(
            f"{what}: extra memory",
            f"{peak:.0f} MB, {share:.2f} of it",
            f"take_snapshot().statistics('lineno') {public[1]:.0f} MB",
            "at most half",
            share <= 0.5,
            "on Python 3.11, and all of it later: what remains is CPython's own copy of its "
            "table, 80 bytes a trace and 64 MB of buckets, made before it gives any trace",
        ),
    ]


# -- confirming ----------------------------------------------------------------------------


def _objects() -> object:
    return [{"a": str(i), "b": [i]} for i in range(30_000)]


def _classes() -> object:
    class Point:
        def __init__(self, x: int) -> None:
            self.x, self.y = x, [str(x)]

    return {i: Point(i) for i in range(15_000)}


def _json() -> object:
    text = json.dumps([{"id": i, "tags": ["a", "b"], "body": str(i) * 9} for i in range(8_000)])
    return json.loads(text)


def _numbers() -> object:
    import numpy as np

    a = np.random.default_rng(0).normal(size=(700, 700))
    return float((a @ a).sum())


def _frames() -> object:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"key": rng.integers(0, 99, 2_000_000), "value": rng.normal(size=2_000_000)}
    )
    return frame.groupby("key")["value"].agg(["mean", "std"])


STEPS = {
    "objects": _objects,
    "classes": _classes,
    "json": _json,
    "numbers": _numbers,
    "frames": _frames,
}


def _confirm_child(kind: str) -> None:
    """Prints how many times the plain time a confirmation took per iteration, of 40."""
    import time

    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.leaks.tracker import Tracker
    from pmat_nb.engine.probe import Probe

    step = STEPS[kind]
    step()

    def plain() -> float:
        started = time.process_time()
        for _ in range(ITERATIONS):
            step()
        return time.process_time() - started

    before = plain()
    tracker = Tracker(Counters(Probe()), repeat=ITERATIONS)
    started = time.process_time()
    report = tracker.run(step)
    spent = (time.process_time() - started) / report.iterations * ITERATIONS
    print(json.dumps([2 * spent / (before + plain()), tracker.schedule.slowdown]))


def _confirm(kind: str, what: str, goal: float) -> Row:
    found = [call(_confirm_child, kind) for _ in range(RUNS)]
    ratios = [ratio for ratio, _ in found]
    traced = median([slowdown for _, slowdown in found])
    return Row(
        f"confirming a leak, {what}",
        f"{median(ratios):.2f} x plain {spread(ratios)}",
        f"an iteration with tracemalloc on {traced:.1f}",
        f"{goal:g}",
        median(ratios) <= goal,
    )


def run() -> list[Row]:
    return [
        *_traces(),
        _confirm("objects", "dictionaries and strings", 3),
        _confirm("classes", "instances", 3),
        _confirm("json", "JSON", 3),
        _confirm("numbers", "numpy", 1.1),
        _confirm("frames", "pandas", 1.1),
    ]
