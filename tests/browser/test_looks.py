"""What the tests of the dashboard look for is found where it is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from .dashboard_page import DashboardPage
from .looks import faint_texts, nameless, shifts, watch_shifts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BAD = """
<div class="jp-Notebook" style="background: #202020; color: #eee">
  <button></button> <button aria-label="Save"></button> <input type="range">
  <p style="color: #555">hard to read</p> <p>easy to read</p>
  <p id="last" style="margin: 0; height: 300px">below</p>
</div>
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page()
    made.set_content(BAD)
    yield made
    made.close()


def test_controls_without_a_name_are_found(page: Page) -> None:
    assert nameless(page.locator(".jp-Notebook")) == ["- button", '- slider: "50"']


def test_text_that_is_hard_to_read_is_found(page: Page) -> None:
    ((text, contrast),) = faint_texts(page.locator(".jp-Notebook"))
    assert text == "hard to read" and 1 < contrast < 4.5


def test_what_moves_by_itself_is_found(page: Page) -> None:
    watch_shifts(page)
    # What moves right after a page has come counts as expected.
    page.wait_for_timeout(700)
    assert shifts(page) == 0
    page.evaluate("() => { document.querySelector('#last').style.marginTop = '200px'; }")
    page.wait_for_timeout(300)
    assert shifts(page) > 0.02


def test_errors_and_requests_beyond_this_machine_are_found(lab_dashboard: DashboardPage) -> None:
    notebook = lab_dashboard.notebook
    notebook.problems.clear()
    before = list(notebook.requests)
    # 192.0.2.0/24 is for documentation: nothing answers there.
    notebook.page.evaluate("() => { fetch('http://192.0.2.1/x').catch(() => {}); }")
    notebook.page.evaluate("() => { console.error('told'); setTimeout(() => { throw 1; }); }")
    notebook.page.wait_for_timeout(200)
    assert any("told" in text for text in notebook.problems)
    assert len(notebook.problems) >= 2
    assert notebook.foreign_requests() == ["http://192.0.2.1/x"]
    notebook.problems.clear()
    notebook.requests[:] = before
