"""What the dashboard's other tabs show and do, in real kernels, by the messages of a page."""

from __future__ import annotations

from typing import Any

from .page import Page

# -- leaks -----------------------------------------------------------------------------------


def test_leaks_say_what_to_type_and_show_the_last_report(page: Page) -> None:
    shown = page.show("leaks")
    assert shown["suspects"] == [] and "no cell is suspected" in shown["headline"]
    page.kernel.run(
        "import pmat_nb as pmat, types\nlib = types.ModuleType('lib'); lib.kept = []\n"
        "import sys; sys.modules['lib'] = lib\n"
        "with pmat.track_leaks() as tracker:\n"
        "    for n in range(24):\n"
        "        lib.kept.append(bytearray(200_000))\n"
        "        tracker.mark()\n"
    )
    rows = page.show("leaks")["last"]["rows"]
    assert rows[0]["rate"] > 150_000 and rows[0]["site"].startswith("In[")
    page.kernel.run("%pmat_leaks start")
    assert page.show("leaks")["tracking"] is True
    page.kernel.run("%pmat_leaks stop")


# -- recommendations -------------------------------------------------------------------------

FRAME = (
    "import numpy as np, pandas as pd\n"
    "frame = pd.DataFrame({'city': ['Bern', 'Wien', 'Rom', 'Oslo'] * 100_000})\n"
    "before = frame['city'].tolist()"
)


def listed(page: Page) -> dict[str, Any]:
    assert page.order("recommend list")["kind"] == "done"
    found: dict[str, Any] = page.show("recommendations")
    return found


def test_nothing_is_looked_for_until_it_is_asked_for(page: Page) -> None:
    shown = page.show("recommendations")
    assert shown["rows"] == [] and shown["undos"] == 0


def test_a_recommendation_is_applied_measured_and_taken_back(page: Page) -> None:
    page.kernel.run(FRAME)
    shown = listed(page)
    row = next(one for one in shown["rows"] if one["where"] == "frame" and one["undo"])
    assert "--" not in row["note"]
    order, listing_summary = {"row": row["row"], "listing": shown["listing"]}, shown["summary"]
    if row["risk"] != "none":
        assert page.order("recommend apply", **order)["kind"] == "refused"
    dtype = page.kernel.value("str(frame['city'].dtype)")
    done = page.order("recommend apply", **order, confirmed=True)
    assert done["kind"] == "done", done
    assert page.kernel.value("str(frame['city'].dtype)") != dtype
    shown = page.show("recommendations")
    assert shown["undos"] == 1
    (applied,) = shown["runs"][0]["rows"]
    assert applied["state"] == "done" and applied["estimated"] > 0
    assert applied["measured"] is not None

    number, summary = row["row"], shown["summary"]
    (now,) = (one for one in shown["rows"] if one["row"] == number)
    assert now["done"] == {"measured": applied["measured"]} and now["back"] == "next"
    assert "1 applied" in summary and summary != listing_summary
    again = page.order("recommend apply", **order, confirmed=True)
    assert again["kind"] == "refused" and "applied already" in again["text"]

    assert page.order("recommend undo", undos=2)["kind"] == "refused"
    assert page.order("recommend undo", undos=1)["kind"] == "done"
    assert page.kernel.value("str(frame['city'].dtype)") == dtype
    assert page.kernel.value("frame['city'].tolist() == before")
    shown = page.show("recommendations")
    assert shown["undos"] == 0 and shown["runs"][0]["rows"][0]["state"] == "undone"
    assert shown["summary"] == listing_summary
    assert all(one["done"] is None and one["back"] == "" for one in shown["rows"])


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
    assert page.show("recommendations")["listing"] == shown["listing"] + 1


# -- pressure ----------------------------------------------------------------------------------


def bounds(page: Page) -> dict[str, float]:
    return {name: value for name, value, *_ in page.show("pressure")["bounds"]}


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
    assert page.show("pressure")["runs"] == []
    done = page.order("pressure simulate", level="MEDIUM", confirmed=True)
    assert "done" in {step["state"] for step in done["data"]["steps"]}
    assert page.show("pressure")["runs"][0]["simulated"] is True
    assert page.order("pressure simulate", level="HUGE")["kind"] == "refused"


def test_responses_are_switched_on_and_off(page: Page) -> None:
    assert page.show("pressure")["auto"] is False
    page.order("pressure respond", on=True)
    assert page.show("pressure")["auto"] is True
    page.order("pressure respond", on=False)
    shown = page.show("pressure")
    assert shown["auto"] is False and [plan["level"] for plan in shown["plans"]] == shown["levels"]
    assert shown["samples"] and all(fraction >= 0 for _, fraction in shown["samples"])


# -- history -----------------------------------------------------------------------------------


def test_history_has_the_cells_and_where_they_lead(page: Page) -> None:
    for _ in range(3):
        page.kernel.run("grown = bytearray(3 * 2**20)  # <b>bold</b>")
    shown = page.show("history")
    newest = shown["cells"][0]
    assert newest["own"] and "<b>bold</b>" in newest["line"]
    assert newest["peak"] is None or newest["peak"] >= newest["growth"]
    assert len(shown["forecasts"]) >= 1 and shown["sessions"][0]["ended"] == "this kernel"
    assert shown["deaths"] == [] and shown["problems"] == []
    assert shown["sessions"][0]["limit"] == shown["limit"] is not None
    assert page.show("history")["at"] == shown["at"]
    page.kernel.run("raise ValueError")
    assert page.show("history")["cells"][0]["failed"] is True
