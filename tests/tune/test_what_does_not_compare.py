"""What two equal values can differ in is not lost either, or the row says so beforehand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pmat_nb.consumers.advice.base import Advice
from pmat_nb.consumers.advice.columns import SmallerNumbers, SmallerObjects
from tune.scenes import found_by, run, scene_of

ROWS = 60_000
HOUR = (2020, 10, 25, 2, 30)


def rows_of(names: dict[str, Any]) -> list[Advice]:
    scene = scene_of(names)
    return [*found_by(SmallerNumbers(), scene), *found_by(SmallerObjects(), scene)]


def kinds_of(values: list[Any], form: str = "series") -> list[str]:
    """The rows' kinds. The caller, and with it pytest's assert, must not hold the values."""
    names = held(values, form)
    values.clear()
    return [row.kind for row in rows_of(names)]


def held(values: list[Any], form: str) -> dict[str, Any]:
    series = pd.Series(values, dtype=object)
    if form == "series":
        return {"s": series}
    frame = pd.DataFrame({"a": series})
    del series
    return {"s": frame}


def moments(fold: int) -> list[dt.datetime]:
    made = [dt.datetime(*HOUR, second=at % 60, microsecond=at) for at in range(ROWS)]
    # One in the middle is enough.
    made[ROWS // 2] = made[ROWS // 2].replace(fold=fold)
    return made


@pytest.mark.parametrize("form", ["frame", "series"])
def test_datetimes_of_the_second_pass_of_an_hour_stay_objects(form: str) -> None:
    assert kinds_of(moments(0), form) == ["dates held as objects"]
    assert kinds_of(moments(1), form) == []


def stamps(**odd: Any) -> list[pd.Timestamp]:
    """In microseconds; of one of them something is replaced."""
    made = [pd.Timestamp(one).as_unit("us") for one in moments(0)]
    made[7] = made[7].replace(**odd) if odd else made[7]
    return made


def test_timestamps_of_the_second_pass_of_an_hour_stay_objects() -> None:
    assert kinds_of(stamps()) == ["dates held as objects"]
    assert kinds_of(stamps(fold=1)) == []
    assert kinds_of(stamps(tzinfo=dt.UTC)) == []


class MyDatetime(dt.datetime):
    pass


@pytest.mark.parametrize(
    "odd",
    [
        dt.datetime(*HOUR, tzinfo=dt.UTC),
        MyDatetime(*HOUR),
        pd.Timestamp(*HOUR),
        dt.date(2020, 10, 25),
        None,
    ],
)
def test_datetimes_among_others_stay_objects(odd: Any) -> None:
    assert kinds_of([*moments(0), dt.datetime(*HOUR)]) == ["dates held as objects"]
    assert kinds_of([*moments(0), odd]) == []


def in_unit(unit: str) -> list[Any]:
    first = pd.Timestamp(*HOUR).as_unit(unit)
    step = pd.Timedelta(1, "s").as_unit(unit)
    return [pd.NaT, *(first + at * step for at in range(ROWS))]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_come_back_with_their_unit(unit: str) -> None:
    names = held(in_unit(unit), "frame")
    (row,) = rows_of(names)
    scene = scene_of(names)
    run(scene, row.action)
    assert str(names["s"]["a"].dtype) == f"datetime64[{unit}]"
    run(scene, row.undo)
    missing, *back = names["s"]["a"].tolist()
    assert missing is pd.NaT and back == in_unit(unit)[1:]
    assert {one.unit for one in back} == {unit}


def test_timestamps_of_several_units_stay_objects() -> None:
    # The one moment whose number is the same in all units.
    epoch = pd.Timestamp(0)
    assert kinds_of([*in_unit("us"), epoch.as_unit("us")]) == ["dates held as objects"]
    assert kinds_of([*in_unit("us"), epoch.as_unit("ns")]) == []


@pytest.mark.parametrize("form", ["frame", "series"])
@pytest.mark.parametrize("different", [3, ROWS])
def test_none_that_becomes_nan_is_told_beforehand_and_comes_back(form: str, different: int) -> None:
    texts: list[Any] = [f"a longer text {at % different}" for at in range(ROWS)]
    texts[1] = None
    names = held(texts, form)
    del texts
    for row in rows_of(names):
        assert "None becomes NaN" in row.why and "`is None` is false" in row.undo_note
        scene = scene_of(names)
        assert row.check() == ""
        run(scene, row.action)
        column = names["s"]["a"] if form == "frame" else names["s"]
        assert column.isna()[1] and column[1] is not None
        run(scene, row.undo)
        column = names["s"]["a"] if form == "frame" else names["s"]
        assert column[1] is None and column.isna().sum() == 1
        break
    else:
        # Arrow strings need pyarrow, which these tests do not import by themselves.
        assert different == ROWS


def test_none_is_told_of_a_column_that_is_not_shown() -> None:
    plain = ["red", "green"] * (ROWS // 2)
    columns = {f"c{at}": pd.Series(plain, dtype=object) for at in range(6)}
    columns["last"] = pd.Series([*plain[:-1], None], dtype=object)
    names = {"df": pd.DataFrame(columns)}
    del columns
    (row,) = rows_of(names)
    assert "last" not in row.why and "None becomes NaN" in row.undo_note


def test_text_without_none_says_nothing_of_it() -> None:
    (row,) = rows_of(held(["red", float("nan")] * (ROWS // 2), "series"))
    assert "None" not in row.why + row.undo_note


def test_a_nan_that_says_more_than_nan_stays_as_it_is() -> None:
    values = np.arange(ROWS * 2) / 4
    names = {"plain": values.copy(), "marked": values}
    values[9] = np.array([0x7FF00000000007A2], "u8").view("f8")[0]
    del values
    assert [row.where for row in rows_of(names)] == ["plain"]


def test_a_series_that_was_looked_at_has_a_row_all_the_same() -> None:
    names = {"s": pd.Series(np.arange(400_000) % 10, name="n")}
    assert names["s"].dtype == "int64" and names["s"].head().sum() == 10
    names["s"].attrs["from"] = "test"
    (row,) = rows_of(names)
    scene = scene_of(names)
    run(scene, row.action)
    assert str(names["s"].dtype) == "int8" and names["s"].attrs == {"from": "test"}
    run(scene, row.undo)
    assert str(names["s"].dtype) == "int64" and names["s"].name == "n"


@pytest.mark.filterwarnings("ignore:Pandas doesn't allow")
def test_a_series_with_an_attribute_of_its_own_has_none() -> None:
    names = {"s": pd.Series(np.arange(400_000) % 10)}
    assert len(rows_of(names)) == 1
    names["s"].note = "kept"
    assert rows_of(names) == []
