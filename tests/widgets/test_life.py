"""What an open dashboard costs, and that a closed one leaves nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.asking import asker
from support.kernel import Kernel

from .page import Page

HERE = Path(__file__).with_name("in_kernel.py")


@pytest.fixture
def opened(fresh_kernel: Kernel) -> tuple[Page, Callable[..., Any]]:
    fresh_kernel.run("%load_ext pmat_nb")
    return Page(fresh_kernel), asker(fresh_kernel, HERE)


def test_unseen_it_measures_nothing(opened: tuple[Page, Callable[..., Any]]) -> None:
    page, ask = opened
    page.order("past")
    assert ask("threads") == 1
    page.send("gone")
    page.wait(lambda: ask("threads") == 0)
    page.order("here")
    assert ask("threads") == 1
    page.wait_for_live(lambda now: now["rss"])


def test_a_page_that_went_without_a_word_is_let_go(
    opened: tuple[Page, Callable[..., Any]],
) -> None:
    page, ask = opened
    page.wait_for_live(lambda now: now["rss"])
    page.kernel.run("import time; time.sleep(0)")
    ask("run_out")
    page.wait(lambda: ask("threads") == 0)
    page.order("past")
    assert ask("threads") == 1


def test_a_comm_that_the_front_end_closes_is_the_end_of_it(
    opened: tuple[Page, Callable[..., Any]],
) -> None:
    page, ask = opened
    other = Page(page.kernel)
    page.close_comm()
    page.wait(lambda: ask("dashboards") == [other.model])
    assert ask("threads") == 1
    other.close_comm()
    page.wait(lambda: ask("threads") == 0)


def test_close_and_unloading_end_it_too(opened: tuple[Page, Callable[..., Any]]) -> None:
    page, ask = opened
    page.kernel.run("d = _")
    assert page.kernel.run("d.close()").ok
    assert ask("threads") == 0
    assert page.kernel.run("d.close(); d").ok
    other = Page(page.kernel)
    assert ask("threads") == 1
    page.kernel.run("%unload_ext pmat_nb")
    assert ask("threads") == 0
    other.wait(lambda: other.messages("comm_close"))
    assert page.kernel.run("%load_ext pmat_nb").ok
    Page(page.kernel).wait_for_live(lambda now: now["rss"])


def test_the_kernel_ends_as_ever(opened: tuple[Page, Callable[..., Any]]) -> None:
    page, _ = opened
    assert page.kernel.shutdown() == 0


def test_it_holds_no_object_of_the_users(opened: tuple[Page, Callable[..., Any]]) -> None:
    page, _ = opened
    page.kernel.run("import weakref\nclass Thing: pass\nthing = Thing(); seen = weakref.ref(thing)")
    page.order("size")
    for tab, _title in page.state["tabs"]:
        assert page.order("show", tab=tab)["kind"] == "done", tab
    page.kernel.run("import gc; del thing; gc.collect();")
    assert page.kernel.value("seen() is None")


def test_updates_leave_nothing_behind(opened: tuple[Page, Callable[..., Any]]) -> None:
    page, ask = opened
    for _ in range(20):
        page.order("here")
    assert ask("soak", 900) < 60_000
    assert ask("routes_kept") == 0


@pytest.mark.newest
@pytest.mark.alone
def test_an_open_dashboard_takes_under_a_hundredth_of_a_core(
    opened: tuple[Page, Callable[..., Any]],
) -> None:
    page, ask = opened
    page.kernel.run("import numpy as np; x = np.ones(20_000_000)")
    page.wait(lambda: len(page.moments) >= 4)
    began = len(page.moments)
    spent_s, took_s = ask("cpu_of_feed", 15)
    assert spent_s / took_s < 0.01
    # At its usual pace all the same.
    assert len(page.moments) - began >= 8


def test_a_terminal_shows_the_report() -> None:
    cells = "get_ipython().run_line_magic('load_ext', 'pmat_nb')\n" + (
        "get_ipython().run_line_magic('pmat_dashboard', '')"
    )
    made = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", cells],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Total Allocated" in made.stdout, made.stderr
