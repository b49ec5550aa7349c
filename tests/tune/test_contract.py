"""Every finder keeps to the contract of ``pmat_nb.consumers.advice.base``."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pmat_nb.consumers.advice.base import Finder
from pmat_nb.consumers.advice.registry import default_finders
from tune.scenes import found_by, run, scene_of

FINDERS = {finder.name: finder for finder in default_finders()}
ROWS = 140_000
HOSTILE = 40_000


class Hostile:
    """Fails the test from any code of its own."""

    called: list[str] = []  # noqa: RUF012 - one for all

    def _fail(self, *_: Any) -> Any:
        Hostile.called.append(sys._getframe(1).f_code.co_name)
        return NotImplemented

    __eq__ = __lt__ = __contains__ = _fail  # type: ignore[assignment]

    def __hash__(self) -> int:
        Hostile.called.append("__hash__")
        return id(self)

    def __repr__(self) -> str:
        Hostile.called.append("__repr__")
        return "hostile"

    def __bool__(self) -> bool:
        Hostile.called.append("__bool__")
        return True

    def __sizeof__(self) -> int:
        Hostile.called.append("__sizeof__")
        return 1 << 40

    def __getattribute__(self, name: str) -> Any:
        Hostile.called.append(name)
        return object.__getattribute__(self, name)


class MyFrame(pd.DataFrame):
    pass


def names_of_all_kinds() -> dict[str, Any]:
    count = np.arange(ROWS)
    frame = pd.DataFrame(
        {
            "small": count % 10,
            "whole": (count % 100).astype("float64"),
            "half": (count % 7) / 2,
            "any": np.sqrt(count + 0.5),
            "big": count * 10**10,
            "color": np.array(["red", "green", "blue"])[count % 3],
            "gap": np.where(count % 1000 == 0, 0.5, np.nan),
        }
    )
    frame["user"] = pd.Series([f"user {at % 50}" for at in range(ROWS)], dtype=object)
    days = np.datetime64("2020-01-01") + (count % 28).astype("timedelta64[D]")
    frame["when"] = pd.Series(pd.DatetimeIndex(days)).astype(object)
    same = np.sqrt(np.arange(ROWS) + 0.25)
    return {
        "df": frame,
        "again": pd.DataFrame({"any": np.sqrt(count + 0.5)}),
        "array": same,
        "twin": same.copy(),
        "view": np.ones(1_000_000)[:10],
        "texts": [f"key {at % 20}" for at in range(ROWS)],
        "mine": MyFrame({"a": count % 10}),
        "odd": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    }


def hostile_names() -> dict[str, Any]:
    odd = [Hostile() for _ in range(HOSTILE)]
    array = np.empty(HOSTILE, dtype=object)
    array[:] = odd
    return {
        "one": odd[0],
        "many": odd,
        "table": pd.DataFrame({"o": pd.Series(array), "n": np.arange(HOSTILE)}),
        "array": array.copy(),
        "by": {"key": odd[1]},
        "labelled": pd.Series(np.arange(HOSTILE) % 9, index=pd.Index(array)),
        "named": pd.DataFrame(np.ones((3, 3)), columns=pd.Index(array[:3])),
    }


@pytest.fixture(params=sorted(FINDERS))
def finder(request: pytest.FixtureRequest) -> Finder:
    return FINDERS[request.param]


def test_names_are_unique() -> None:
    assert len(FINDERS) == len(default_finders())


def fingerprint(names: dict[str, Any]) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for name, value in names.items():
        if isinstance(value, pd.DataFrame):
            taken[name] = (
                id(value),
                value.dtypes.tolist(),
                repr(value.iloc[::97].to_numpy(object).tolist()),
            )
        elif isinstance(value, np.ndarray):
            taken[name] = (id(value), value.dtype, value.tobytes())
        else:
            taken[name] = (id(value), repr(value))
    return taken


def test_finding_changes_nothing(finder: Finder, capsys: pytest.CaptureFixture[str]) -> None:
    names = names_of_all_kinds()
    before, modules = fingerprint(names), {name.partition(".")[0] for name in sys.modules}
    found_by(finder, scene_of(names, lossy=True))
    assert fingerprint(names) == before
    assert {name.partition(".")[0] for name in sys.modules} - modules <= {"pmat_nb"}
    shown = capsys.readouterr()
    assert not shown.out and not shown.err


def test_an_advice_keeps_no_object_of_the_users(finder: Finder) -> None:
    names = names_of_all_kinds()
    gc.collect()
    before = {name: sys.getrefcount(value) for name, value in names.items()}
    owners = [sys.getrefcount(block.values) for block in names["df"]._mgr.blocks]
    kept = found_by(finder, scene_of(names, lossy=True))
    gc.collect()
    assert {name: sys.getrefcount(value) for name, value in names.items()} == before
    assert [sys.getrefcount(block.values) for block in names["df"]._mgr.blocks] == owners
    del kept


def test_every_row_applies_leaves_no_name_and_is_undone(finder: Finder) -> None:
    names = names_of_all_kinds()
    scene = scene_of(names)
    for row in found_by(finder, scene):
        assert row.kind and row.what and row.why and row.action and row.basis and row.where
        if not row.applies or row.check():
            continue
        known = set(names)
        run(scene, row.action)
        assert set(names) <= known
        if row.undo:
            run(scene, row.undo)
        else:
            assert row.undo_note


def test_risk_none_leaves_values_and_dtypes(finder: Finder) -> None:
    names = names_of_all_kinds()
    scene = scene_of(names)
    for row in found_by(finder, scene):
        if row.risk != "none" or not row.applies or row.check():
            continue
        before = {
            name: [one.tolist() for one in fingerprint_columns(names[name])] for name in names
        }
        dtypes = names["df"].dtypes.tolist()
        run(scene, row.action)
        assert names["df"].dtypes.tolist() == dtypes
        for name in names:
            after = [one.tolist() for one in fingerprint_columns(names[name])]
            assert repr(after) == repr(before[name]), row.action


def fingerprint_columns(value: Any) -> list[Any]:
    if isinstance(value, pd.DataFrame):
        return [value.iloc[::31, at] for at in range(value.shape[1])]
    return [np.asarray(value)[::31]]


def test_it_stops_when_the_time_is_up(finder: Finder) -> None:
    asked = 0

    def late() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    found_by(finder, scene_of(names_of_all_kinds(), lossy=True, out_of_time=late))
    found_by(finder, scene_of(names_of_all_kinds(), out_of_time=lambda: True))


def test_no_code_of_the_users_is_called(finder: Finder) -> None:
    names = hostile_names()
    scene = scene_of(names, lossy=True)
    Hostile.called.clear()
    found_by(finder, scene)
    assert Hostile.called == []
