"""The dashboard for everyone: keyboard, screen readers, contrast, themes, and nothing jumps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .dashboard_page import SCRATCH, DashboardPage
from .looks import faint_texts, nameless, shifts, watch_shifts

MANY = """
for _n in range(1000):
    globals()[f"variable_{_n:04d}_" + "x" * (_n % 60)] = bytearray(100 + _n)
"""
CLEAR = "for _n in [n for n in globals() if n.startswith('variable_')]: del globals()[_n]"


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest, dashboard: DashboardPage) -> Iterator[str]:
    dashboard.notebook.set_theme(request.param == "dark")
    yield request.param
    dashboard.notebook.set_theme(False)


def test_tabs_are_reached_with_the_arrow_keys(dashboard: DashboardPage) -> None:
    titles = dashboard.titles()
    dashboard.tab("Live").click()
    for title in [*titles[1:], titles[0]]:
        dashboard.page.keyboard.press("ArrowRight")
        assert dashboard.tab(title).get_attribute("aria-selected") == "true"
        assert dashboard.tab(title).evaluate("(tab) => tab === document.activeElement")
        assert dashboard.root.get_by_role("tabpanel").count() == 1
    dashboard.page.keyboard.press("ArrowLeft")
    assert dashboard.tab(titles[-1]).get_attribute("aria-selected") == "true"
    # One stop for all the tabs; the next is in the panel.
    assert dashboard.root.locator("[role=tab][tabindex='0']").count() == 1
    dashboard.page.keyboard.press("Tab")
    assert dashboard.root.evaluate(
        "(root) => root.querySelector('[role=tabpanel]:not([hidden])')"
        ".contains(document.activeElement)"
    )


def test_every_control_has_a_name(dashboard: DashboardPage) -> None:
    for title in dashboard.titles():
        panel = dashboard.open(title)
        assert nameless(dashboard.root) == [], title
        tab = dashboard.tab(title)
        assert tab.get_attribute("aria-controls") == panel.get_attribute("id")
    ids = dashboard.root.evaluate("(root) => [...root.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))


def test_every_text_can_be_read_in_either_theme(dashboard: DashboardPage, theme: str) -> None:
    faint = {}
    for title in dashboard.titles():
        dashboard.open(title)
        dashboard.page.wait_for_timeout(300)
        if found := faint_texts(dashboard.root):
            faint[title] = found
    assert faint == {}


def test_nothing_jumps_at_a_thousand_variables(dashboard: DashboardPage) -> None:
    watch_shifts(dashboard.page)
    notebook = dashboard.notebook
    top = "(cell) => cell.getBoundingClientRect().top"
    place = {}
    for title in dashboard.titles():
        dashboard.open(title)
        dashboard.page.wait_for_timeout(300)
        place[title] = notebook.cell(SCRATCH).evaluate(top)
    notebook.run(SCRATCH, MANY)
    dashboard.page.wait_for_timeout(1500)
    for title in dashboard.titles():
        dashboard.open(title)
        dashboard.page.wait_for_timeout(300)
        assert notebook.cell(SCRATCH).evaluate(top) == pytest.approx(place[title], abs=2), title
    assert shifts(dashboard.page) < 0.02
    notebook.run(SCRATCH, CLEAR)
