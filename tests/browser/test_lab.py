"""The dashboard in a real JupyterLab: what a user sees and does."""

from __future__ import annotations

from .dashboard_page import CACHE_LIMIT, SCRATCH, DashboardPage, bytes_of

MB = 1024**2
GROW = """
import time
held = []
for _ in range(15):
    held.append(bytearray(20 * 2**20))
    time.sleep(0.25)
"""
# Ends as soon as the limit is another, so that it can only end well if it is changed meanwhile.
UNTIL_CHANGED = """
import time, pmat_nb
def limit():
    return pmat_nb.pools["cache"].stats().to_dict()["pools"]["cache"]["limit_bytes"]
before, until = limit(), time.monotonic() + 15
print("looking")
while limit() == before and time.monotonic() < until:
    time.sleep(0.05)
print("changed while this ran:", limit() != before)
"""
RUNAWAY = """%%pmat_limit 200MB
import time
taken = []
for _ in range(64):
    taken.append(bytearray(32 * 2**20))
    time.sleep(0.02)
"""


def test_the_widget_shows_what_the_kernel_holds(dashboard: DashboardPage) -> None:
    rss = dashboard.notebook.value("__import__('psutil').Process().memory_info().rss")
    assert abs(bytes_of(dashboard.headline()) - rss) < 40 * MB
    assert dashboard.titles()[:2] == ["Live", "Pools"]


def test_the_chart_moves_while_a_cell_runs(dashboard: DashboardPage) -> None:
    dashboard.open("Live")
    first = bytes_of(dashboard.headline())
    line = "(root) => root.querySelector('.pmat-rss').getAttribute('d')"
    drawn = dashboard.root.evaluate(line)
    before = dashboard.notebook.start(SCRATCH, GROW)
    dashboard.wait("(root) => /runs for/.test(root.querySelector('.pmat-headline').textContent)")
    dashboard.wait(f"(root, values) => ({line})(root) !== values.drawn", drawn=drawn)
    grown = _wait_for_growth(dashboard, first + 100 * MB)
    assert "[*]" in dashboard.notebook.cell(SCRATCH).inner_text(), "it moved only afterwards"
    assert grown > first + 100 * MB
    dashboard.notebook.finish(SCRATCH, before)
    dashboard.notebook.run(SCRATCH, "del held")


def _wait_for_growth(dashboard: DashboardPage, least: int) -> int:
    for _ in range(200):
        now = bytes_of(dashboard.headline())
        if now > least:
            return now
        dashboard.page.wait_for_timeout(50)
    raise AssertionError(f"still {dashboard.headline()}")


def test_a_slider_sets_the_limit_in_the_kernel(dashboard: DashboardPage) -> None:
    slider = dashboard.open("Pools").get_by_role("slider", name="Limit of cache")
    before = dashboard.notebook.value(CACHE_LIMIT)
    for _ in range(6):
        slider.press("ArrowLeft")
    dashboard.page.wait_for_timeout(500)
    now = dashboard.notebook.wait_for_value(CACHE_LIMIT, lambda value: value < before)
    told = bytes_of(slider.get_attribute("aria-valuetext") or "")
    assert abs(told - now) <= 0.01 * now
    # And the other way: what a magic sets, the slider shows.
    dashboard.notebook.run(SCRATCH, "%pmat_configure --cache-pool 2GB")
    dashboard.wait_for_slider("Limit of cache", "2.00 GB")


def test_controls_work_while_a_cell_runs(dashboard: DashboardPage) -> None:
    slider = dashboard.open("Pools").get_by_role("slider", name="Limit of cache")
    before = dashboard.notebook.start(SCRATCH, UNTIL_CHANGED)
    dashboard.notebook.wait_for_output(SCRATCH, "looking")
    slider.press("ArrowLeft")
    assert "changed while this ran: True" in dashboard.notebook.finish(SCRATCH, before)


def test_a_stop_is_told_under_its_cell(dashboard: DashboardPage) -> None:
    dashboard.open("Live")
    told = dashboard.notebook.run(SCRATCH, RUNAWAY)
    assert "MemoryLimitExceeded" in told
    assert "the cell may add 200 MB" in told
    assert "Kernel and variables are alive" in told
    dashboard.notebook.output(SCRATCH).scroll_into_view_if_needed()
    dashboard.page_shot("stop-light")
    dashboard.notebook.run(SCRATCH, "taken = None")
    dashboard.wait_for_figures()


def test_after_a_reload_the_widget_is_there_again(dashboard: DashboardPage) -> None:
    dashboard.notebook.reload()
    dashboard.wait_for_figures()
    drawn = "(root) => (root.querySelector('.pmat-rss')?.getAttribute('d') ?? '').length > 20"
    dashboard.wait(drawn)
    dashboard.open("Pools").get_by_role("slider", name="Limit of cache").wait_for()
