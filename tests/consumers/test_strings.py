from __future__ import annotations

import sys

import hypothesis.strategies as st
from hypothesis import given

from pmat_nb.consumers.strings import SAMPLE, survey_strings


def fresh(text: str) -> str:
    """An object of its own for a text (a slice of a longer one is one)."""
    return ("~" + text)[1:]


def test_one_object_twice_is_no_duplicate() -> None:
    text = fresh("some text")
    found = survey_strings([[text, text], {"k": text}])
    assert found.unused_bytes == 0
    assert found.seen_bytes == sys.getsizeof(text) + sys.getsizeof("k")
    assert found.complete and not found.estimated


def test_every_further_object_is_a_duplicate() -> None:
    column = [fresh("Germany") for _ in range(4)]
    found = survey_strings([column])
    assert found.unused_bytes == 3 * sys.getsizeof("Germany")
    assert found.fraction == 0.75


def test_duplicates_across_containers_and_levels() -> None:
    tree = {"a": [fresh("x" * 50)], "b": ({"c": fresh("x" * 50)},)}
    assert survey_strings([tree, tree]).unused_bytes == sys.getsizeof("x" * 50)


@given(st.lists(st.text(min_size=2, max_size=3), max_size=60))
def test_the_figures_are_exact_where_nothing_is_sampled(texts: list[str]) -> None:
    column = [fresh(t) for t in texts]
    by_object = {id(t): t for t in column}
    total = sum(map(sys.getsizeof, by_object.values()))
    distinct = sum(map(sys.getsizeof, set(texts)))
    found = survey_strings([column], budget_s=5)
    assert (found.seen_bytes, found.unused_bytes) == (total, total - distinct)


def test_a_large_column_is_sampled_and_scaled() -> None:
    column = [fresh(f"city {i % 10}") for i in range(10 * SAMPLE)]
    found = survey_strings([column], budget_s=5)
    total = sum(map(sys.getsizeof, column))
    assert found.estimated
    assert abs(found.seen_bytes - total) < 0.02 * total
    assert found.fraction is not None and found.fraction > 0.99


def test_object_columns_of_pandas_and_numpy() -> None:
    import numpy as np
    import pandas as pd

    values = [fresh("Berlin") for _ in range(100)]
    for root in (
        np.array(values, dtype=object),
        pd.DataFrame({"c": pd.Series(values, dtype=object)}),
    ):
        found = survey_strings([root], budget_s=5)
        assert found.unused_bytes >= 99 * sys.getsizeof("Berlin")


def test_the_budget_ends_it() -> None:
    ticks = iter(range(100))
    found = survey_strings([["a"], ["b"]], budget_s=1, clock=lambda: float(next(ticks)))
    assert not found.complete


def test_it_ends_on_containers_in_themselves_and_on_subclasses() -> None:
    class Text(str):
        def __hash__(self) -> int:
            raise RuntimeError

        def __eq__(self, other: object) -> bool:
            raise RuntimeError

    loop: list[object] = [Text("x"), Text("x")]
    loop.append(loop)
    assert survey_strings([loop]).unused_bytes == 0


def test_a_dictionary_changed_meanwhile_is_left_out() -> None:
    assert survey_strings([{}, set(), (), []]).fraction is None
