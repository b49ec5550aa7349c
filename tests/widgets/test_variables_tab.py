"""The dashboard's variables tab in real kernels: sizes, why alive, to disk and back, away."""

from __future__ import annotations

from typing import Any

import pytest
from support.kernel import Kernel

from .page import Page, subshell_of

MIB = 1024**2


def row_of(page: Page, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        row for row in page.show("variables")["rows"] if row["name"] == name
    )
    return found


def test_variables_are_sized_as_the_magic_does(page: Page) -> None:
    page.kernel.run("data = bytes(5 * 2**20); alias = data; box = [data]")
    shown = page.show("variables")
    assert shown["total"] == 2 and shown["complete"] is True
    assert shown["cell"].startswith("In[")
    rows = {row["name"]: row for row in shown["rows"]}
    assert rows["data"]["shared"] > 5 * MIB and "box" in rows["data"]["held"]
    assert rows["data"]["type"] == "bytes"
    page.kernel.run("del box")
    assert row_of(page, "data")["retained"] > 5 * MIB


def test_nothing_is_sized_again_while_nothing_has_changed(page: Page) -> None:
    page.kernel.run("n = 1")
    first = page.show("variables")
    assert page.show("variables")["at"] == first["at"]
    assert page.order("variables size")["kind"] == "done"
    assert page.show("variables")["at"] > first["at"]


def test_hostile_names_are_text_and_can_be_acted_on(page: Page) -> None:
    names = ["<img src=x onerror=alert(1)>", "a\u202eb", "s\ud800", "line\nbreak", "x" * 500]
    page.kernel.run(f"for name in {names!r}: globals()[name] = bytearray(2**20)\ndel name")
    shown = {row["name"] for row in page.show("variables")["rows"]}
    assert names[0] in shown and names[4] in shown
    assert {"a\\u202eb", "s\\ud800", "line\\nbreak"} <= shown
    for name in shown:
        assert "1.0 MB" in page.order("variables why", name=name)["data"]["why"].replace("00", "0")
        done = page.order("variables delete", name=name, confirmed=True)
        assert done["kind"] == "done", done
    assert page.show("variables")["total"] == 0


def test_of_names_that_read_alike_none_is_touched(page: Page) -> None:
    page.kernel.run("globals()['a\\n'] = 1; globals()[r'a\\n'] = 2")
    refused = page.order("variables delete", name="a\\n", confirmed=True)
    assert refused["kind"] == "refused" and "more than one" in refused["text"]
    assert page.show("variables")["total"] == 2


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
    shown = page.show("variables")
    (parked,) = shown["parked"]
    assert parked["stored"] > 40 * MIB and "data" not in {row["name"] for row in shown["rows"]}
    assert kernel.value(f"__import__('os').stat({parked['path']!r}).st_mode & 0o777") == 0o600

    kernel.run("data = 'mine'")
    refused = page.order("variables back", key=parked["key"])
    assert refused["kind"] == "refused" and "data has a value" in refused["text"]
    kernel.run("del data")
    assert page.order("variables back", key=parked["key"])["kind"] == "done"
    assert kernel.value("hash(bytes(data)) == kept and alias is data")
    assert page.show("variables")["parked"] == []
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
    assert page.show("variables")["parked"] == []
    # It was not for a fault of ours: others can still be parked.
    page.kernel.run("kept = 'x' * 100")
    assert page.order("variables park", name="kept")["kind"] == "done"
    (parked,) = page.show("variables")["parked"]
    page.order("variables back", key=parked["key"])


def test_the_next_kernel_of_the_notebook_has_what_was_parked(new_kernel: Kernel) -> None:
    new_kernel.start()
    new_kernel.run("%load_ext pmat_nb\ndata = bytes(range(256)) * 1000")
    assert Page(new_kernel).order("variables park", name="data")["kind"] == "done"
    new_kernel.restart()
    new_kernel.run("%load_ext pmat_nb")
    page = Page(new_kernel)
    (parked,) = page.show("variables")["parked"]
    assert page.order("variables back", key=parked["key"])["kind"] == "done"
    assert new_kernel.value("data == bytes(range(256)) * 1000")


def test_what_is_parked_is_discarded_only_after_a_yes(page: Page) -> None:
    page.kernel.run("data = 'x' * 1000")
    page.order("variables park", name="data")
    (parked,) = page.show("variables")["parked"]
    assert page.order("variables discard", key=parked["key"])["kind"] == "refused"
    assert page.kernel.value(f"__import__('os').path.exists({parked['path']!r})")
    done = page.order("variables discard", key=parked["key"], confirmed=True)
    assert done["kind"] == "done" and "data" in done["text"]
    assert not page.kernel.value(f"__import__('os').path.exists({parked['path']!r})")
    assert page.show("variables")["parked"] == []
    refused = page.order("variables discard", key="../../elsewhere", confirmed=True)
    assert refused["kind"] == "refused"


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
    known = page.show("variables")
    go = kernel.folder / "go"
    go.unlink(missing_ok=True)
    running = kernel.send(
        "import os, time; late = 1; print('running', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)"
    )
    # Not what the feed says: that may still be of the cell before.
    kernel.wait_for_output(running, "running")
    shown = len(page.panels("variables"))
    assert page.answer(page.send("show", subshell=subshell, tab="variables"))["kind"] == "done"
    page.wait(lambda: len(page.panels("variables")) > shown)
    assert page.panels("variables")[-1] == known
    assert page.answer(page.send("show", subshell=subshell, tab="pressure"))["kind"] == "done"
    waits = page.send("variables delete", subshell=subshell, name="data", confirmed=True)
    kernel.drain(0.5)
    assert not kernel.wire.is_done(running)
    assert not [one for one in page.heard if one.get("number") == waits]
    go.touch()
    kernel.collect(running)
    # Once it has ended what was asked for meanwhile comes, and what waited is done.
    page.wait(lambda: len(page.panels("variables")) > shown + 1)
    assert page.answer(waits)["kind"] == "done"
    assert [row["name"] for row in page.show("variables")["rows"]] == ["late"]


@pytest.mark.newest
def test_while_a_cell_runs_a_tab_that_was_never_read_says_that_it_waits(page: Page) -> None:
    kernel, subshell = page.kernel, subshell_of(page.kernel)
    go = kernel.folder / "go"
    go.unlink(missing_ok=True)
    running = kernel.send(
        "import os, time; print('running', flush=True)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.05)"
    )
    kernel.wait_for_output(running, "running")
    asked = page.send("show", subshell=subshell, tab="variables")
    assert page.answer(asked)["kind"] == "waits"
    assert page.panels("variables") == []
    go.touch()
    kernel.collect(running)
    page.wait(lambda: page.panels("variables"))
