"""``python -m benchmarks``: run all, or those named, and write them into docs/benchmarks.md."""

from __future__ import annotations

import argparse
import importlib
import platform
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
    "pressure": "Pressure",
    "pools": "Pools",
    "snapshot": "Saving and restoring",
    "strings": "Equal strings",
    "leaks": "Leaks",
    "traces": "Where memory was allocated",
}
PEERS = ("memray", "memory_profiler", "guppy3", "pympler")
HEAD = """# Benchmarks

Written by `make bench`, which runs this project and its peers in one run, section by
section. The machine was shared: read ratios, not times. A goal that was missed says **missed**.

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


def main() -> None:
    import os

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SECTIONS))
    names = parser.parse_args().names
    if unknown := [name for name in names if name not in SECTIONS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    parts = {}
    for name in names or SECTIONS:
        rows = importlib.import_module(f"benchmarks.bench_{name}").run()
        parts[name] = f"## {SECTIONS[name]}\n\n{table(rows)}\n"
        print(parts[name], flush=True)
    head = HEAD.format(
        python=platform.python_version(),
        ipython=version("ipython"),
        peers=", ".join(f"{peer} {version(peer)}" for peer in PEERS),
        system=platform.system(),
        cores=os.cpu_count(),
    )
    known = {**_written(), **parts}
    PAGE.write_text("\n".join([head, *(known[name] for name in SECTIONS if name in known)]))


def _written() -> dict[str, str]:
    """The page's sections, by name: those that are not measured now stay."""
    named = {title: name for name, title in SECTIONS.items()}
    sections = PAGE.read_text().split("\n## ")[1:] if PAGE.exists() else []
    found = {text.partition("\n")[0]: f"## {text.rstrip()}\n" for text in sections}
    return {named[title]: text for title, text in found.items() if title in named}


main()
