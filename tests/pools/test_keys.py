"""Keys of calls: equal content gives equal keys, anything else different ones."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import itertools
import math
from collections import OrderedDict, deque, namedtuple
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.consumers.managed.keys import UnsupportedError, content_key


def key(*values: Any) -> Any:
    return content_key([(f"argument {n}", value) for n, value in enumerate(values)])


@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


Pair = namedtuple("Pair", "a b")

FRAME = {"n": [1, 2, 3], "s": ["a", "b", None], "t": pd.to_datetime(["2024", "2025", None])}


def different() -> list[Any]:
    """Values of which no two are the same call."""
    array = np.arange(6)
    series = pd.Series([1, 2, 3])
    return [
        *(1, 1.0, True, 1 + 0j, "1", b"1", bytearray(b"1"), decimal.Decimal(1), None, ...),
        *(0.0, -0.0, float("inf"), "", b"", 0, False, 2**70, -1),
        *([], (), {}, set(), frozenset(), deque(), [1], (1,), [1.0], [True], [[1]], [1, [2]]),
        *({1}, frozenset([1]), {1: 2}, {2: 1}, OrderedDict({1: 2}), {"a": 1, "b": 2}),
        *({"b": 2, "a": 1}, ["ab", "c"], ["a", "bc"], ["abc"], ("a", ("b",)), ("a", "b")),
        *(Point(1), Point(1.0), Point(1, 1), Colour.RED, Colour.BLUE, Pair(1, 2), (1, 2), [1, 2]),
        *(range(3), range(1, 3), slice(1), slice(1, 2), datetime.date(2024, 1, 1)),
        *(datetime.datetime(2024, 1, 1), datetime.timedelta(1)),
        *(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), math.sin, math.cos, np.sum, int, str),
        *(np.int64(1), np.int32(1), np.float64(1), np.bool_(True), np.dtype("i4"), np.dtype("i8")),
        *(array, array.astype("i4"), array.astype(float), array.reshape(2, 3), array.reshape(3, 2)),
        *(array[::2], array.reshape(2, 3).T, array.astype("M8[s]"), array.astype("M8[ns]")),
        *(np.zeros(0), np.zeros((0, 3)), np.array(1), np.array(["a", "b"]), np.array([b"a", b"b"])),
        *(np.array(["a", 1], object), np.array(["a", 1.0], object), np.array(["a", True], object)),
        *(series, series.astype("i4"), series.astype("Int64"), series.rename("a")),
        *(series.astype("category"), pd.Series([1, 2, None], dtype="Int64"), series.iloc[:2]),
        *(
            pd.Series([1, 2, 3], index=[0, 1, 3]),
            pd.Series(["a", "b"], dtype="string"),
            pd.Series(["ab", ""]),
        ),
        *(pd.Series(["a", "b"], dtype=object), pd.Series(["a", None]), pd.Series(["a", "None"])),
        *(pd.Index([1, 2, 3]), pd.Index([1, 2, 3], name="i"), pd.RangeIndex(1, 4)),
        *(pd.MultiIndex.from_tuples([(1, 2)]), pd.MultiIndex.from_tuples([(2, 1)])),
        *(pd.date_range("2024", periods=3), pd.date_range("2024", periods=3, tz="UTC")),
        *(pd.Timestamp("2024"), pd.Timedelta(1), pd.NaT, pd.NA),
        *(pd.DataFrame(FRAME), pd.DataFrame(FRAME).rename(columns={"n": "m"}), pd.DataFrame()),
        *(pd.DataFrame(FRAME).iloc[::-1], pd.DataFrame(FRAME)[["s", "n", "t"]]),
        *(pd.DataFrame({"a": [1], "b": [2]}), pd.DataFrame({"a": [1], "b": [2.0]})),
        *(pa.array([1, 2]), pa.array([1, None]), pa.array(["a"]), pa.array([1, 2], pa.int32())),
        *(pa.table({"a": [1, 2]}), pa.table({"b": [1, 2]}), pa.chunked_array([[1, 2]])),
    ]


def test_no_two_different_values_have_one_key() -> None:
    values = different()
    keys = [key(value) for value in values]
    for (a, first), (b, second) in itertools.combinations(zip(values, keys, strict=True), 2):
        assert first != second, (a, b)


def test_equal_content_in_new_objects_has_the_same_key() -> None:
    for before, after in zip(different(), different(), strict=True):
        assert key(before) == key(after), before


def test_places_count() -> None:
    assert key(1, 2) != key(2, 1) != key(1, 2, 1)
    assert key([1], [2]) != key([1, 2], []) != key([], [1, 2])
    assert content_key([("a", [1])]) != content_key([("b", [1])])


def test_nan_is_one_value_and_zero_two() -> None:
    assert key([math.nan]) == key([float("nan")])
    assert key([0.0]) != key([-0.0])


def test_gaps_make_no_other_array_of_equal_content_but_another_order_does() -> None:
    wide = np.arange(2_000_000.0).reshape(1000, 2000)
    assert key(wide) == key(np.repeat(wide, 2, axis=1)[:, ::2])
    # `ravel("K")` and every sum follow the order in memory.
    turned = np.asfortranarray(wide)
    assert key(turned) != key(wide) and key(turned) == key(turned.copy(order="K"))
    assert key(turned[::2]) != key(wide[::2])
    # Of a row and a column there is one order only.
    assert key(wide[:1]) == key(np.asfortranarray(wide[:1].copy()))
    changed = wide.copy()
    changed[999, 1999] += 1
    assert key(changed) != key(wide)


def test_what_is_masked_does_not_count() -> None:
    one = pd.arrays.IntegerArray(np.array([1, 7]), np.array([False, True]))
    other = pd.arrays.IntegerArray(np.array([1, 9]), np.array([False, True]))
    assert key(pd.Series(one)) == key(pd.Series(other))


def test_a_long_list_of_mixed_values_is_keyed_by_all_of_it() -> None:
    values: list[Any] = [*range(100_000), [1]]
    longer = [*values[:-1], [2]]
    assert key(values) == key(list(values)) != key(longer)


def test_polars_frames_by_content() -> None:
    import polars

    frame = polars.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert key(frame) == key(frame.clone()) != key(frame.with_columns(a=polars.lit(3)))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (object(), "object"),
        ([1, [object()]], "[1][0]"),
        ({"model": object()}, "value[0]"),
        (Point(object()), ".x"),
        (lambda: 1, "function"),
        (np.array([object()], object), "[0]"),
        (np.ma.array([1]), "MaskedArray"),
        (type("Local", (), {}), "type"),
        (type("Frame", (pd.DataFrame,), {})(), "Frame"),
        (type("Text", (str,), {})("a"), "Text"),
        (datetime.datetime(2024, 1, 1, tzinfo=type("Zone", (datetime.tzinfo,), {})()), "datetime"),
    ],
)
def test_what_is_unknown_is_refused_and_named(value: Any, where: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        key(value)
    assert str(caught.value).startswith("argument 0") and where in str(caught.value)


def test_what_contains_itself_is_refused() -> None:
    loop: list[Any] = [object]
    loop.append(loop)
    with pytest.raises(UnsupportedError, match="contains itself"):
        key(loop)


def test_a_class_that_was_defined_anew_is_another_class() -> None:
    def define() -> Any:
        return dataclasses.make_dataclass("Made", ["x"])

    assert key(define()(1)) != key(define()(1))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def exactly(a: Any, b: Any) -> bool:
    """Whether two values are the same by type, content and order, NaN being itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(exactly, a, b))
    if isinstance(a, dict):
        return exactly(list(a.items()), list(b.items()))
    if isinstance(a, float):
        return repr(a) == repr(b)
    return bool(a == b)


@given(VALUES, VALUES)
def test_keys_agree_with_equality_by_type_and_content(a: Any, b: Any) -> None:
    assert (key(a) == key(b)) == exactly(a, b)
