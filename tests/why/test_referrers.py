"""The search itself, without a kernel: bounds, dead ends, what the collector cannot see."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from pmat_nb.engine.referrers import find_paths
from why.why_helpers import Named, NoArrays


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


def test_a_search_leaves_asyncio_usable() -> None:
    """Asking the collector about the module _asyncio corrupts it on Python 3.12.0 to 3.12.5."""
    code = (
        "import asyncio, gc\n"
        "from why_helpers import search\n"
        "async def job():\n"
        "    future = asyncio.get_running_loop().create_future()\n"
        "    asyncio.get_running_loop().call_soon(future.set_result, 1)\n"
        "    return await future\n"
        "for _ in range(20):\n"
        "    assert asyncio.run(job()) == 1\n"
        "    search(); gc.collect()\n"
        "print('fine')"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r})\n{code}"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "fine", done.stderr
