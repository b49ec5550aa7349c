"""Sizing a dict of 1 million small dicts, 8 million objects, beside guppy3 and pympler.

Each tool runs in a process of its own, one after the other, over the same data. guppy3's
fair equivalent of a retained size is ``hpy().iso(obj).domisize`` (dominated size), which
like ours walks all that hangs on the object and looks for other holders.
"""

from __future__ import annotations

from .children import ask
from .rows import Row, median

__all__ = ["run"]

ROUNDS = 3
DATA = """
import gc, json, sys, time
from pathlib import Path
data = {
    i: {"a": i + 10**6, "b": i * 0.5, "c": str(i), "d": float(i), "e": i + 10**8, "f": "x%d" % i}
    for i in range(1000, 1_001_000)
}
def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024
gc.collect()
Path("/proc/self/clear_refs").write_text("5")
before = status("VmRSS")
started = time.perf_counter()
"""
TOOLS = {
    "pmat_nb": """
from pmat_nb.consumers.adapters import default_adapters
from pmat_nb.engine.sizing import Root, size_roots
started = time.perf_counter()
sizing = size_roots([Root("data", data, "analysis", 1)], adapters=default_adapters())
assert sizing.complete and sizing.objects > 8_000_000
size = sizing.roots[0].retained_bytes
""",
    "guppy3": """
from guppy import hpy
heap = hpy()
started = time.perf_counter()
size = heap.iso(data).domisize
""",
    "pympler": """
from pympler import asizeof
started = time.perf_counter()
size = asizeof.asizeof(data)
""",
}
REPORT = """
seconds = time.perf_counter() - started
print(json.dumps({"size": size, "s": seconds, "own": status("VmHWM") - before}))
"""


def measure(tool: str) -> dict[str, float]:
    result: dict[str, float] = ask(DATA + TOOLS[tool] + REPORT)
    return result


def run() -> list[Row]:
    """Time against both peers, own memory, and whether the sizes agree."""
    results: dict[str, list[dict[str, float]]] = {tool: [] for tool in TOOLS}
    for number in range(ROUNDS):
        for tool in TOOLS:
            if tool != "pympler" or number == 0:  # half a minute each
                results[tool].append(measure(tool))
    seconds = {tool: median([r["s"] for r in found]) for tool, found in results.items()}
    own_mb = max(r["own"] for r in results["pmat_nb"]) / 1024**2
    sizes = {tool: found[0]["size"] for tool, found in results.items()}
    guppy = seconds["pmat_nb"] / seconds["guppy3"]
    pympler = seconds["pmat_nb"] / seconds["pympler"]
    apart = abs(sizes["pmat_nb"] / sizes["guppy3"] - 1)
    what = "dict of 1 million dicts, 8 million objects"
    ours = f"{seconds['pmat_nb']:.2f} s"
    return [
        Row(
            f"{what}: time",
            f"{ours}, {guppy:.2f} of guppy3's",
            f"guppy3 {seconds['guppy3']:.2f} s",
            "at most 1.3 of guppy3's",
            guppy <= 1.3,
        ),
        Row(
            "the same: time",
            f"{ours}, {pympler:.2f} of pympler's",
            f"pympler {seconds['pympler']:.2f} s",
            "at most 0.2 of pympler's",
            pympler <= 0.2,
        ),
        Row("the same: memory of its own", f"{own_mb:.0f} MB", "", "under 100 MB", own_mb < 100),
        Row(
            "the same: size found",
            f"{sizes['pmat_nb'] / 1024**2:.1f} MB",
            f"guppy3 {sizes['guppy3'] / 1024**2:.1f}, pympler {sizes['pympler'] / 1024**2:.1f} MB",
            "within 1% of guppy3",
            apart < 0.01,
        ),
    ]
