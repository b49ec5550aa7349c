"""The search itself, without a kernel: bounds, dead ends, what the collector cannot see."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from pmat_nb.engine.holders import Root
from pmat_nb.engine.referrers import find_paths
from pmat_nb.engine.steps import Step


class Named:
    """One dictionary as the only root; frames of the test itself are out of sight."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def ends(self, holder: object, chain: Sequence[object]) -> list[Root] | None:
        if holder is not self.namespace:
            return None
        return [Root(k, "variable") for k, v in self.namespace.items() if v is chain[0]]

    def pinned(self, value: object) -> Iterable[Root]:
        return ()

    def ignored(self, holder: object) -> bool:
        return False


class NoArrays:
    def types(self) -> frozenset[type]:
        return frozenset()

    def members(self, value: Any) -> Iterable[object]:
        return ()

    def describe(self, chain: Sequence[Any]) -> Step | None:
        return None


class Leaf:
    pass


def texts(namespace: dict[str, Any], target: object, **bounds: Any) -> list[str]:
    bounds.setdefault("budget_s", 30.0)
    return [p.text for p in find_paths(target, Named(namespace), NoArrays(), **bounds).paths]


def test_shortest_first() -> None:
    leaf = Leaf()
    names = {"far": [[[leaf]]], "near": [leaf], "self": leaf}
    assert texts(names, leaf) == ["self", "near[0]", "far[0] → list[0] → list[0]"]


def test_dictionaries_and_tuples_that_the_collector_does_not_watch() -> None:
    text = "".join(["some", " text"])
    table = {"k": text}
    gc.collect()
    assert texts({"table": table, "nested": (({"a": text},),)}, text)[0] == "table['k']"


def test_depth_is_bounded_and_said() -> None:
    leaf = Leaf()
    names: dict[str, Any] = {"x": leaf}
    for _ in range(20):
        names = {"x": [names["x"]]}
    search = find_paths(leaf, Named(names), NoArrays(), max_depth=3, budget_s=30)
    assert (search.paths, search.complete) == ((), False)


def test_time_is_bounded_and_said() -> None:
    ticks = iter(range(10_000))
    leaf = Leaf()
    search = find_paths(
        leaf, Named({"x": [[leaf]]}), NoArrays(), budget_s=1, clock=lambda: float(next(ticks))
    )
    assert not search.complete


def test_hundreds_of_holders_end_the_search_soon() -> None:
    leaf = Leaf()
    search = find_paths(leaf, Named({}), NoArrays(), budget_s=30, max_depth=3)
    holders = [[[leaf]] for _ in range(500)]
    search = find_paths(leaf, Named({"h": holders}), NoArrays(), budget_s=30, max_depth=3)
    assert len(search.paths) <= 24
    del holders


def test_numbers_of_references_are_as_before() -> None:
    leaf = Leaf()
    names = {"x": [leaf], "y": {"k": (leaf,)}}
    before = sys.getrefcount(leaf)
    texts(names, leaf)
    assert sys.getrefcount(leaf) == before


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["list", "tuple", "dict", "object"]), max_size=4))
def test_a_path_evaluates_to_the_object(kinds: list[str]) -> None:
    """A path of plain places, read as Python, leads to the target."""
    leaf: Any = Leaf()
    value: Any = leaf
    for kind in kinds:
        if kind == "object":
            holder = Leaf()
            holder.part = value  # type: ignore[attr-defined]
            value = holder
        else:
            value = {"list": [0, value], "tuple": (0, value), "dict": {"k": value}}[kind]
    (text,) = texts({"root": value}, leaf)
    expression = text
    for name in ("list", "tuple", "dict", "Leaf"):
        expression = expression.replace(f" → {name}", "")
    assert eval(expression, {"root": value}) is leaf


def test_the_engine_needs_the_standard_library_alone() -> None:
    code = (
        "import sys, pmat_nb.engine.referrers\n"
        "print([m for m in ('numpy', 'IPython', 'pandas', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
