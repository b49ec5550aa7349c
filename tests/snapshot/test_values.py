"""What comes back equal, and what is listed with the reason instead."""

from __future__ import annotations

import datetime
import decimal
import enum
import importlib.util
import logging
import socket
import sys
import tempfile
import threading
import types
from collections import OrderedDict, defaultdict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.errors import StateFileError

from .support import Folder

LARGE = 300_000
PYARROW = importlib.util.find_spec("pyarrow") is not None


def same(left: Any, right: Any) -> bool:
    return type(left) is type(right) and left == right


class Level(enum.Enum):
    LOW = 1


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.frozensets(st.integers(), max_size=4)
        | st.sets(st.text(), max_size=4)
        | st.binary().map(bytearray)
    ),
    max_leaves=20,
)


@given(values=st.dictionaries(st.text(min_size=1), PLAIN, max_size=5))
def test_random_nested_values_come_back_equal(values: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(Path(name))
        report = folder.save(values, durable=False)
        assert report.skipped == ()
        assert [item.name for item in report.saved] == list(values)
        back = folder.restore()
    assert back.keys() == values.keys()
    assert all(same(back[name], values[name]) for name in values)


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(2**64),
        "x" * LARGE,
        "é" * LARGE,
        "\ud800",
        b"x" * LARGE,
        bytearray(b"x") * LARGE,
        range(3),
        slice(1, 2),
        ...,
        Level.LOW,
        decimal.Decimal("1.10"),
        datetime.UTC,
        Path("a/b"),
        deque([1, 2], maxlen=3),
        OrderedDict(a=1),
        defaultdict(list, a=[1]),
        len,
        np.mean,
        dict,
        types.SimpleNamespace(a=[1]),
        logging.getLogger("pmat_t_snapshot"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_standard_values(folder: Folder, value: Any) -> None:
    assert same(folder.round_trip(value), value)


def arrays() -> dict[str, np.ndarray]:
    base = np.arange(LARGE * 2, dtype="f8")
    dates = base.astype("M8[s]")
    table = np.zeros(LARGE, dtype=[("a", "f8"), ("b", "i4")])
    table["b"] = np.arange(LARGE)
    return {
        "small": np.arange(3),
        "no rows": np.zeros((0, 5)),
        "scalar": np.array(3.5),
        "large": base,
        "fortran": np.asfortranarray(base.reshape(600, -1)),
        "strided": base[::2],
        "reversed": base[::-1],
        "wide and strided": base.reshape(2, -1)[:, ::2],
        "transposed": base.reshape(60, 100, -1).transpose(1, 0, 2),
        "broadcast": np.broadcast_to(np.arange(1000.0), (600, 1000)),
        "dates": dates,
        "strided dates": dates[::2],
        "structured": table,
        "strided structured": table[::2],
        "text": np.array(["abc", "de"] * LARGE),
        "objects": np.array([[1], "a", None], dtype=object),
        "booleans": base > 5,
        "record array": np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    }


@pytest.mark.parametrize("name", arrays())
def test_arrays(folder: Folder, name: str) -> None:
    array = arrays()[name]
    back = folder.round_trip(array)
    assert type(back) is type(array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert np.array_equal(back, array)
    assert back.flags.writeable


def test_fortran_order_and_read_only_are_kept(folder: Folder) -> None:
    array = arrays()["fortran"]
    array.setflags(write=False)
    back = folder.round_trip(array)
    assert back.flags.f_contiguous
    assert not back.flags.writeable


def test_masked_array(folder: Folder) -> None:
    array = np.ma.masked_greater(np.arange(LARGE), 10)
    back = folder.round_trip(array)
    assert np.array_equal(back.mask, array.mask)
    assert np.array_equal(back.filled(0), array.filled(0))


def test_a_view_comes_back_as_an_array_of_its_own(folder: Folder) -> None:
    base = np.arange(LARGE)
    folder.save({"base": base, "view": base[10:]})
    back = folder.restore()
    assert np.array_equal(back["view"], base[10:])
    assert not np.shares_memory(back["base"], back["view"])


def frames() -> dict[str, pd.DataFrame]:
    words = pd.Series([f"word number {i}" for i in range(LARGE)])
    wide = pd.DataFrame(np.arange(LARGE * 4.0).reshape(-1, 4), columns=list("abcd"))
    made = {
        "one block": wide,
        "slice": wide.iloc[10:-10],
        "stepped": wide[::2],
        "transposed": wide.head(1000).T,
        "strings": words.to_frame("s"),
        "sliced strings": words.iloc[LARGE // 2 :].to_frame("s"),
        "joined strings": pd.concat([words, words.iloc[5:]], ignore_index=True).to_frame("s"),
        "categories": words.astype("category").to_frame("s"),
        "dates": pd.DataFrame(
            {"utc": pd.date_range("2020", periods=LARGE, freq="s", tz="UTC")},
            index=pd.date_range("2020", periods=LARGE, freq="h"),
        ),
        "nullable": pd.DataFrame({"i": pd.array([1, None] * LARGE, dtype="Int64")}),
        "sparse": pd.DataFrame({"s": pd.arrays.SparseArray([0.0, 0.0, 1.0] * 1000)}),
        "multi-index": wide.set_index(["a", "b"]),
        "periods": pd.DataFrame({"p": pd.period_range("2020", periods=50, freq="M")}),
        "mixed": pd.DataFrame({"o": [1, "a", None, [2]]}),
        "empty": pd.DataFrame({"a": []}),
    }
    if PYARROW:
        made["arrow"] = pd.DataFrame({"i": pd.Series(range(LARGE), dtype="int64[pyarrow]")})
    made["attrs"] = wide.copy()
    made["attrs"].attrs["unit"] = "m"
    return made


@pytest.mark.parametrize("name", frames())
def test_frames(folder: Folder, name: str) -> None:
    frame = frames()[name]
    back = folder.round_trip(frame)
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert back.attrs == frame.attrs
    if name != "sparse":
        back.loc[back.index[:1], back.columns[0]] = back.iloc[:1, 0]


def test_memmap_of_a_lasting_file_is_saved_as_a_reference(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder.folder / "elsewhere"))
    file = folder.folder / "data.bin"
    array = np.memmap(file, dtype="f8", mode="w+", shape=(600, 500))
    array[:] = np.arange(300_000).reshape(600, 500)
    report = folder.save({"value": array, "part": array[5:]})
    assert report.saved[0].stored_bytes < 2000
    assert report.saved[1].stored_bytes > array[5:].nbytes
    back = folder.restore()
    assert isinstance(back["value"], np.memmap)
    assert np.array_equal(back["value"], array)
    assert type(back["part"]) is np.ndarray
    assert np.array_equal(back["part"], array[5:])

    with file.open("ab") as changed:
        changed.write(b"more")
    with pytest.raises(StateFileError, match="2400004 bytes"):
        folder.restore(["value"])


def test_memmap_of_a_passing_file_is_saved_by_content(folder: Folder) -> None:
    array = np.memmap(folder.folder / "data.bin", dtype="f8", mode="w+", shape=(300_000,))
    array[:] = np.arange(300_000)
    back = folder.round_trip(array)
    assert type(back) is np.ndarray
    assert np.array_equal(back, array)


@pytest.mark.parametrize("cut", ["whole", "sliced", "joined"])
def test_arrow_and_polars(folder: Folder, cut: str) -> None:
    import polars as pl
    import pyarrow as pa

    table = pa.table({"i": range(LARGE), "s": [f"text {i}" for i in range(LARGE)]})
    half = LARGE // 2
    frame = pl.DataFrame({"i": range(LARGE), "s": ["a", "b"] * half, "n": [[1], []] * half})
    if cut == "sliced":
        table, frame = table.slice(5, 1000), frame.slice(5, 1000)
    elif cut == "joined":
        table, frame = pa.concat_tables([table, table.slice(7)]), pl.concat([frame, frame[7:]])
    array, series = table["s"].chunk(0), frame["i"]
    report = folder.save({"table": table, "array": array, "frame": frame, "series": series})
    assert report.skipped == ()
    if cut == "sliced":
        assert report.total_bytes < 200_000
    back = folder.restore()
    assert back["table"].equals(table)
    assert back["array"].equals(array)
    assert back["frame"].equals(frame)
    assert back["series"].equals(series)


if importlib.util.find_spec("torch"):

    def test_tensors_over_one_storage_stay_so(folder: Folder) -> None:
        import torch

        tensor = torch.arange(LARGE, dtype=torch.float32)
        layer = torch.nn.Linear(600, 600)
        values = {"tensor": tensor, "view": tensor[5:], "layer": layer, "b": layer.bias}
        report = folder.save(values)
        assert report.total_bytes < tensor.nbytes + 600 * 601 * 4 + 20_000
        back = folder.restore()
        assert torch.equal(back["tensor"], tensor)
        assert torch.equal(back["layer"].weight, layer.weight)
        assert back["layer"].bias is back["b"]
        back["tensor"][5] = -1
        assert back["view"][0] == -1
        assert torch.equal(folder.round_trip(torch.ones(3, dtype=torch.bfloat16)), torch.ones(3))


# -- what cannot be saved ------------------------------------------------------------


class Raises:
    def __reduce__(self) -> Any:
        raise ValueError("no,\n  not today")


class Leaves:
    def __reduce__(self) -> Any:
        raise SystemExit(3)


class WorseThanRaises:
    def __reduce__(self) -> Any:
        class SulkyError(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        raise SulkyError


class Nonsense:
    def __reduce__(self) -> Any:
        return 42


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (threading.Lock, "cannot pickle '_thread.lock'"),
        (lambda: (i for i in ()), "cannot pickle 'generator'"),
        (lambda: [np.arange(LARGE), Raises()], "ValueError: no, not today"),
        (Leaves, "SystemExit: 3"),
        (WorseThanRaises, "SulkyError"),
        (Nonsense, "__reduce__ must return"),
        (deep, "recursion"),
        (lambda: memoryview(b"abc"), "save that object"),
        (sys._getframe, "cannot pickle 'frame'"),
    ],
    ids=lambda value: getattr(value, "__name__", None) if callable(value) else "",
)
def test_what_cannot_be_saved_is_listed(folder: Folder, make: Any, reason: str) -> None:
    assert reason in folder.reason(make())


def test_open_files_and_sockets(folder: Folder) -> None:
    with (folder.folder / "text").open("w+") as text, socket.socket() as sock:
        assert "an open file" in folder.reason(text)
        assert "cannot pickle 'socket'" in folder.reason({"s": sock})
        assert "cannot pickle" in folder.reason(text.buffer)


def test_a_failed_variable_leaves_nothing_in_the_file(folder: Folder) -> None:
    marker = b"this must not be in the file " * 5000
    with_it = folder.save({"a": [1], "bad": [np.frombuffer(marker, "u1"), threading.Lock()]})
    assert marker[:29] not in folder.path.read_bytes()
    assert with_it.total_bytes < 3000


def test_a_variable_that_fails_only_while_it_is_written(folder: Folder) -> None:
    class Moody:
        calls = 0

        def __reduce__(self) -> Any:
            Moody.calls += 1
            if Moody.calls > 1:
                raise ValueError("changed its mind")
            return dict, ()

    shared = np.arange(LARGE)
    report = folder.save({"a": [shared], "moody": [shared, Moody()], "b": [shared]})
    assert report.skipped == (("moody", "ValueError: changed its mind"),)
    assert report.total_bytes < shared.nbytes + 5000
    back = folder.restore()
    assert back["a"][0] is back["b"][0]
    assert np.array_equal(back["a"][0], shared)


def test_modules_are_recorded_as_imports(folder: Folder) -> None:
    made = types.ModuleType("made_here")
    made.answer = 42  # type: ignore[attr-defined]
    report = folder.save({"np": np, "sub": sys.modules["numpy.linalg"], "made": made})
    assert [item.module for item in report.saved] == ["numpy", "numpy.linalg", None]
    back = folder.restore()
    assert back["np"] is np
    assert back["sub"] is np.linalg
    assert back["made"].answer == 42
