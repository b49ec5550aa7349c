"""An hour of updates, in short: neither the page nor the kernel grows by it."""

from __future__ import annotations

import pytest

from .dashboard_page import DashboardPage

# An hour at one update a second, as fast as the page keeps up.
UPDATES = 1800
TICKS = f"""
import time
from pmat_nb.session import current
feed = current().part_if_made("dashboards")
for _ in range({UPDATES}):
    feed._tick()
    time.sleep(0.01)
del feed
"""
RSS = "__import__('psutil').Process().memory_info().rss"


@pytest.mark.soak
def test_an_hour_of_updates_grows_neither_page_nor_kernel(dashboard: DashboardPage) -> None:
    dashboard.open("Live")
    held = []
    # The first hour fills what is kept for the chart.
    for _ in range(2):
        dashboard.notebook.run(2, TICKS, timeout_s=300)
        held.append((*_page(dashboard), dashboard.notebook.value(RSS)))
    (heap, nodes, rss), (heap_after, nodes_after, rss_after) = held
    print(f"page {heap_after - heap:+,} bytes, {nodes_after - nodes:+} nodes", end="; ")
    print(f"kernel {rss_after - rss:+,} bytes")
    assert heap_after - heap < 3 << 20
    assert nodes_after - nodes < 500
    assert rss_after - rss < 5 << 20


def _page(dashboard: DashboardPage) -> tuple[int, int]:
    """The page's JavaScript heap in bytes and its number of nodes, without garbage."""
    devtools = dashboard.page.context.new_cdp_session(dashboard.page)
    devtools.send("HeapProfiler.collectGarbage")
    devtools.send("Performance.enable")
    figures = {
        one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]
    }
    devtools.detach()
    return int(figures["JSHeapUsedSize"]), int(figures["Nodes"])
