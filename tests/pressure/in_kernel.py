"""What the tests set up inside the kernel; leaves no names behind."""

import threading
import time

from pmat_nb.configuration import Responses
from pmat_nb.session import current


def answer(**levels):
    """Set what levels do: answer(CRITICAL=dict(actions=["..."], notify=True))."""
    made = {level: Responses() for level in ("LOW", "MEDIUM", "HIGH", "CRITICAL")}
    for level, fields in levels.items():
        fields["actions"] = tuple(fields.get("actions", ()))
        made[level] = Responses(**fields)
    current().settings.responses = lambda: made


ASKED = []


def listen():
    """Note who asks the managed pools for what, and let it happen."""
    pools = current().pools
    shrink = pools.shrink

    def noted(pool, fraction):
        ASKED.append([pool, fraction, threading.current_thread().name])
        return shrink(pool, fraction)

    pools.shrink = noted


def asked():
    return ASKED


def runs():
    """Level, whether beside a cell, and each step with its state, of every response."""
    monitor = current().part_if_made("pressure")
    return [
        [run.level, run.beside_a_cell, [[s.action, s.state, s.note] for s in run.steps]]
        for run in (monitor.responder.runs if monitor else ())
    ]


def collections():
    return [[c.reason, c.beside_a_cell, c.objects] for c in current().collector.recent]


def latest():
    sample = current().pressure.samples[-1]
    return [sample.level, sample.fraction]


def faults():
    return {name: repr(problem) for name, problem in current().faults.seen.items()}


def cost_us(times=300):
    """What one tick of the monitor and the collector takes, in µs: the median."""
    session, took = current(), []
    for _ in range(times):
        started = time.perf_counter()
        session.sampler.watch_pressure(session.probe.rss_bytes())
        took.append(time.perf_counter() - started)
    return sorted(took)[len(took) // 2] * 1e6
