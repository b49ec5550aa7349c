"""Two names for one object stay two names for one object, over any graph."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from .support import Folder

KINDS = ("list", "dict", "tuple", "box", "set", "bytes", "lock")


class Box:
    def __init__(self) -> None:
        self.items: dict[str, Any] = {}


@st.composite
def graphs(draw: st.DrawFn, kinds: tuple[str, ...] = KINDS) -> dict[str, Any]:
    """Variables over up to 8 objects that refer to each other at random, cycles included."""
    nodes: list[Any] = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(kinds))
        chosen = draw(st.lists(st.sampled_from(nodes), max_size=3)) if nodes else []
        nodes.append(made(kind, chosen))
    for node in nodes:
        if isinstance(node, list | dict | Box):
            fill(node, draw(st.lists(st.sampled_from(nodes), max_size=3)))
    count = draw(st.integers(1, 5))
    return {f"v{i}": draw(st.sampled_from(nodes)) for i in range(count)}


def made(kind: str, inner: list[Any]) -> Any:
    plain: dict[str, Any] = {
        "list": list,
        "dict": dict,
        "tuple": lambda: (*inner, 1),
        "box": Box,
        "set": lambda: {1, 2},
        "bytes": lambda: bytearray(b"x"),
        "lock": threading.Lock,
    }
    return plain[kind]()


def fill(node: Any, inner: list[Any]) -> None:
    if isinstance(node, list):
        node.extend(inner)
    else:
        table = node if isinstance(node, dict) else node.items
        table.update({str(i): value for i, value in enumerate(inner)})


def inside(value: Any) -> list[Any]:
    if isinstance(value, Box):
        return [value.items]
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def reach(value: Any) -> Iterator[Any]:
    seen, rest = set(), [value]
    while rest:
        item = rest.pop()
        if id(item) not in seen:
            seen.add(id(item))
            rest.extend(inside(item))
            yield item


def assert_same_graph(left: dict[str, Any], right: dict[str, Any]) -> None:
    """One-to-one between the mutable objects of both sides, and equal all along."""
    there: dict[int, int] = {}
    back: dict[int, int] = {}
    pairs = [(left[name], right[name]) for name in left]
    done = set()
    while pairs:
        a, b = pairs.pop()
        assert type(a) is type(b)
        if not isinstance(a, tuple | int | str):
            assert there.setdefault(id(a), id(b)) == id(b)
            assert back.setdefault(id(b), id(a)) == id(a)
        if (id(a), id(b)) not in done:
            done.add((id(a), id(b)))
            inner_a, inner_b = inside(a), inside(b)
            assert len(inner_a) == len(inner_b)
            pairs.extend(zip(inner_a, inner_b, strict=True))
            if not inner_a and not isinstance(a, Box):
                assert a == b


def has_lock(value: Any) -> bool:
    return any(isinstance(item, type(threading.Lock())) for item in reach(value))


@given(values=graphs())
def test_the_aliasing_graph_comes_back(values: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        report = folder.save(values, durable=False)
        back = folder.restore()
    failed = {name for name, value in values.items() if has_lock(value)}
    assert {name for name, _ in report.skipped} == failed
    assert_same_graph({n: v for n, v in values.items() if n not in failed}, back)


@given(values=graphs(kinds=tuple(kind for kind in KINDS if kind != "lock")), data=st.data())
def test_part_of_it_comes_back_alike(values: dict[str, Any], data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(values))))
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        folder.save(values, durable=False)
        back = folder.restore(names)
    assert back.keys() == names
    assert_same_graph({name: values[name] for name in names}, back)


def test_variables_that_share_nothing_are_apart(folder: Folder) -> None:
    shared = [1]
    report = folder.save({"a": [shared], "b": {"x": shared}, "c": [1], "d": "x", "e": "x"})
    together = {item.name: item.shared_with for item in report.saved}
    assert together == {"a": ("b",), "b": ("a",), "c": (), "d": (), "e": ()}


def test_large_immutable_values_are_stored_once(folder: Folder) -> None:
    text = "x" * 500_000
    numbers = tuple(range(100_000))
    report = folder.save({"a": text, "b": [text], "c": numbers, "d": {"n": numbers}})
    assert report.total_bytes < len(text) + 5 * len(numbers) + 10_000
    back = folder.restore()
    assert back["a"] is back["b"][0]
    assert back["c"] is back["d"]["n"]


def test_immutable_singletons_do_not_tie_variables_together(folder: Folder) -> None:
    import datetime

    import numpy as np
    import pandas as pd

    values = {
        "a": np.arange(5.0),
        "b": np.arange(6.0),
        "c": pd.DataFrame({"x": [1.0], "t": pd.to_datetime(["2020"], utc=True)}),
        "d": pd.DataFrame({"x": [2.0], "t": pd.to_datetime(["2021"], utc=True)}),
        "e": [datetime.UTC, Path("x"), np.float64(1), len],
        "f": [datetime.UTC, Path("x"), np.float64(1), len],
    }
    report = folder.save(values)
    assert {item.name: item.shared_with for item in report.saved} == dict.fromkeys(values, ())


def test_sharing_is_seen_through_an_object_that_failed_once(folder: Folder) -> None:
    class FailsOnce:
        calls = 0

        def __reduce__(self) -> Any:
            FailsOnce.calls += 1
            if FailsOnce.calls == 1:
                raise ValueError("not yet")
            return int, (1,)

    shared = [1]
    inner = [FailsOnce(), shared]
    report = folder.save({"first": inner, "again": [inner], "shared": shared})
    assert [name for name, _ in report.skipped] == ["first"]
    back = folder.restore()
    assert back["again"][0][1] is back["shared"]
