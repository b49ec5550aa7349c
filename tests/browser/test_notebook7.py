"""The dashboard in a real Notebook 7."""

from __future__ import annotations

from .conftest import Open
from .dashboard_page import CACHE_LIMIT, SCRATCH, DashboardPage
from .servers import JupyterServer


def test_the_widget_is_shown_and_acts(notebook7: JupyterServer, pages: Open) -> None:
    notebook = pages(notebook7)
    dashboard = DashboardPage.opened(notebook)
    slider = dashboard.open("Pools").get_by_role("slider", name="Limit of cache")
    notebook.run(SCRATCH, "%pmat_configure --cache-pool 2GB")
    dashboard.wait_for_slider("Limit of cache", "2.00 GB")
    slider.press("ArrowLeft")
    notebook.wait_for_value(CACHE_LIMIT, lambda value: value < 2 * 1024**3)
    dashboard.open("Live")
    dashboard.page_shot("notebook-7")
    assert notebook.problems == []
    assert notebook.foreign_requests() == []
