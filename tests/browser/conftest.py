"""One browser, one server of each kind, and a notebook whose dashboard is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .chromium import open_browser
from .dashboard_page import DashboardPage
from .notebook_page import NotebookPage
from .program import MISSING, chromium
from .servers import JupyterServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# %load_ext, the dashboard, and a cell for whatever a test runs.
CELLS = ("%load_ext pmat_nb", "%pmat_dashboard", "")
Open = Callable[..., NotebookPage]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def tidy(isolated: Path) -> None:
    """In place of a look at processes: browser and servers find what is left of theirs."""


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip(MISSING)
    with open_browser(program, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def _server(
    kind: str, tmp_path_factory: pytest.TempPathFactory, cache: Path
) -> Iterator[JupyterServer]:
    folder = tmp_path_factory.mktemp(kind)
    with JupyterServer(kind, folder, MPLCONFIGDIR=str(cache)) as server:
        yield server


@pytest.fixture(scope="package")
def lab(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, shared_cache: Path
) -> Iterator[JupyterServer]:
    yield from _server("lab", tmp_path_factory, shared_cache)


@pytest.fixture(scope="package")
def notebook7(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, shared_cache: Path
) -> Iterator[JupyterServer]:
    yield from _server("notebook", tmp_path_factory, shared_cache)


@pytest.fixture(scope="package")
def pages(browser: Browser) -> Iterator[Open]:
    """Opens notebooks; all are closed at the end, and none may have complained."""
    opened: list[NotebookPage] = []

    def open_page(server: JupyterServer, cells: Sequence[str] = CELLS) -> NotebookPage:
        opened.append(NotebookPage(browser, server, cells))
        return opened[-1]

    yield open_page
    for page in opened:
        page.close()


@pytest.fixture(scope="package")
def lab_dashboard(lab: JupyterServer, pages: Open) -> DashboardPage:
    """A dashboard in JupyterLab, for all tests that leave it open."""
    return DashboardPage.opened(pages(lab))


@pytest.fixture
def dashboard(lab_dashboard: DashboardPage) -> Iterator[DashboardPage]:
    """The shared dashboard; a test fails of what the page complains of meanwhile."""
    lab_dashboard.notebook.problems.clear()
    yield lab_dashboard
    assert lab_dashboard.notebook.problems == []
    assert lab_dashboard.notebook.foreign_requests() == []
