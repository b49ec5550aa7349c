"""Leaks: what is found and where, at what cost, beside tracemalloc and memray.

``run`` gives the rows of docs/benchmarks.md; ``python -m benchmarks.bench_leaks`` also
writes docs/leaks.md, the corpus case by case and the calibration of the confidences;
``--batch second`` runs one batch of it alone.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from .children import call
from .rows import Row, median

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "leaks.md"

sys.path.insert(0, str(ROOT / "tests"))


# -- speed -----------------------------------------------------------------------------


def _watch_child() -> None:
    """Prints the median microseconds of a watch reading, with pandas and Arrow loaded."""
    import time

    from pmat_nb.consumers.leaks.pools import POOLS
    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.probe import Probe

    for library in ("pandas", "pyarrow"):
        import_module(library)
    counters = Counters(Probe(), POOLS)
    spent = []
    for _ in range(2000):
        started = time.perf_counter()
        counters.watch()
        spent.append(time.perf_counter() - started)
    print(json.dumps(median(spent) * 1e6))


def _speed() -> list[Row]:
    watch = median([call(_watch_child) for _ in range(3)])
    return [
        Row("a watch reading, pandas and Arrow loaded", f"{watch:.1f} µs", "", "50 µs", watch < 50)
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
