"""The tabs that act on the user's variables, in a notebook as people leave them."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import ANY

import pytest

from .conftest import Open
from .dashboard_page import SCRATCH, DashboardPage, bytes_of
from .looks import faint_texts, nameless
from .servers import JupyterServer

# Columns that could be smaller, an array held twice, a cache.
WORK = """
import numpy as np, pandas as pd, pmat_nb
rng = np.random.default_rng(7)
n = 600_000
trades = pd.DataFrame({
    "id": np.arange(n), "qty": rng.integers(0, 90, n),
    "city": pd.Series(rng.choice(["Oslo", "Rome", "Lima", "Kyiv"], n), dtype=object),
    "price": rng.random(n),
})
features = rng.random((n, 24))
backup = features.copy()

@pmat_nb.cache(name="windows")
def window(width):
    return np.convolve(features[:, 0], np.ones(width), "same")

averages = {width: window(width).mean() for width in (5, 10, 20, 5, 10)}
"""
MORE = """
import time
parts = []
for month in range(12):
    parts.append(rng.random((n // 4, 16)))
    time.sleep(0.2)
joined = np.concatenate(parts[:4])
"""
# What would be markup, if names were.
HOSTILE = "<img src=x onerror=document.title='taken'>"
BUSY = "import time\nprint('runs')\ntime.sleep(3)"
# The widest that is drawn within a bar's frame, as a share of it.
DRAWN = """(bar) => Math.max(...[...bar.querySelectorAll(".pmat-track span")].map((one) =>
  one.getBoundingClientRect().width)) / (bar.querySelector(".pmat-track").clientWidth)"""
SHOWN = ("Live", "Pools", "Variables", "Recommendations", "Pressure", "History")


@pytest.fixture(scope="module")
def worked(lab: JupyterServer, pages: Open) -> DashboardPage:
    """A dashboard beside some work."""
    dashboard = DashboardPage.opened(pages(lab))
    dashboard.notebook.run(SCRATCH, "%pmat_limit 1.2GB")
    for cell in (WORK, MORE):
        assert dashboard.notebook.run(SCRATCH, cell).strip() == ""
    dashboard.notebook.run(SCRATCH, "del parts")
    return dashboard


@pytest.fixture(autouse=True)
def unharmed(worked: DashboardPage) -> Iterator[None]:
    worked.notebook.problems.clear()
    yield
    assert worked.notebook.problems == []
    assert worked.notebook.foreign_requests() == []
    assert worked.page.title() != "taken"


def test_a_recommendation_is_applied_and_taken_back(worked: DashboardPage) -> None:
    panel = worked.open("Recommendations")
    panel.get_by_role("button", name="Look for savings").click()
    cards = panel.get_by_role("list", name="Recommendations").get_by_role("listitem")
    card = cards.filter(has_text="trades: 1 column as category")
    card.wait_for()
    listed = panel.locator(".pmat-headline").inner_text()
    sizes = "[int(v) for v in trades.memory_usage(deep=True)]"
    before = worked.notebook.value(sizes)
    total = worked.notebook.value("float(trades['price'].sum() + trades['qty'].sum())")
    card.get_by_role("button", name="Apply").click()
    card.get_by_role("button", name="Yes").click()
    done = panel.get_by_role("table", name="Done so far, the last first")
    done.get_by_text("applied", exact=True).first.wait_for()
    assert sum(worked.notebook.value(sizes)) < sum(before)
    assert worked.notebook.value("float(trades['price'].sum() + trades['qty'].sum())") == total
    row = done.get_by_role("row").nth(1).get_by_role("cell").all_inner_texts()
    assert all("B" in text for text in row[2:4]), f"estimated and measured: {row}"
    card.get_by_text("✓ applied: ").wait_for()
    assert card.get_by_role("button", name="Apply").count() == 0
    headline = panel.locator(".pmat-headline")
    assert headline.inner_text().endswith("· 1 applied") and headline.inner_text() != listed
    back = card.get_by_role("button", name="Take back")
    assert back.evaluate("(one) => one === document.activeElement")
    for theme in ("dark", "light"):
        worked.notebook.set_theme(theme == "dark")
        worked.shot(f"dashboard-recommendations-{theme}")
    back.click()
    done.get_by_text("taken back", exact=True).first.wait_for()
    assert worked.notebook.value(sizes) == before
    card.get_by_role("button", name="Apply").wait_for()
    assert headline.inner_text() == listed


def test_a_variable_is_deleted_only_when_asked_twice(worked: DashboardPage) -> None:
    panel = worked.open("Variables")
    table = panel.get_by_role("table", name="Variables", exact=True)
    row = table.get_by_role("row").filter(has_text="backup")
    row.get_by_role("button", name="Delete backup").click()
    question = row.get_by_role("group", name="Delete it?")
    question.get_by_role("button", name="No").click()
    assert worked.notebook.value("'backup' in globals()")
    row.get_by_role("button", name="Delete backup").click()
    question.get_by_role("button", name="Yes").click()
    worked.notebook.wait_for_value("'backup' in globals()", lambda there: not there)


def test_a_variable_is_parked_and_brought_back(worked: DashboardPage) -> None:
    panel = worked.open("Variables")
    panel.get_by_role("button", name="Park averages on disk").click()
    worked.notebook.wait_for_value("'averages' in globals()", lambda there: not there)
    panel.get_by_role("button", name="Bring back averages").click()
    worked.notebook.wait_for_value("'averages' in globals()", bool)
    assert worked.notebook.value("len(averages)") == 3


def test_a_double_click_on_yes_deletes_once(worked: DashboardPage) -> None:
    long = "very_long_" + "name_" * 40
    worked.notebook.run(
        SCRATCH, f"{long} = bytearray(9 << 20)\nnext_one = bytearray(8 << 20)\nlast_one = 1"
    )
    panel = worked.open("Variables")
    panel.get_by_role("button", name="Refresh").click()
    table = panel.get_by_role("table", name="Variables", exact=True)
    panel.get_by_role("button", name=f"Delete {long}").click()
    top = table.bounding_box()
    panel.get_by_role("button", name="Yes").dblclick()
    # As one that is slow: the kernel has answered in between.
    message = panel.get_by_text("deleted very_long_").first
    message.wait_for()
    assert message.get_attribute("title") == message.inner_text()
    box = message.bounding_box()
    assert box and box["height"] < 45 and message.evaluate("(m) => m.scrollWidth <= m.clientWidth")
    assert table.bounding_box() == {**(top or {}), "height": ANY}
    panel.get_by_role("button", name=f"Delete {long}").wait_for(state="detached")
    focused = worked.root.evaluate("() => document.activeElement.getAttribute('aria-label')")
    assert focused.startswith("Delete "), focused
    worked.page.wait_for_timeout(500)
    assert worked.notebook.value("'next_one' in globals() and 'last_one' in globals()")
    assert panel.get_by_role("group", name="Delete it?").count() == 0
    assert panel.get_by_role("button", name="Bring back").count() == 0
    worked.shot("dashboard-variables-long")
    worked.notebook.run(SCRATCH, "del next_one, last_one")


def test_a_pools_bar_draws_what_its_label_says(worked: DashboardPage) -> None:
    panel = worked.open("Pools")
    panel.locator(".pmat-words", has_text=" of ").first.wait_for()
    bars = panel.locator(".pmat-budget").all()
    told = [(bar.inner_text(), bar.evaluate(DRAWN)) for bar in bars]
    known = [(text, drawn) for text, drawn in told if " of " in text]
    assert len(known) >= 2, told
    for text, drawn in known:
        kept, budget = text.split(" of ")
        share = bytes_of(kept) / bytes_of(budget) if bytes_of(budget) else 0
        assert abs(drawn - share) < 0.02, (text, drawn)


def test_in_a_narrow_page_nothing_is_clipped_without_a_hint(worked: DashboardPage) -> None:
    worked.page.set_viewport_size({"width": 560, "height": 900})
    try:
        panel = worked.open("Pools")
        worked.page.wait_for_timeout(300)
        wide = panel.locator(".pmat-wide", has=worked.page.get_by_role("table", name="Pools"))
        assert wide.get_attribute("data-more") is not None
        assert panel.locator(".pmat-entry").first.evaluate(
            "(one) => one.scrollWidth <= one.clientWidth"
        )
        worked.shot("dashboard-pools-narrow")
        wide.evaluate("(one) => { one.scrollLeft = one.scrollWidth; }")
        worked.page.wait_for_timeout(200)
        assert wide.get_attribute("data-more") is None
    finally:
        worked.page.set_viewport_size({"width": 1280, "height": 900})


def test_names_are_text_and_not_markup(worked: DashboardPage) -> None:
    panel = worked.open("Variables")
    worked.notebook.run(SCRATCH, f"globals()[{HOSTILE!r}] = bytearray(3 << 20)")
    panel.get_by_role("button", name="Refresh").click()
    panel.get_by_text(HOSTILE).first.wait_for()
    assert panel.locator("img").count() == 0
    worked.notebook.run(SCRATCH, f"del globals()[{HOSTILE!r}]")


def test_what_touches_variables_says_that_it_waits(worked: DashboardPage) -> None:
    panel = worked.open("Variables")
    before = worked.notebook.start(SCRATCH, BUSY)
    worked.notebook.wait_for_output(SCRATCH, "runs")
    panel.get_by_role("button", name="Park joined on disk").click()
    panel.get_by_text("waits until the running cell has ended").first.wait_for()
    worked.notebook.finish(SCRATCH, before)
    worked.notebook.wait_for_value("'joined' in globals()", lambda there: not there)
    panel.get_by_role("button", name="Bring back joined").click()
    worked.notebook.wait_for_value("'joined' in globals()", bool)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab_can_be_read(worked: DashboardPage, theme: str) -> None:
    worked.notebook.set_theme(theme == "dark")
    wrong = {}
    for title in SHOWN:
        worked.open(title)
        if title == "Live":
            worked.root.get_by_label("Show the last").select_option("60")
            worked.root.get_by_role("button", name="Size now").click()
        worked.page.wait_for_timeout(500)
        if title != "Recommendations":
            worked.shot(f"dashboard-{title.lower()}-{theme}")
        if found := faint_texts(worked.root) + nameless(worked.root):
            wrong[title] = found
    worked.notebook.set_theme(False)
    assert wrong == {}
