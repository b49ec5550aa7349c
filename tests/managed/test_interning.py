"""Equal strings made one object: nothing that anyone could tell apart changes."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.consumers.managed.interning import intern_within
from pmat_nb.consumers.managed.strings import StringPool
from pmat_nb.engine.pools.pool import Pool


def fresh(text: str) -> str:
    """An equal string that nobody else holds."""
    return "".join(list(text)) if len(text) > 1 else text


def objects(strings) -> int:
    return len({id(s) for s in strings if type(s) is str and len(s) > 1})


class MyStr(str):
    pass


class MyList(list):
    pass


words = st.sampled_from(["alpha", "beta", "gamma", "a longer text of some words", "ünï"])
leaves = st.one_of(words.map(fresh), st.none(), st.integers(), st.booleans(), st.floats(),
                   words.map(MyStr), st.binary(max_size=3))  # fmt: skip
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(MyList),
        st.dictionaries(st.one_of(words.map(fresh), st.integers()), inner, max_size=5),
    ),
    max_leaves=40,
)


def same(one, other) -> bool:
    """Equal with the same types and order, all the way down; not-a-number included."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    return one == other or one != one


@given(nested)
def test_values_types_and_order_stay(value):
    before = copy.deepcopy(value)
    intern_within([value], {})
    assert same(value, before)


@given(st.lists(st.one_of(words.map(fresh), st.none(), st.integers()), max_size=200))
def test_what_others_refer_to_stays_the_very_object(values):
    held = list(values[::3])
    ids = [id(value) for value in held]
    intern_within([values], {})
    assert [id(value) for value in values[::3]] == ids


@pytest.mark.parametrize("size", [10, 20_000])
@pytest.mark.parametrize("mixed", [False, True])
def test_lists_arrays_and_dict_values_share(size, mixed):
    def make():
        rest = [None, 3.5, float("nan")] if mixed else []
        return [fresh(f"value {i % 5}") for i in range(size)] + rest

    array = np.empty(len(make()), dtype=object)
    array[:] = make()
    for value in (
        make(),
        dict(enumerate(make())),
        array,
        np.array([make(), make()], dtype=object).T,
    ):
        done = intern_within([value], {})
        strings = value.values() if isinstance(value, dict) else value
        assert objects(np.ravel(value) if isinstance(value, np.ndarray) else strings) == 5
        assert done.complete and (done.replaced == 0 or done.estimated_bytes > 0)
        assert intern_within([value], {}).replaced == 0


def test_two_names_for_one_list_stay_so_and_cycles_end():
    ring: list = [fresh("some text"), fresh("some text")]
    ring.append(ring)
    holder = {"a": ring, "b": ring}
    intern_within([holder], {})
    assert holder["a"] is holder["b"] is ring[2]
    assert ring[0] is ring[1]


def test_frames_keep_values_and_dtypes_and_lose_duplicates():
    n = 5_000
    frame = pd.DataFrame(
        {
            "text": pd.Series([fresh(f"row {i % 7}") for i in range(n)], dtype=object),
            "holes": pd.Series(
                [None if i % 3 else fresh(f"x{i % 2} text") for i in range(n)], dtype=object
            ),
            "number": np.arange(n),
            "kind": pd.Categorical([f"kind {i % 3}" for i in range(n)]),
        }
    )
    frame.index = pd.Index([fresh(f"key {i}") for i in range(n)], dtype=object)
    before = frame.copy(deep=True)
    for column in ("text", "holes"):
        before[column] = pd.Series(
            [fresh(v) if isinstance(v, str) else v for v in frame[column]],
            index=frame.index, dtype=object,
        )  # fmt: skip
    assert objects(frame["text"]) == n
    intern_within([frame], {})
    assert objects(frame["text"]) == 7 and objects(frame["holes"]) == 2
    pd.testing.assert_frame_equal(frame, before)
    assert frame.loc["key 10", "text"] == "row 3"


def test_read_only_arrays_arrow_and_subclasses_are_left_alone():
    array = np.array([fresh("abc def"), fresh("abc def")], dtype=object)
    array.flags.writeable = False
    mine = MyList([fresh("abc def"), fresh("abc def")])
    arrow = pd.Series([fresh("abc def")] * 3, dtype="string[pyarrow]")
    table = arrow.array._pa_array
    intern_within([array, mine, arrow], {})
    assert objects(array) == 2 and objects(mine) == 2
    assert arrow.array._pa_array is table


def test_a_list_that_a_thread_changes_loses_nothing():
    shared = [fresh(f"value {i % 5}") for i in range(50_000)]
    stop = threading.Event()

    def append() -> None:
        n = 0
        while not stop.is_set() and n < 100_000:
            shared.append(f"new {n}")
            shared[n % 50_000] = f"set {n}"
            n += 1

    thread = threading.Thread(target=append)
    thread.start()
    try:
        for _ in range(5):
            intern_within([shared], {})
    finally:
        stop.set()
        thread.join()
    added = shared[50_000:]
    assert added == [f"new {i}" for i in range(len(added))]
    assert all(
        text in (f"value {i % 5}", f"set {i}", f"set {i + 50_000}")
        for i, text in enumerate(shared[:50_000])
    )


def test_a_budget_ends_it_and_says_so():
    ticks = iter(range(1000))
    lists = [[fresh("abc def"), fresh("abc def")] for _ in range(10)]
    done = intern_within(lists, {}, budget_s=3, clock=lambda: next(ticks))
    assert not done.complete and done.replaced < 10


def test_the_pool_hands_out_one_object_and_forgets_what_nobody_holds():
    pool = StringPool(Pool("string", None, "fixed"))
    kept = pool.intern(fresh("one text"))
    assert pool.intern(fresh("one text")) is kept
    pool.intern(fresh("gone text"))
    assert len(pool) == 2 and pool.sweep() > 0 and len(pool) == 1
    frame_a, frame_b = [fresh("in both lists")], [fresh("in both lists")]
    assert pool.intern(frame_a) is frame_a
    pool.intern(frame_b)
    assert frame_a[0] is frame_b[0]


def test_the_pool_keeps_within_its_limit():
    budget = Pool("string", 1_000_000, "incremental")
    pool = StringPool(budget)
    kept = [pool.intern(f"text number {i}") for i in range(30_000)]
    assert pool.used_bytes == budget.used_bytes <= budget.account.peak_bytes <= 1_000_000
    assert kept[:2] == ["text number 0", "text number 1"] and len(pool) < 30_000
    del kept
    assert budget.shrink(0.0) > 0 and pool.used_bytes == 0


def test_the_duplicates_bytes_come_back():
    code = """
import gc, os
import numpy as np
from pmat_nb.consumers.managed.interning import intern_within
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
n = 1_000_000
column = np.empty(n, dtype=object)
for i in range(n):
    column[i] = "a value of some length, %d" % (i % 1000)
before = rss()
done = intern_within([column], {})
gc.collect()
print((before - rss()) / done.estimated_bytes, done.replaced)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    share, replaced = map(float, out.stdout.split())
    assert replaced == 999_000
    assert share > 0.9
