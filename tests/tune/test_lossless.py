"""What is said to leave all values as they are does, both ways, on any data."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal

from pmat_nb.consumers.advice import columns as columns_module
from pmat_nb.consumers.advice.columns import SmallerNumbers, SmallerObjects
from pmat_nb.consumers.advice.numbers import number_change, sparse_change
from tune.scenes import found_by, run, scene_of

SPECIAL = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1e308, 0.1, 2.0**53, 3.0]
INTS = [0, 1, -1, 11, 12, 127, -128, 181, 182, 46340, 46341, 2**30, 2**31, 2**62, -(2**63)]
TEXTS = ["", "a", "b", "ä", "\x00", "long " * 9, "NaN", "None", "1"]


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables count, and are looked at in several pieces."""
    monkeypatch.setattr(columns_module, "_LEAST_BYTES", 1)
    monkeypatch.setattr("pmat_nb.consumers.advice.changes.CHUNK", 7)


def column(count: int) -> Any:
    def of(elements: Any) -> Any:
        return st.lists(elements, min_size=count, max_size=count)

    few = st.sampled_from
    return st.one_of(
        of(few(INTS)).map(lambda v: np.array(v, dtype="int64")),
        of(st.integers(-200, 200)).map(lambda v: np.array(v, dtype="int64")),
        of(st.integers(0, 5)).map(lambda v: np.array(v, dtype="int32")),
        of(few(SPECIAL)).map(lambda v: np.array(v, dtype="float64")),
        of(st.integers(-50, 50)).map(lambda v: np.array(v, dtype="float64")),
        of(st.floats(width=32)).map(lambda v: np.array(v, dtype="float64")),
        of(st.booleans()).map(np.array),
        of(few(TEXTS)).map(lambda v: pd.Series(v)),
        of(few([*TEXTS[:3], None])).map(lambda v: pd.Series(v, dtype=object)),
        of(few([*TEXTS[:3], float("nan")])).map(lambda v: pd.Series(v, dtype=object)),
        of(few([*TEXTS[:3], float("nan"), None])).map(lambda v: pd.Series(v, dtype=object)),
        of(few([pd.Timestamp("2020-01-01"), pd.Timestamp("1999-12-31 23:59:59.000000001")])).map(
            lambda v: pd.Series(v, dtype=object)
        ),
        of(few([datetime.datetime(2020, 1, 1), datetime.datetime(1, 1, 1), pd.NaT])).map(
            lambda v: pd.Series(v, dtype=object)
        ),
        of(few([1, "a", (2,)])).map(lambda v: pd.Series(v, dtype=object)),
    )


@st.composite
def tables(draw: Any) -> pd.DataFrame:
    count = draw(st.integers(1, 40))
    made = draw(st.lists(column(count), min_size=1, max_size=6))
    frame = pd.DataFrame({f"c{at}": values for at, values in enumerate(made)})
    frame.attrs["from"] = "test"
    return frame


def as_objects(frame: pd.DataFrame) -> list[list[Any]]:
    return [frame.iloc[:, at].astype(object).tolist() for at in range(frame.shape[1])]


def missing(value: Any) -> bool:
    return value is None or value is pd.NaT or value != value


def same(first: list[list[Any]], second: list[list[Any]]) -> bool:
    return all(
        (missing(a) and missing(b)) or a == b
        for left, right in zip(first, second, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def repeated(frame: pd.DataFrame, times: int) -> pd.DataFrame:
    """Of a size at which categories weigh less than what they stand for."""
    return pd.concat([frame] * times, ignore_index=True)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(tables(), st.sampled_from([1, 60]), st.sampled_from([SmallerNumbers, SmallerObjects]))
def test_values_stay_and_undo_brings_the_dtypes_back(
    frame: pd.DataFrame, times: int, finder: Any
) -> None:
    names = {"df": repeated(frame, times)}
    before = names["df"].copy(deep=True)
    scene = scene_of(names)
    del frame
    rows = [one for one in found_by(finder(), scene) if one.applies and one.risk != "lossy"]
    held = names["df"]
    for row in rows:
        assert row.check() == "", row.action
        run(scene, row.action)
        assert same(as_objects(names["df"]), as_objects(before)), row.action
    assert names["df"] is held
    assert list(names) == ["df"]
    for row in reversed(rows):
        run(scene, row.undo)
    assert_frame_equal(names["df"], before, check_exact=True)
    assert names["df"].attrs == before.attrs


@settings(max_examples=100)
@given(st.lists(st.floats() | st.sampled_from(SPECIAL), min_size=1, max_size=50))
def test_floats_change_only_by_the_error_that_is_stated(values: list[float]) -> None:
    array = np.array(values)
    change = number_change(array, lambda: False)
    if change is None:
        return
    with np.errstate(all="ignore"):
        back = array.astype(change.after).astype("float64")
        if change.risk != "lossy":
            assert np.array_equal(back, array, equal_nan=True)
            # Minus zero is told from zero by whatever divides by it.
            numbers = ~np.isnan(array)
            assert (np.signbit(back) == np.signbit(array))[numbers].all()
        else:
            finite = np.isfinite(array) & (array != 0)
            assert np.isfinite(back[finite]).all()
            error = np.abs((back[finite] - array[finite]) / array[finite]).max()
            assert 0 < error <= 2.0**-24


@pytest.mark.parametrize(
    ("most", "expected"),
    [(11, "int8"), (12, "int16"), (181, "int16"), (182, "int32"), (2**29, "int32"),
     (2**30, None), (2**40, None)],
)  # fmt: skip
def test_integers_keep_room_for_what_is_done_with_them(most: int, expected: str | None) -> None:
    change = number_change(np.array([-most, 0, most]), lambda: False)
    assert (change.after if change else None) == expected


def test_smallest_integer_is_not_its_own_positive() -> None:
    assert number_change(np.array([-(2**63), 0]), lambda: False) is None


def test_whole_floats_stay_floats_where_one_is_minus_zero_or_missing() -> None:
    for odd in (-0.0, float("nan")):
        change = number_change(np.array([1.0, odd]), lambda: False)
        assert change is not None and change.after == "float32"


def test_sparse_is_preferred_where_it_is_far_smaller_alone() -> None:
    values = np.zeros(100_000)
    values[:] = np.nan
    values[7] = 0.1
    assert sparse_change(values, None, lambda: False) is not None
    values[:20_000] = 0.1
    assert sparse_change(values, None, lambda: False) is None


def test_unsigned_integers_are_left_alone() -> None:
    assert number_change(np.arange(5, dtype="uint64"), lambda: False) is None


def test_a_row_that_came_meanwhile_is_not_applied() -> None:
    names = {"df": pd.DataFrame({"a": np.arange(100_000) % 10, "b": np.arange(100_000) % 7})}
    scene = scene_of(names)
    (row,) = found_by(SmallerNumbers(), scene)
    assert row.check() == ""
    names["df"].loc[3, "a"] = 2**40
    assert "not as they were" in row.check()
    names["df"] = names["df"][["b"]].copy()
    assert "gone" in row.check()
    del names["df"]
    assert "not as it was" in row.check()


def test_a_series_is_bound_anew_under_all_of_its_names_or_not_at_all() -> None:
    names: dict[str, Any] = {"s": pd.Series(np.arange(100_000) % 10, name="n")}
    names["t"] = names["s"]
    before = names["s"].copy()
    scene = scene_of(names)
    (row,) = found_by(SmallerNumbers(), scene)
    run(scene, row.action)
    assert names["s"] is names["t"]
    assert str(names["s"].dtype) == "int8"
    run(scene, row.undo)
    assert_series_equal(names["s"], before)
    names["kept"] = [names["s"]]
    assert found_by(SmallerNumbers(), scene) == []


def test_columns_that_a_view_shares_are_left_alone() -> None:
    names: dict[str, Any] = {"df": pd.DataFrame({"a": np.arange(100_000) % 10})}
    names["v"] = names["df"]["a"]
    assert found_by(SmallerNumbers(), scene_of(names)) == []
    del names["v"]
    if "_item_cache" in vars(names["df"]):
        assert names["df"]["a"] is names["df"]["a"]
    assert len(found_by(SmallerNumbers(), scene_of(names))) == 1


def test_an_arrow_column_that_a_copy_shares_is_left_alone() -> None:
    texts = pd.Series(["red", "green"] * 50_000, dtype="string[pyarrow]").astype(
        "str" if pd.__version__ >= "3" else "string[pyarrow_numpy]"
    )
    names: dict[str, Any] = {"df": pd.DataFrame({"c": texts})}
    del texts
    one = len(found_by(SmallerObjects(), scene_of(names)))
    names["copy"] = names["df"].copy()
    assert found_by(SmallerObjects(), scene_of(names)) == []
    assert one == (1 if pd.__version__ >= "3" else 0)
