"""What the list passes over is named at its end, with why; what is small is not."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pmat_nb.consumers.advice.columns import SmallerNumbers
from tune.scenes import found_by, scene_of

ROWS = 1_200_000
LARGE: Any = SimpleNamespace(reached_bytes=9 << 20, not_resident_bytes=0)
SMALL: Any = SimpleNamespace(reached_bytes=7 << 20, not_resident_bytes=0)


class MyFrame(pd.DataFrame):
    pass


def numbers() -> pd.Series:
    return pd.Series(np.arange(ROWS) % 10)


def words() -> list[str]:
    return ["".join(("word ", str(at))) for at in range(ROWS // 4)]


def notes_of(names: dict[str, Any], size: Any = LARGE) -> list[str]:
    notes: list[str] = []
    scene = replace(scene_of(names), tell=notes.append, sizes=dict.fromkeys(names, size))
    found_by(SmallerNumbers(), scene)
    return notes


def with_a_view_of_text() -> dict[str, Any]:
    names: dict[str, Any] = {"df": pd.DataFrame({"t": pd.Series(words(), dtype=object)})}
    names["part"] = names["df"]["t"].iloc[:10]
    return names


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: {"mine": MyFrame({"a": numbers()})}, "left alone, a subclass: mine (MyFrame)"),
        (
            lambda: {"odd": pd.DataFrame([[1, 2]], columns=["a", "a"])},
            "left alone, a label twice, or other labels than text and integers: odd",
        ),
    ],
)
def test_large_variables_that_are_passed_over_are_named(made: Any, said: str) -> None:
    assert notes_of(made()) == [said]
    assert notes_of(made(), SMALL) == []


def test_what_a_list_holds_too_is_named() -> None:
    names: dict[str, Any] = {"s": numbers(), "a": np.arange(ROWS), "few": np.arange(ROWS // 2)}
    names["model"] = list(names.values())
    why = "held by more than their names, or with attributes of their own"
    assert notes_of(names) == [f"left alone, {why}: s, a"]


def test_text_that_a_view_shares_is_named_though_its_places_alone_are_small() -> None:
    names = with_a_view_of_text()
    (said,) = notes_of(names)
    assert said.startswith("df: 1 column shares memory with a view")
    del names["part"]
    assert notes_of(names) == []


def test_of_many_some_are_named() -> None:
    names: dict[str, Any] = {f"m{at}": MyFrame({"a": [1]}) for at in range(7)}
    (said,) = notes_of(names)
    assert said.endswith("m3 (MyFrame), m4 (MyFrame) and 2 more")


def test_what_has_rows_is_not_named() -> None:
    assert notes_of({"df": pd.DataFrame({"a": numbers()}), "s": numbers(), "x": [1]}) == []


def test_a_thread_that_runs_is_named() -> None:
    names: dict[str, Any] = {"df": pd.DataFrame({"a": numbers()}), "done": threading.Event()}
    exec("def wait():\n    done.wait(60)\n", names)
    thread = threading.Thread(target=names["wait"])
    thread.start()
    try:
        while not any("thread of yours" in note for note in notes_of(names)):
            assert thread.is_alive()
    finally:
        names["done"].set()
        thread.join()
