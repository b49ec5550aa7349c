"""Runs one case in this process: ``python -m leaks.corpus.run CASE TOOL``; prints JSON.

Tools: ``pmat_nb``; ``tracemalloc``, the top line of ``compare_to`` after the same number of
runs; ``memray``, the top line of its leaks over those runs.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

RUNS = 40
WARM_UP = 3


def prepared(name: str) -> tuple[Any, Any]:
    from leaks.corpus import CASES

    found = CASES[name].prepare()
    return found if isinstance(found, tuple) else (found, dict)


def repeat(step: Any, number: int) -> None:
    for _ in range(number):
        with contextlib.suppress(Exception):
            step()


def with_pmat(step: Any, names: Any) -> dict[str, Any]:
    from pmat_nb.consumers.leaks.pools import POOLS
    from pmat_nb.consumers.leaks.retained import Retainers
    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.leaks.tracker import Tracker
    from pmat_nb.engine.probe import Probe

    shell = SimpleNamespace(user_ns=vars(sys.modules["__main__"]), user_ns_hidden={})
    retainers = Retainers(shell, names)
    report = Tracker(
        Counters(Probe(), POOLS),
        repeat=RUNS,
        warmup=WARM_UP,
        explain=retainers,
        names=names,
        members=retainers.members,
    ).run(step)
    rows = [row._asdict() for row in report.rows]
    leaks = [row for row in rows if row["verdict"] == "leak"]
    top = leaks[0] if leaks else None
    return {
        "leaking": report.leaking,
        "line": top["lineno"] if top else None,
        "filename": top["filename"] if top else "",
        "rows": rows,
        "iterations": report.iterations,
        "cost": report.cost,
        "plain_s": report.plain_s,
        "duration_s": report.duration_s,
        "total": report.total.kind,
        "names": sorted(names()),
    }


def with_tracemalloc(step: Any, names: Any) -> dict[str, Any]:
    """What its own tutorial says: two snapshots, the line that grew most."""
    repeat(step, WARM_UP)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    repeat(step, RUNS)
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    own = (tracemalloc.Filter(False, __file__), tracemalloc.Filter(False, tracemalloc.__file__))
    found = after.filter_traces(own).compare_to(before.filter_traces(own), "lineno")
    top = next((s for s in found if s.size_diff > 256 * RUNS), None)
    frame = top.traceback[0] if top else None
    return {
        "leaking": top is not None,
        "line": frame.lineno if frame else None,
        "filename": frame.filename if frame else "",
    }


def with_memray(step: Any, names: Any) -> dict[str, Any]:
    import tempfile

    import memray

    repeat(step, WARM_UP)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.bin"
        with memray.Tracker(path, trace_python_allocators=True):
            repeat(step, RUNS)
        sizes: dict[tuple[str, int], int] = {}
        with memray.FileReader(path) as reader:
            for record in reader.get_leaked_allocation_records(merge_threads=True):
                place = next(
                    ((f, n) for _, f, n in record.stack_trace() if "leaks/corpus" in f), None
                )
                if place is not None and place[0] != __file__:
                    sizes[place] = sizes.get(place, 0) + record.size
    found = [place for place in sorted(sizes, key=lambda p: -sizes[p]) if sizes[place] > 256 * RUNS]
    return {
        "leaking": bool(found),
        "line": found[0][1] if found else None,
        "filename": found[0][0] if found else "",
    }


TOOLS = {"pmat_nb": with_pmat, "tracemalloc": with_tracemalloc, "memray": with_memray}


def main(name: str, tool: str) -> None:
    step, names = prepared(name)
    found = TOOLS[tool](step, names)
    getattr(step, "after", lambda: None)()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
