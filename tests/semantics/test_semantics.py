"""A cell under the project means what it means without it, in real kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.kernel import Kernel

from semantics.cases import CASES, Case
from semantics.magics import MAGICS
from semantics.runner import Magic, Subject, differences

PLAIN = Magic("plain")
# How a magic reaches its cell depends on IPython, and is the same for all of them.
ON_EVERY_SET = ("loaded", "unloaded", "limit")


@pytest.fixture(
    scope="module",
    params=[
        magic if magic.name in ON_EVERY_SET else pytest.param(magic, marks=pytest.mark.newest)
        for magic in MAGICS
    ],
    ids=lambda magic: magic.name,
)
def pair(
    request: pytest.FixtureRequest, make_kernel: Callable[..., Kernel]
) -> Iterator[tuple[Subject, Subject]]:
    exact = not request.param.line_shift
    subjects = tuple(
        Subject(make_kernel(), magic, exact_listing=exact).start()
        for magic in (PLAIN, request.param)
    )
    yield subjects
    for subject in subjects:
        subject.kernel.stop()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_same_meaning(pair: tuple[Subject, Subject], case: Case) -> None:
    for subject in pair:
        if not subject.kernel.is_alive():
            subject.start()
    plain, other = (subject.observe(case) for subject in pair)
    found = differences(plain, other)
    assert not found, f"{case.cell}\n" + "\n".join(found)
