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


def dashboards():
    """Dashboards that ipywidgets still knows, by model."""
    from pmat_nb.widgets.dashboard import Dashboard

    gc.collect()
    return sorted(
        one.comm.comm_id for one in gc.get_objects() if type(one) is Dashboard if one.comm
    )


def cpu_of_feed(seconds):
    """CPU seconds that the feed's thread took, out of how many."""
    thread = next(t for t in threading.enumerate() if t.name == "pmat_nb dashboard")
    clock = time.pthread_getcpuclockid(thread.ident)
    began, started = time.monotonic(), time.clock_gettime(clock)
    time.sleep(seconds)
    return time.clock_gettime(clock) - started, time.monotonic() - began


def cpu_of_process(seconds):
    """CPU seconds that this kernel took, all threads together, in ``seconds`` of sleep."""
    started = time.process_time()
    time.sleep(seconds)
    return time.process_time() - started


def soak(ticks):
    """Traced bytes that ``ticks`` updates left, after as many to warm up."""
    feed = current().part_if_made("dashboards")
    for _ in range(ticks):
        feed._tick()
    gc.collect()
    tracemalloc.start()
    for _ in range(20):
        feed._tick()
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(ticks):
        feed._tick()
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before


def run_out():
    """End the leases as if no page had been heard of for long."""
    feed = current().part_if_made("dashboards")
    for key in feed._leases:
        feed._leases[key] = 0.0
    feed.changed()


def routes_kept():
    """What ipykernel remembers of the dashboards' messages, to route replies."""
    from pmat_nb.widgets.dashboard import Dashboard

    comms = [one.comm for one in gc.get_objects() if type(one) is Dashboard if one.comm]
    return sum(len(getattr(comm, "_reply_subshell_ids", ())) for comm in comms)
