"""The total counts what can be had together: of two ways for the same data the larger."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kernel import Kernel

from pmat_nb.consumers.advice.base import About, Advice
from pmat_nb.consumers.advice.overlaps import exclusions

ABOUT = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([None, "x", "y", 1])), max_size=3
).map(tuple)


def advice(about: About) -> Advice:
    return Advice("kind", "what", "why", "code", 1, "all", "none", "a", str, about=about)


@pytest.mark.parametrize(
    ("first", "second", "excluded"),
    [
        ((("df", "x"),), (("df", "x"),), True),
        ((("df", "x"),), (("df", "y"),), False),
        ((("df", None),), (("df", "y"),), True),
        ((("df", "x"), ("df", "y")), (("df", None),), True),
        ((("df", "x"),), (("other", "x"),), False),
        ((), (), False),
    ],
)
def test_two_ways_for_the_same_data(first: About, second: About, excluded: bool) -> None:
    assert exclusions([advice(first), advice(second)]) == [None, 0 if excluded else None]


@given(st.lists(ABOUT, max_size=6))
def test_what_adds_up_has_nothing_in_common(abouts: list[About]) -> None:
    found = exclusions([advice(about) for about in abouts])
    counted = [place for place, other in enumerate(found) if other is None]
    for place, other in enumerate(found):
        assert other is None or (other in counted and other < place)
    names = [
        {name for name, _ in abouts[place] if (name, None) in abouts[place]} for place in counted
    ]
    parts = [set(abouts[place]) for place in counted]
    for at, one in enumerate(parts):
        for beside in range(at):
            assert not one & parts[beside]
            assert not names[beside] & {name for name, _ in one}


@pytest.fixture
def rows(fresh_kernel: Kernel) -> list[dict[str, Any]]:
    """A text column that can become categories or have its equal strings joined, and numbers."""
    code = (
        "%load_ext pmat_nb\nimport pandas as pd, numpy as np\n"
        "texts = [''.join(('user ', str(n % 50))) for n in range(400_000)]\n"
        "df = pd.DataFrame({'user': pd.Series(texts, dtype=object), 'n': np.arange(400_000) % 9})\n"
        "del texts"
    )
    assert fresh_kernel.run(code).ok
    assert fresh_kernel.run("report = get_ipython().run_line_magic('pmat_recommend', '')").ok
    return fresh_kernel.value("report.to_dict()['rows'] + [report.compact(), str(report)]")


def test_the_heading_counts_the_larger_way(rows: list[Any]) -> None:
    *found, heading, text = rows
    ways = {row["kind"]: row for row in found}
    larger, smaller = ways["categories"], ways["equal strings"]
    assert larger["estimated_bytes"] > smaller["estimated_bytes"] > 1 << 20
    assert smaller["instead_of"] == larger["row"]
    assert larger["instead_of"] is None and ways["smaller numbers"]["instead_of"] is None
    told = larger["estimated_bytes"] + ways["smaller numbers"]["estimated_bytes"]
    both = told + smaller["estimated_bytes"]
    assert f"about {told / 2**20:.0f} MB (two ways" in heading, (heading, told, both)
    assert f"{smaller['estimated_bytes'] / 2**20:.0f} MB of it without risk" in heading
    assert f"instead of row {larger['row']}: the same data" in text
