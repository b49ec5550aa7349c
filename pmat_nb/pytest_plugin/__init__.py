"""pytest plugin: ``@pytest.mark.pmat_leaks(...)`` and the fixture ``pmat_leaks``.

Every run of pytest loads this module wherever pmat_nb is installed: it imports nothing but
pytest, and what looks for leaks (:mod:`.checking`) only when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .checking import LeakCheck

__all__ = ["PmatLeaksWarning"]

_MARK = "pmat_leaks"
_HELP = (
    "pmat_leaks(repeat=40, warmup=3, max_time=None, min_bytes=256, confidence=0.9): run the test "
    "repeatedly and fail it if it leaks memory (pmat_nb)."
)


class PmatLeaksWarning(pytest.PytestWarning):
    """The runs were not enough to tell whether a test leaks."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--pmat-leaks-repeat N`` and the setting ``pmat_leaks_repeat``."""
    parser.getgroup("pmat_nb").addoption(
        "--pmat-leaks-repeat",
        type=int,
        metavar="N",
        help="how often tests marked pmat_leaks run, whatever their mark says; 0: once, "
        "without looking for leaks",
    )
    parser.addini("pmat_leaks_repeat", "runs of tests marked pmat_leaks without repeat=")


def pytest_configure(config: pytest.Config) -> None:
    """The mark is known to ``--strict-markers``."""
    config.addinivalue_line("markers", _HELP)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A mark that would do nothing, or is wrong, fails the test before anything runs."""
    if item.get_closest_marker(_MARK) is not None:
        from .checking import refuse_wrong_use

        refuse_wrong_use(item)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """The body of a marked test runs repeatedly, with the fixtures that it has."""
    if pyfuncitem.get_closest_marker(_MARK) is None:
        yield
        return
    from .checking import repeated

    plain = pyfuncitem.obj
    pyfuncitem.obj = repeated(pyfuncitem)
    try:
        yield
    finally:
        # Others run the same item again.
        pyfuncitem.obj = plain


@pytest.fixture
def pmat_leaks(request: pytest.FixtureRequest) -> Any:
    """Look for leaks in a part of a test.

    ``report = pmat_leaks(function, repeat=40)`` runs a function repeatedly;
    ``with pmat_leaks() as tracker:`` is for a loop that calls ``tracker.mark()`` after each
    iteration. Both fail the test if it leaks, unless ``fail=False``.
    """
    from .checking import LeakCheck

    check: LeakCheck = LeakCheck(request)
    return check
