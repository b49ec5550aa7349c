"""Making equal strings one object, beside ``pandas.factorize`` on the same column."""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path

from .children import call
from .rows import Row

COUNT = 10_000_000
DISTINCT = 1_000


def _column():
    import numpy as np

    column = np.empty(COUNT, dtype=object)
    for i in range(COUNT):
        column[i] = f"a value of some length, {i % DISTINCT}"
    return column


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _child() -> None:
    """Prints seconds of factorize, seconds of interning, and the share of bytes back."""
    import pandas as pd

    from pmat_nb.consumers.managed.interning import intern_within

    column = _column()
    started = time.perf_counter()
    pd.factorize(column)
    factorize_s = time.perf_counter() - started
    # Anew, so that neither finds hashes that the other has computed.
    del column
    gc.collect()
    column = _column()
    size = sys.getsizeof(column[0])
    before = _resident_bytes()
    started = time.perf_counter()
    intern_within([column], {})
    intern_s = time.perf_counter() - started
    gc.collect()
    duplicates = (COUNT - DISTINCT) * size
    print(json.dumps([factorize_s, intern_s, (before - _resident_bytes()) / duplicates]))


def run() -> list[Row]:
    """Three processes; the middle one counts."""
    rows = [call(_child) for _ in range(3)]
    speed = statistics.median(row[0] / row[1] for row in rows)
    share = statistics.median(row[2] for row in rows)
    what = f"{COUNT // 1_000_000} million strings, {DISTINCT:,} texts, made one object each"
    return [
        Row(
            f"{what}: speed",
            f"{speed:.2f} x",
            "pandas.factorize 1 x",
            "0.5 x",
            speed >= 0.5,
        ),
        Row(
            "the duplicates' bytes back with the system",
            f"{share:.0%}",
            "",
            "90%",
            share >= 0.9,
        ),
    ]
