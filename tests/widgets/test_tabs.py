"""What the dashboard's tabs show and do, in real kernels, by the messages of a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.kernel import Kernel

from .page import Page, subshell_of

MIB = 1024**2


@pytest.fixture
def page(kernel: Kernel) -> Iterator[Page]:
    kernel.run("%reset -f", silent=True)
    kernel.run("%load_ext pmat_nb")
    made = Page(kernel)
    yield made
    kernel.run("%pmat_configure --reset")
    made.close_comm()
    kernel.run("%reset -f out", silent=True)


def panels(page: Page, tab: str) -> list[Any]:
    return [one["data"] for one in page.heard if one["kind"] == "panel" and one["tab"] == tab]


def show(page: Page, tab: str) -> Any:
    """The tab as the kernel reads it now; as a page does, again where it is behind."""
    while (shown := _read(page, tab)).get("behind_s") is not None:
        if tab == "variables":
            page.order("variables size")
        else:
            page.kernel.drain(shown["behind_s"])
    return shown


def _read(page: Page, tab: str) -> dict[str, Any]:
    before = len(panels(page, tab))
    answer = page.order("show", tab=tab)
    assert answer["kind"] == "done", answer
    page.wait(lambda: len(panels(page, tab)) > before)
    found: dict[str, Any] = panels(page, tab)[-1]
    return found


def row_of(page: Page, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        row for row in show(page, "variables")["rows"] if row["name"] == name
    )
    return found


# -- variables -----------------------------------------------------------------------------


def test_variables_are_sized_as_the_magic_does(page: Page) -> None:
    page.kernel.run("data = bytes(5 * 2**20); alias = data; box = [data]")
    shown = show(page, "variables")
    assert shown["total"] == 2 and shown["complete"] is True
    assert shown["cell"].startswith("In[")
    rows = {row["name"]: row for row in shown["rows"]}
    assert rows["data"]["shared"] > 5 * MIB and "box" in rows["data"]["held"]
    assert rows["data"]["type"] == "bytes"
    page.kernel.run("del box")
    assert row_of(page, "data")["retained"] > 5 * MIB


def test_nothing_is_sized_again_while_nothing_has_changed(page: Page) -> None:
    page.kernel.run("n = 1")
    first = show(page, "variables")
    assert show(page, "variables")["at"] == first["at"]
    assert page.order("variables size")["kind"] == "done"
    assert show(page, "variables")["at"] > first["at"]


def test_hostile_names_are_text_and_can_be_acted_on(page: Page) -> None:
    names = ["<img src=x onerror=alert(1)>", "a\u202eb", "s\ud800", "line\nbreak", "x" * 500]
    page.kernel.run(f"for name in {names!r}: globals()[name] = bytearray(2**20)\ndel name")
    shown = {row["name"] for row in show(page, "variables")["rows"]}
    assert names[0] in shown and names[4] in shown
    assert {"a\\u202eb", "s\\ud800", "line\\nbreak"} <= shown
    for name in shown:
        assert "1.0 MB" in page.order("variables why", name=name)["data"]["why"].replace("00", "0")
        done = page.order("variables delete", name=name, confirmed=True)
        assert done["kind"] == "done", done
    assert show(page, "variables")["total"] == 0


def test_of_names_that_read_alike_none_is_touched(page: Page) -> None:
    page.kernel.run("globals()['a\\n'] = 1; globals()[r'a\\n'] = 2")
    refused = page.order("variables delete", name="a\\n", confirmed=True)
    assert refused["kind"] == "refused" and "more than one" in refused["text"]
    assert show(page, "variables")["total"] == 2


def test_why_a_variable_is_alive(page: Page) -> None:
    page.kernel.run("data = bytes(5 * 2**20); box = {'k': data}")
    answer = page.order("variables why", name="data")
    assert answer["kind"] == "done" and "box['k']" in answer["data"]["why"]
    gone = page.order("variables why", name="nothing")
    assert gone["kind"] == "refused" and "nothing" in gone["text"]


def test_a_parked_variable_gives_its_memory_back_and_comes_back(page: Page) -> None:
    kernel = page.kernel
    kernel.run("data = bytearray(b'ab' * (20 * 2**20)); alias = data\nkept = hash(bytes(data))")
    kernel.run("data")  # IPython's history holds it as well
    before = kernel.value("__import__('psutil').Process().memory_info().rss")
    done = page.order("variables park", name="data")
    assert done["kind"] == "done" and "alias, data" in done["text"].replace(
        "data, alias", "alias, data"
    )
    after = kernel.value("__import__('psutil').Process().memory_info().rss")
    assert before - after > 30 * MIB
    assert not {"data", "alias"} & set(kernel.namespace())
    shown = show(page, "variables")
    (parked,) = shown["parked"]
    assert parked["stored"] > 40 * MIB and "data" not in {row["name"] for row in shown["rows"]}
    assert kernel.value(f"__import__('os').stat({parked['path']!r}).st_mode & 0o777") == 0o600

    kernel.run("data = 'mine'")
    refused = page.order("variables back", key=parked["key"])
    assert refused["kind"] == "refused" and "data has a value" in refused["text"]
    kernel.run("del data")
    assert page.order("variables back", key=parked["key"])["kind"] == "done"
    assert kernel.value("hash(bytes(data)) == kept and alias is data")
    assert show(page, "variables")["parked"] == []
    assert page.order("variables back", key=parked["key"])["kind"] == "refused"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("kept = (n for n in range(3))", "generator"),
        ("class C:\n    def __reduce__(self): return (C, (5,))\nkept = C()", "cannot be read back"),
        (
            "class Odd:\n    def __reduce__(self): return (int, (5,))\nkept = Odd()\ndel Odd",
            "another type",
        ),
    ],
)
def test_what_would_not_come_back_is_not_parked(page: Page, source: str, why: str) -> None:
    page.kernel.run(source)
    refused = page.order("variables park", name="kept")
    assert refused["kind"] == "refused" and why in refused["text"], refused
    assert "kept" in page.kernel.namespace()
    assert show(page, "variables")["parked"] == []
    # It was not for a fault of ours: others can still be parked.
    page.kernel.run("kept = 'x' * 100")
    assert page.order("variables park", name="kept")["kind"] == "done"
    (parked,) = show(page, "variables")["parked"]
    page.order("variables back", key=parked["key"])


def test_the_next_kernel_of_the_notebook_has_what_was_parked(new_kernel: Kernel) -> None:
    new_kernel.start()
    new_kernel.run("%load_ext pmat_nb\ndata = bytes(range(256)) * 1000")
    assert Page(new_kernel).order("variables park", name="data")["kind"] == "done"
    new_kernel.restart()
    new_kernel.run("%load_ext pmat_nb")
    page = Page(new_kernel)
    (parked,) = show(page, "variables")["parked"]
    assert page.order("variables back", key=parked["key"])["kind"] == "done"
    assert new_kernel.value("data == bytes(range(256)) * 1000")


def test_deleting_needs_a_yes_and_leaves_other_names_alone(page: Page) -> None:
    kernel = page.kernel
    kernel.run("data = bytearray(30 * 2**20); alias = data")
    kernel.run("data")
    refused = page.order("variables delete", name="data")
    assert refused["kind"] == "refused" and "data" in kernel.namespace()
    done = page.order("variables delete", name="data", confirmed=True)
    assert done["kind"] == "done" and "alias is the same object" in done["text"]
    assert "alias" in kernel.namespace()
    done = page.order("variables delete", name="alias", confirmed=True)
    assert "30 MB came back" in done["text"], done
    assert kernel.value("[n for n, v in Out.items() if type(v) is bytearray]") == []


@pytest.mark.newest
def test_while_a_cell_runs_the_last_reading_is_shown_and_orders_wait(page: Page) -> None:
    kernel, subshell = page.kernel, subshell_of(page.kernel)
    kernel.run("data = bytes(2**20)")
    known = show(page, "variables")
    running = kernel.send("import time; late = 1; time.sleep(3)")
    page.wait_for_live(lambda now: now["running"])
    shown = len(panels(page, "variables"))
    assert page.answer(page.send("show", subshell=subshell, tab="variables"), 2)["kind"] == "done"
    page.wait(lambda: len(panels(page, "variables")) > shown, 2)
    assert panels(page, "variables")[-1] == known
    assert page.answer(page.send("show", subshell=subshell, tab="pressure"), 2)["kind"] == "done"
    waits = page.send("variables delete", subshell=subshell, name="data", confirmed=True)
    kernel.drain(0.5)
    assert not kernel.wire.is_done(running)
    assert not [one for one in page.heard if one.get("number") == waits]
    kernel.collect(running)
    # Once it has ended what was asked for meanwhile comes, and what waited is done.
    page.wait(lambda: len(panels(page, "variables")) > shown + 1)
    assert page.answer(waits)["kind"] == "done"
    assert [row["name"] for row in show(page, "variables")["rows"]] == ["late"]


# -- leaks -----------------------------------------------------------------------------------


def test_leaks_say_what_to_type_and_show_the_last_report(page: Page) -> None:
    shown = show(page, "leaks")
    assert shown["suspects"] == [] and "no cell is suspected" in shown["headline"]
    page.kernel.run(
        "import pmat_nb as pmat, types\nlib = types.ModuleType('lib'); lib.kept = []\n"
        "import sys; sys.modules['lib'] = lib\n"
        "with pmat.track_leaks() as tracker:\n"
        "    for n in range(24):\n"
        "        lib.kept.append(bytearray(200_000))\n"
        "        tracker.mark()\n"
    )
    rows = show(page, "leaks")["last"]["rows"]
    assert rows[0]["rate"] > 150_000 and rows[0]["site"].startswith("In[")
    page.kernel.run("%pmat_leaks start")
    assert show(page, "leaks")["tracking"] is True
    page.kernel.run("%pmat_leaks stop")


# -- recommendations -------------------------------------------------------------------------

FRAME = (
    "import numpy as np, pandas as pd\n"
    "frame = pd.DataFrame({'city': ['Bern', 'Wien', 'Rom', 'Oslo'] * 100_000})\n"
    "before = frame['city'].tolist()"
)


def listed(page: Page) -> dict[str, Any]:
    assert page.order("recommend list")["kind"] == "done"
    found: dict[str, Any] = show(page, "recommendations")
    return found


def test_nothing_is_looked_for_until_it_is_asked_for(page: Page) -> None:
    shown = show(page, "recommendations")
    assert shown["rows"] == [] and shown["undos"] == 0


def test_a_recommendation_is_applied_measured_and_taken_back(page: Page) -> None:
    page.kernel.run(FRAME)
    shown = listed(page)
    row = next(one for one in shown["rows"] if one["where"] == "frame" and one["undo"])
    order = {"row": row["row"], "listing": shown["listing"]}
    if row["risk"] != "none":
        assert page.order("recommend apply", **order)["kind"] == "refused"
    dtype = page.kernel.value("str(frame['city'].dtype)")
    done = page.order("recommend apply", **order, confirmed=True)
    assert done["kind"] == "done", done
    assert page.kernel.value("str(frame['city'].dtype)") != dtype
    shown = show(page, "recommendations")
    assert shown["undos"] == 1
    (applied,) = shown["runs"][0]["rows"]
    assert applied["state"] == "done" and applied["estimated"] > 0
    assert applied["measured"] is not None

    assert page.order("recommend undo", undos=2)["kind"] == "refused"
    assert page.order("recommend undo", undos=1)["kind"] == "done"
    assert page.kernel.value("str(frame['city'].dtype)") == dtype
    assert page.kernel.value("frame['city'].tolist() == before")
    shown = show(page, "recommendations")
    assert shown["undos"] == 0 and shown["runs"][0]["rows"][0]["state"] == "undone"


def test_a_list_that_the_magic_renewed_is_not_applied_by_its_old_numbers(page: Page) -> None:
    page.kernel.run(FRAME)
    shown = listed(page)
    revision = page.moments[-1]["revision"]
    page.kernel.run("%pmat_recommend")
    page.wait_for_live(lambda now: now["revision"] > revision)
    refused = page.order(
        "recommend apply", row=shown["rows"][0]["row"], listing=shown["listing"], confirmed=True
    )
    assert refused["kind"] == "refused" and "another by now" in refused["text"]
    assert show(page, "recommendations")["listing"] == shown["listing"] + 1


# -- pressure ----------------------------------------------------------------------------------


def bounds(page: Page) -> dict[str, float]:
    return {name: value for name, value, *_ in show(page, "pressure")["bounds"]}


def test_thresholds_move_the_settings_and_every_open_page(page: Page) -> None:
    other = Page(page.kernel)
    assert page.order("pressure bound", bound="low", value=0.4)["kind"] == "done"
    assert "0.4" in page.kernel.run("%pmat_configure").stdout + str(
        page.kernel.value(
            "get_ipython().run_line_magic('pmat_pressure', '').to_dict()['thresholds']"
        )
    )
    other.wait_for_live(lambda now: now["bounds"][0][1] == 0.4)
    assert bounds(other)["low"] == 0.4
    page.kernel.run("%pmat_pressure --low 0.2")
    assert bounds(page)["low"] == 0.2
    refused = page.order("pressure bound", bound="low", value=0.95)
    assert refused["kind"] == "refused" and "above the one before" in refused["text"]
    assert page.order("pressure bound", bound="nonsense", value=0.5)["kind"] == "refused"
    assert bounds(page) == {"low": 0.2, "medium": 0.6, "high": 0.8}
    other.close_comm()


def test_simulating_does_nothing_unless_that_is_confirmed(page: Page) -> None:
    shown = page.order("pressure simulate", level="CRITICAL")
    assert shown["kind"] == "done" and "nothing of this was done" in shown["text"]
    assert {step["state"] for step in shown["data"]["steps"]} == {"shown"}
    assert show(page, "pressure")["runs"] == []
    done = page.order("pressure simulate", level="MEDIUM", confirmed=True)
    assert "done" in {step["state"] for step in done["data"]["steps"]}
    assert show(page, "pressure")["runs"][0]["simulated"] is True
    assert page.order("pressure simulate", level="HUGE")["kind"] == "refused"


def test_responses_are_switched_on_and_off(page: Page) -> None:
    assert show(page, "pressure")["auto"] is False
    page.order("pressure respond", on=True)
    assert show(page, "pressure")["auto"] is True
    page.order("pressure respond", on=False)
    shown = show(page, "pressure")
    assert shown["auto"] is False and [plan["level"] for plan in shown["plans"]] == shown["levels"]
    assert shown["samples"] and all(fraction >= 0 for _, fraction in shown["samples"])


# -- history -----------------------------------------------------------------------------------


def test_history_has_the_cells_and_where_they_lead(page: Page) -> None:
    for _ in range(3):
        page.kernel.run("grown = bytearray(3 * 2**20)  # <b>bold</b>")
    shown = show(page, "history")
    newest = shown["cells"][0]
    assert newest["own"] and "<b>bold</b>" in newest["line"]
    assert newest["peak"] is None or newest["peak"] >= newest["growth"]
    assert len(shown["forecasts"]) >= 1 and shown["sessions"][0]["ended"] == "this kernel"
    assert shown["deaths"] == [] and shown["problems"] == []
    assert show(page, "history")["at"] == shown["at"]
    page.kernel.run("raise ValueError")
    assert show(page, "history")["cells"][0]["failed"] is True
