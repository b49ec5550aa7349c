"""The few words that stand behind a variable's type."""

from __future__ import annotations

import pytest

from pmat_nb.consumers.describe import describe


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1], "1 item"),
        ({"k": 1}, "1 item"),
        ([], "0 items"),
        ([0] * 1200, "1,200 items"),
        (b"x" * 3000, "length 3,000"),
        ("word", "length 4"),
        (3, ""),
    ],
)
def test_a_few_words(value: object, words: str) -> None:
    assert describe(value) == words
