"""What watching the pressure costs: one sample, and the monitor at one sample a second.

Measured in a real session: one look as the sampler's thread takes it (pressure, headroom's
figures, responses, the schedule of collections), beside psutil's ways to the same
figures; then the CPU time of the sampler's thread over a minute of an idle kernel.
"""

from __future__ import annotations

from .children import ask
from .rows import Row

__all__ = ["run"]

SHELL = """
import json, statistics, sys, threading, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
shell.extension_manager.load_extension("pmat_nb")
shell.run_cell("x = 1", store_history=False)
time.sleep(2.5)
from pmat_nb.session import current
session = current()
def median_us(action, times=500):
    took = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        took.append(time.perf_counter() - started)
    return statistics.median(took) * 1e6
"""

SAMPLE = """
import psutil
process = psutil.Process()
def peer():
    psutil.virtual_memory()
    sum(p.memory_info().rss for p in [process, *process.children(recursive=True)])
def tick():
    session.sampler.watch_pressure(session.probe.rss_bytes())
def alone():
    session.pressure.sample(session.probe.rss_bytes())
print(json.dumps([median_us(alone), median_us(tick), median_us(peer)]))
"""

IDLE = """
thread = next(t for t in threading.enumerate() if t.name == "pmat_nb sampler")
clock = time.pthread_getcpuclockid(thread.ident)
before, ticks, started = time.clock_gettime(clock), len(session.pressure.samples), time.time()
time.sleep(60)
used, ticks = time.clock_gettime(clock) - before, len(session.pressure.samples) - ticks
print(json.dumps([used / (time.time() - started), ticks]))
"""


def run() -> list[Row]:
    sample, tick, peer = ask(SHELL + SAMPLE)
    share, ticks = ask(SHELL + IDLE)
    return [
        Row(
            "one pressure sample",
            f"{sample:.0f} µs (median)",
            f"psutil, machine and process tree alone: {peer:.0f} µs ({peer / sample:.1f} times)",
            "100 µs",
            sample < 100,
        ),
        Row(
            "a look each second: sample, responses, collections",
            f"{tick:.0f} µs (median)",
            f"psutil: {peer / tick:.1f} times",
            "100 µs",
            tick < 100,
        ),
        Row(
            "the monitor at 1 Hz, share of a core",
            f"{share:.4%} ({ticks:.0f} samples in 60 s)",
            "",
            "0.1%",
            share < 0.001,
        ),
    ]
