"""The dashboard in real kernels, by the messages that a page sends and gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support.asking import asker
from support.kernel import Kernel

from .page import VIEW, Page, subshell_of

MIB = 1024**2
UPDATE_BYTES = 5 * 1024


@pytest.fixture
def ask(kernel: Kernel) -> Callable[..., Any]:
    return asker(kernel, Path(__file__).with_name("in_kernel.py"))


@pytest.fixture
def page(kernel: Kernel) -> Iterator[Page]:
    kernel.run("%load_ext pmat_nb")
    made = Page(kernel)
    yield made
    kernel.run("%pmat_configure --reset")
    if kernel.is_alive():
        made.close_comm()
        kernel.run("%reset -f out", silent=True)


def test_it_opens_with_all_that_the_page_needs(page: Page) -> None:
    assert page.state["_model_module"] == "anywidget"
    assert [name for name, _ in page.state["tabs"]][:2] == ["live", "pools"]
    assert page.state["hues"]["CRITICAL"].startswith("#")
    assert "http" not in page.state["_esm"].replace("http://www.w3.org/2000/svg", "")
    now = page.wait_for_live(lambda now: now["sized"])
    assert now["rss"] > 20 * MIB and now["level"] in ("LOW", "MEDIUM", "HIGH", "CRITICAL")
    assert page.state["parts"][0][0] == "libraries"
    assert {key for key, _ in now["stack"]} <= {key for key, *_ in page.state["parts"]}


def test_where_no_widget_runs_it_is_text_and_a_picture(page: Page) -> None:
    assert set(page.bundle) >= {VIEW, "text/plain", "text/html", "image/svg+xml"}
    assert page.bundle["text/plain"].lstrip().startswith("kernel ")
    assert "Total Allocated" in page.bundle["text/plain"]
    assert "data:image/svg+xml;base64," in page.bundle["text/html"]
    drawn = ElementTree.fromstring(page.bundle["image/svg+xml"])
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert any("libraries" in str(word) for word in words)


def test_nbconvert_shows_the_picture_and_the_report(page: Page) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    shown = nbformat.v4.new_output("execute_result", page.bundle, execution_count=1)
    cell = nbformat.v4.new_code_cell("%pmat_dashboard", outputs=[shown], execution_count=1)
    html, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert '<img alt="kernel ' in html and "Total Allocated" in html
    assert "widget-view" not in html


def test_hostile_names_stay_text_in_the_picture(kernel: Kernel) -> None:
    kernel.run("%load_ext pmat_nb")
    kernel.run("globals()['<b onload=\"x\">&\\x00\u202e'] = bytearray(90_000_000)")
    page = Page(kernel)
    drawn = page.bundle["image/svg+xml"]
    assert "<b" not in drawn and 'onload="' not in drawn
    ElementTree.fromstring(drawn)
    page.close_comm()
    kernel.reset()


def test_it_moves_while_a_cell_runs(page: Page) -> None:
    page.wait_for_live(lambda now: now["rss"])
    before = len(page.moments)
    running = page.kernel.send(
        "import time\nheld = []\n"
        "for _ in range(8):\n    held.append(bytearray(8_000_000)); time.sleep(0.5)"
    )
    page.kernel.collect(running)
    during = [now for now in page.moments[before:] if now["running"]]
    assert len(during) >= 3
    assert during[-1]["rss"] - during[0]["rss"] > 16 * MIB
    label = during[-1]["running"][0]
    page.wait_for_live(lambda now: now["running"] is None)
    ended = [cell[0] for now in page.moments[before:] for cell in now["cells"]]
    assert label in ended and len(ended) == len(set(ended))
    page.kernel.run("del held", silent=True)


def test_a_cell_is_sized_once_it_has_ended(page: Page) -> None:
    page.kernel.run("x = bytearray(60_000_000)")
    assert page.order("size")["text"].startswith("sizing ")
    page.wait_for_live(lambda now: dict(now["stack"]).get("analysis", 0) >= 55 * MIB)
    page.kernel.run("del x")


def test_a_limit_acts_at_once_on_every_page(page: Page, ask: Callable[..., Any]) -> None:
    other = Page(page.kernel)
    assert page.order("pool limit", pool="cache", value=300 * MIB)["kind"] == "done"
    assert ask("limit", "cache") == 300 * MIB
    for one in (page, other):
        now = one.wait_for_live(lambda now: now["pools"]["cache"][2] == 300 * MIB, 5)
    mark = next(mark for now in other.moments for mark in now["marks"])
    assert mark[1:] == ["cache", "cache limit 300 MB"]
    seen = now["revision"]
    page.kernel.run("%pmat_configure --cache-pool 200MB")
    for one in (page, other):
        now = one.wait_for_live(lambda now: now["pools"]["cache"][2] == 200 * MIB, 5)
        assert now["revision"] > seen
    other.close_comm()


def test_sizes_are_text_too_and_pools_may_be_the_users_own(
    page: Page, ask: Callable[..., Any]
) -> None:
    page.kernel.run("import pmat_nb as pmat; pmat.pools.create('gpu', limit='1GB')")
    assert page.order("pool limit", pool="gpu", value="64MB")["kind"] == "done"
    assert ask("limit", "gpu") == 64 * MIB
    assert page.order("pool limit", pool="string", value="off")["kind"] == "done"
    assert ask("limit", "string") is None
    page.order("show", tab="pools")
    shown = next(one["data"] for one in reversed(page.heard) if one["kind"] == "panel")
    rows = {row["name"]: row for row in shown["rows"]}
    assert rows["gpu"]["limit"] == 64 * MIB and rows["string"]["limit"] is None
    # The moment that is heard first may be from before there was such a pool.
    page.wait_for_live(lambda now: "gpu" in now["pools"] and now["pools"]["gpu"][2] == 64 * MIB)


def test_refusals_beside_a_control_name_no_option(page: Page) -> None:
    refused = page.order("pool limit", pool="cache", value="50%")
    assert refused["kind"] == "refused" and "--" not in refused["text"]
    assert refused["text"].startswith("'50%' is not") and "for example 512MB" in refused["text"]


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"do": "pool limit", "pool": "cache", "value": "many"}, "'many'"),
        ({"do": "pool limit", "pool": "nosuch", "value": 1}, "nosuch"),
        ({"do": "pool limit"}, "None"),
        ({"do": "pools setting", "key": "pool_growth", "value": "sideways"}, "'sideways'"),
        ({"do": "show", "tab": "nosuch"}, "'nosuch'"),
        ({"do": "__class__"}, "'__class__'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(page: Page, order: dict[str, Any], said: str) -> None:
    answer = page.order(order.pop("do"), **order)
    assert answer["kind"] == "refused" and said in answer["text"]
    assert page.order("here")["kind"] == "done"


def test_growth_and_policy_are_settings(page: Page) -> None:
    assert page.order("pools setting", key="pool_growth", value="linear")["kind"] == "done"
    assert page.order("pools setting", key="cache_policy", value="lfu")["kind"] == "done"
    page.order("show", tab="pools")
    shown = next(one["data"] for one in reversed(page.heard) if one["kind"] == "panel")
    assert shown["settings"]["pool_growth"]["value"] == "linear"
    assert shown["settings"]["cache_policy"]["value"] == "lfu"
    assert {row["growth"] for row in shown["rows"] if row["growth"]} == {"linear"}


def test_optimise_shows_before_and_after_and_then_does_it(
    page: Page, ask: Callable[..., Any]
) -> None:
    page.kernel.run(
        "import pmat_nb as pmat\n@pmat.cache(name='squares')\ndef squares(n):\n"
        "    return bytes(n * 1000)\n"
        "for _ in range(2):\n    for n in range(1, 40): squares(n)"
    )
    before = ask("limit", "cache")
    found = page.order("pools preview")
    changes = {row["what"]: row for row in found["data"]["changes"]}
    assert changes["limit of cache"]["before"] == "1 GB" and before == 1024 * MIB
    assert ask("limit", "cache") == before
    done = page.order("pools apply")
    assert f"1 GB → {changes['limit of cache']['after']}" in done["text"]
    assert ask("limit", "cache") < before


def test_work_on_objects_waits_until_the_cell_has_ended(page: Page) -> None:
    running = page.kernel.send("import time; time.sleep(3)")
    number = page.send("size")
    page.kernel.drain(1.0)
    assert not page.kernel.wire.is_done(running)
    assert not [one for one in page.heard if one.get("number") == number]
    page.kernel.collect(running)
    ended = time.monotonic()
    assert page.answer(number)["kind"] == "done"
    assert time.monotonic() - ended < 10


@pytest.mark.newest
def test_on_a_subshell_limits_act_while_a_cell_runs(page: Page) -> None:
    subshell = subshell_of(page.kernel)
    running = page.kernel.send(
        "import time, pmat_nb; print('running', flush=True)\n"
        "given_up = time.monotonic() + 20\n"
        f"while pmat_nb.pools['cache'].limit_bytes != {77 * MIB}:\n"
        "    assert time.monotonic() < given_up\n    time.sleep(0.05)\n"
        "time.sleep(1); print('seen')"
    )
    page.kernel.wait_for_output(running, "running")
    waits = page.send("size", subshell=subshell)
    number = page.send("pool limit", subshell=subshell, pool="cache", value=77 * MIB)
    assert page.kernel.collect(running).stdout.split() == ["running", "seen"]
    assert page.answer(number)["kind"] == "done"
    assert page.answer(waits)["kind"] == "done"
    order = [one.get("number") for one in page.heard]
    assert order.index(number) < order.index(waits)


def test_a_page_that_is_loaded_again_gets_the_past(page: Page) -> None:
    page.kernel.run("1 + 1")
    page.wait(lambda: len(page.moments) >= 2)
    # The parts are read after the first moment is told.
    page.wait_for_live(lambda now: now["stack"])
    page.order("past")
    past = next(one["data"] for one in page.heard if one["kind"] == "past")
    assert len(past["at"]) == len(past["rss"]) == len(past["limit"]) >= 2
    assert past["at"] == sorted(past["at"])
    assert past["cells"] and past["stacks"]
    assert set(page.moments[-1]["stack"][0]) & {"libraries"}


def test_updates_are_small(page: Page) -> None:
    page.kernel.run("import pmat_nb as pmat\nfor n in range(6): pmat.pools.create(f'own_{n}')")
    page.wait(lambda: len(page.moments) >= 3)
    assert max(page.sizes()) < UPDATE_BYTES
