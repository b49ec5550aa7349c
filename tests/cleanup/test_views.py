"""Small views of large arrays: found, copied where nothing else uses the array, else left."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pmat_nb.consumers.views import view_steps

LARGE = 1_000_000


def large() -> Any:
    return np.arange(LARGE, dtype="float64")


def clean(names: dict[str, Any]) -> list[str]:
    """Run what can be run; for each group why it was left, or that it was copied."""
    shell = SimpleNamespace(user_ns=names, user_ns_hidden={})
    return [step.left or f"copied{step.run()}" for step in view_steps(shell, True)]


def test_a_view_alone_becomes_a_copy() -> None:
    names = {"v": large()[5:15]}
    assert clean(names) == ["copied"]
    assert names["v"].base is None and names["v"].tolist() == list(range(5, 15))
    assert clean(names) == []


def test_without_the_wish_it_is_only_named() -> None:
    shell = SimpleNamespace(user_ns={"v": large()[:10]}, user_ns_hidden={})
    (step,) = view_steps(shell, False)
    assert "--compact" in step.left and step.estimated_bytes == 8 * LARGE - 80


def test_aliases_stay_one_object() -> None:
    names = {"v": large()[:10]}
    names["w"] = names["v"]
    assert clean(names) == ["copied"]
    assert names["v"] is names["w"] and names["v"].base is None


def test_views_apart_are_both_copied() -> None:
    base = large()
    names = {"v": base[:10], "w": base[10:20]}
    del base
    assert clean(names) == ["copied"]
    assert names["v"].base is None and names["w"].base is None


def test_views_that_overlap_go_on_sharing() -> None:
    base = large()
    names = {"v": base[:10], "w": base[5:20]}
    del base
    assert "overlap" in clean(names)[0]
    names["v"][9] = -1
    assert names["w"][4] == -1


def test_the_large_array_as_a_variable_is_nobodys_fault() -> None:
    base = large()
    assert clean({"v": base[:10], "base": base}) == []


KEEPERS: dict[str, Callable[[Any, Any], Any]] = {
    "list": lambda base, view: [base],
    "default": lambda base, view: lambda base=base: base,
    "weak reference": lambda base, view: weakref.ref(view),
    "memoryview": lambda base, view: memoryview(base),
}


@pytest.mark.parametrize("kind", KEEPERS)
def test_what_something_else_uses_is_left(kind: str) -> None:
    base = large()
    names: dict[str, Any] = {"v": base[:10]}
    kept = KEEPERS[kind](base, names["v"])
    del base
    view = id(names["v"])
    assert "else" in clean(names)[0] and id(names["v"]) == view
    del kept


def test_a_view_that_is_in_a_list_too_is_left() -> None:
    names: dict[str, Any] = {"v": large()[:10]}
    names["many"] = [names["v"]]
    assert "something else holds the view" in clean(names)[0]
    assert names["many"][0] is names["v"]


def test_while_a_thread_of_the_users_runs_nothing_is_replaced() -> None:
    names: dict[str, Any] = {"v": large()[:10], "go": threading.Event(), "up": threading.Event()}
    exec("def wait():\n    up.set()\n    go.wait(30)", names)
    thread = threading.Thread(target=names["wait"])
    thread.start()
    names["up"].wait(30)
    try:
        assert "thread" in clean(names)[0]
    finally:
        names["go"].set()
        thread.join()
    assert clean(names) == ["copied"]


@pytest.mark.parametrize(
    "made",
    [
        lambda: np.asfortranarray(np.ones((1000, 1000)))[:, :5],
        lambda: np.ones((1000, 1000))[::-1, :5],
        lambda: np.ones((1000, 1000))[:5].T,
        lambda: np.arange(LARGE, dtype=">i8")[3:9],
        lambda: np.array([None, "a", {}] * 300_000, dtype=object)[:4],
        lambda: np.zeros(LARGE, dtype=[("a", "i4"), ("b", "f8")])[2:5],
    ],
)
def test_the_copy_is_equal_in_every_way(made: Any) -> None:
    names = {"v": made()}
    old = names["v"].copy()
    flags, dtype, kinds = names["v"].flags, names["v"].dtype, type(names["v"])
    was = (flags.f_contiguous, flags.writeable)
    del flags
    assert clean(names) == ["copied"]
    new = names["v"]
    assert new.dtype == dtype and type(new) is kinds and (new == old).all()
    assert new.flags.writeable == was[1] and (not was[0] or new.flags.f_contiguous)


def test_a_read_only_view_stays_read_only() -> None:
    names = {"v": large()[:10]}
    names["v"].flags.writeable = False
    assert clean(names) == ["copied"] and not names["v"].flags.writeable


def test_subclasses_and_memory_maps_are_left(tmp_path: Any) -> None:
    class Own(np.ndarray):
        pass

    np.save(tmp_path / "a.npy", large())
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    names = {"own": large().view(Own)[:10], "mapped": np.asarray(mapped)[:10]}
    assert clean(names) == []
    masked = {"m": np.ma.masked_array(large())[:10]}
    assert clean(masked) == []


class TestTables:
    def frame(self) -> Any:
        index = pd.date_range("2000", periods=LARGE, freq="s")
        return pd.DataFrame({"a": large(), "n": np.arange(LARGE)}, index=index)

    def test_rows_of_a_frame(self) -> None:
        names = {"part": self.frame().iloc[10:20]}
        old = names["part"].copy()
        assert clean(names) == ["copied"]
        pd.testing.assert_frame_equal(names["part"], old, check_freq=True)
        assert clean(names) == []

    def test_a_column_of_a_frame(self) -> None:
        names = {"column": self.frame()["a"].iloc[:5]}
        assert clean(names) == ["copied"]
        assert names["column"].name == "a" and names["column"].tolist() == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("order", ["C", "F"])
    def test_the_order_in_memory_stays(self, order: Any) -> None:
        whole = np.array(np.arange(LARGE * 2.0).reshape(LARGE, 2), order=order)
        names = {"part": pd.DataFrame(whole).iloc[:10]}
        del whole
        was = names["part"].to_numpy().flags
        expected = (was.c_contiguous, was.f_contiguous)
        del was
        assert clean(names) == ["copied"]
        now = names["part"].to_numpy().flags
        assert not expected[0] or now.c_contiguous
        assert not expected[1] or now.f_contiguous

    def test_with_the_whole_frame_alive_nothing_is_found(self) -> None:
        whole = self.frame()
        names = {"part": whole.iloc[:10]}
        assert all("else" in left for left in clean(names))
        assert clean({"part": whole.iloc[:10], "whole": whole}) in ([], clean(names))

    def test_attributes_are_not_lost(self) -> None:
        names = {"part": self.frame().iloc[:10]}
        names["part"].attrs["source"] = ["here"]
        assert "attributes" in clean(names)[0] and names["part"].attrs == {"source": ["here"]}

    def test_a_weak_reference_of_the_users_stays_good(self) -> None:
        names = {"part": self.frame().iloc[:10]}
        watched = weakref.ref(names["part"])
        assert "else" in clean(names)[0] and watched() is names["part"]


def test_nothing_is_imported_for_it() -> None:
    import subprocess

    code = (
        "import sys; from types import SimpleNamespace\n"
        "from pmat_nb.consumers.views import view_steps\n"
        "assert not list(view_steps(SimpleNamespace(user_ns={'a': 1}, user_ns_hidden={}), True))\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
