"""``python -m benchmarks``: run all, or those named, and write docs/benchmarks.md."""

from __future__ import annotations

import importlib
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from .rows import Row

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
SECTIONS = {
    "load": "Loading",
    "cells": "While nothing is asked",
    "sizing": "Sizing",
    "notebooks": "Memory without a name",
    "guard": "Limits",
    "snapshot": "Saving and restoring",
    "strings": "Equal strings",
}
PEERS = ("memray", "memory_profiler", "guppy3", "pympler")
HEAD = """# Benchmarks

Written by `make bench`, which runs this project and its peers in one run. The machine
was shared: read ratios, not times. A goal that was missed says **missed**.

Python {python}, IPython {ipython}, {peers}; {system}, {cores} cores.
"""


def table(rows: list[Row]) -> str:
    lines = ["| what | measured | beside it | goal | |", "|---|---|---|---|---|"]
    for row in rows:
        verdict = {True: "met", False: "**missed**", None: ""}[row.met]
        note = f" {row.note}" if row.note else ""
        lines.append(
            f"| {row.what} | {row.measured} | {row.peers} | {row.goal} | {verdict}{note} |"
        )
    return "\n".join(lines)


def main(names: list[str]) -> None:
    import os

    parts = []
    for name in names or SECTIONS:
        rows = importlib.import_module(f"benchmarks.bench_{name}").run()
        parts.append(f"## {SECTIONS[name]}\n\n{table(rows)}\n")
        print(parts[-1], flush=True)
    if names:
        return
    head = HEAD.format(
        python=platform.python_version(),
        ipython=version("ipython"),
        peers=", ".join(f"{peer} {version(peer)}" for peer in PEERS),
        system=platform.system(),
        cores=os.cpu_count(),
    )
    PAGE.write_text(head + "\n" + "\n".join(parts))


main(sys.argv[1:])
