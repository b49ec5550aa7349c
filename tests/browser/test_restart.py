"""What a page says while its kernel cannot be asked: it runs a cell, or is no more."""

from __future__ import annotations

import pytest

from .conftest import Open
from .dashboard_page import SCRATCH, SHOW, DashboardPage
from .servers import JupyterServer

LOST = "The kernel was restarted: run %pmat_dashboard again"
BUSY = "import time\nprint('runs')\ntime.sleep(3)\none = 1"
DIE = "import os; os._exit(1)"


@pytest.mark.parametrize("how", ["restarted", "died"])
def test_after_a_restart_the_page_says_so(lab: JupyterServer, pages: Open, how: str) -> None:
    dashboard = DashboardPage.opened(pages(lab))
    notebook = dashboard.notebook
    panel = dashboard.open("Variables")
    panel.get_by_role("button", name="Refresh").click()
    notebook.problems.clear()
    if how == "restarted":
        notebook.restart()
    else:
        notebook.start(SCRATCH, DIE)
        notebook.page.get_by_role("dialog").get_by_role("button", name="Ok").click()
    dashboard.root.get_by_text(LOST).wait_for()
    assert panel.get_by_role("button", name="Refresh").is_disabled()
    for title in ("Pools", "Recommendations", "Variables"):
        dashboard.open(title)
    dashboard.page.wait_for_timeout(1000)
    assert "waits until" not in dashboard.root.inner_text()
    dashboard.shot(f"dashboard-{how}")
    notebook.run(SCRATCH, "%load_ext pmat_nb")
    notebook.start(SHOW)
    dashboard.wait("(root) => !/was restarted|has ended:/.test(root.textContent)")
    dashboard.wait_for_figures()
    # JupyterLab notes so when a kernel that ends closes its comms, any widget's.
    noted = "Comm not found for comm id"
    assert [one for one in notebook.problems if not one.startswith(noted)] == []
    notebook.close()


def test_a_tab_that_was_never_read_waits_for_the_cell(lab: JupyterServer, pages: Open) -> None:
    dashboard = DashboardPage.opened(pages(lab))
    before = dashboard.notebook.start(SCRATCH, BUSY)
    dashboard.notebook.wait_for_output(SCRATCH, "runs")
    panel = dashboard.open("Variables")
    panel.get_by_text("waits until the running cell has ended").wait_for()
    assert "No variables yet" not in panel.inner_text()
    dashboard.notebook.finish(SCRATCH, before)
    panel.get_by_text("1 variable").wait_for()
    assert "waits until" not in panel.inner_text()
    dashboard.notebook.close()
