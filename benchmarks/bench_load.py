"""What loading costs: ``%load_ext`` of this project and of two peers in a bare IPython.

Each sample is a new process; the projects take turns, so that a noisy moment of the
machine hits them alike.
"""

from __future__ import annotations

import os

from .children import ask
from .rows import Row, median, spread

__all__ = ["run"]

EXTENSIONS = ("pmat_nb", "memray", "memory_profiler")
CODE = """
import json, sys, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("1", store_history=False)
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
before, started = rss(), time.perf_counter()
shell.extension_manager.load_extension(sys.argv[1])
seconds = time.perf_counter() - started
print(json.dumps({"ms": seconds * 1e3, "mb": (rss() - before) / 2**20}))
"""


def sample(extension: str) -> dict[str, float]:
    # An installed package has its byte code beside it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found: dict[str, float] = ask(CODE, extension, environment=environment)
    return found


def run(samples: int = 15) -> list[Row]:
    for extension in EXTENSIONS:  # byte code and disk cache are warm for all
        sample(extension)
    found: dict[str, list[dict[str, float]]] = {extension: [] for extension in EXTENSIONS}
    for _ in range(samples):
        for extension in EXTENSIONS:
            found[extension].append(sample(extension))
    return [
        _row(found, "ms", "time of `%load_ext`", 20.0),
        _row(found, "mb", "RSS added by `%load_ext`", 3.0),
    ]


def _row(found: dict[str, list[dict[str, float]]], key: str, what: str, goal: float) -> Row:
    unit = "ms" if key == "ms" else "MB"
    values = {extension: [one[key] for one in rows] for extension, rows in found.items()}
    ours = median(values["pmat_nb"])
    peers = {extension: median(values[extension]) for extension in EXTENSIONS[1:]}
    text = ", ".join(f"{name} {value:.1f} {unit}" for name, value in peers.items())
    return Row(
        what,
        f"{ours:.1f} {unit} ({spread(values['pmat_nb'])})",
        text,
        f"below both peers; {goal:g} {unit}",
        ours <= goal and all(ours < value for value in peers.values()),
    )
