"""What the tests of the dashboard ask inside the kernel."""

import gc
import threading
import time
import tracemalloc

from pmat_nb.session import current


def threads():
    """How many threads of the dashboard there are."""
    return sum(thread.name == "pmat_nb dashboard" for thread in threading.enumerate())


def limit(pool):
    return current().pools[pool].limit_bytes


def _comms():
    # By name: traitlets makes a class for each widget that is given traits of its own.
    gc.collect()
    found = [one for one in gc.get_objects() if type(one).__name__ == "Dashboard"]
    return [one.comm for one in found if one.comm is not None]


def dashboards():
    """The models of the dashboards that are open."""
    return sorted(comm.comm_id for comm in _comms())


def cpu_of_feed(seconds):
    """CPU seconds that the feed's thread took, out of how many."""
    thread = next(t for t in threading.enumerate() if t.name == "pmat_nb dashboard")
    clock = time.pthread_getcpuclockid(thread.ident)
    began, started = time.monotonic(), time.clock_gettime(clock)
    time.sleep(seconds)
    return time.clock_gettime(clock) - started, time.monotonic() - began


def soak(ticks):
    """Traced bytes that ``ticks`` updates left, after as many to warm up."""
    feed = current().part_if_made("dashboards")
    tracemalloc.start()
    held = []
    for _ in range(2):
        for _ in range(ticks):
            feed._tick()
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    return held[1] - held[0]


def run_out():
    """End the leases as if no page had been heard of for long."""
    feed = current().part_if_made("dashboards")
    for key in feed._leases:
        feed._leases[key] = 0.0
    feed.changed()


def routes_kept():
    """What ipykernel remembers of the dashboards' messages, to route replies."""
    return sum(len(getattr(comm, "_reply_subshell_ids", ())) for comm in _comms())
