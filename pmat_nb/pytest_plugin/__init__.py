"""pytest plugin: ``@pytest.mark.pmat_leaks(...)``, the fixture ``pmat_leaks``, memory bounds.

Every run of pytest loads this module wherever pmat_nb is installed: it imports nothing but
pytest, and what looks for leaks (:mod:`.checking`) only when a test asks for it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
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
_BOUND_MARK = "pmat_max_memory"
_BOUND_HELP = 'pmat_max_memory("100MB"): fail the test if it adds more at its peak (pmat_nb).'


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
    group = parser.getgroup("pmat_nb")
    group.addoption(
        "--pmat-max-memory",
        metavar="SIZE",
        help="fail the test that takes the test process over SIZE (RSS at its peak)",
    )
    group.addoption(
        "--pmat-max-test-memory",
        metavar="SIZE",
        help="fail a test that adds more than SIZE at its peak; a mark pmat_max_memory goes first",
    )
    parser.addini("pmat_max_memory", "as --pmat-max-memory")
    parser.addini("pmat_max_test_memory", "as --pmat-max-test-memory")
    parser.addini("pmat_leaks_repeat", "runs of tests marked pmat_leaks without repeat=")


def pytest_configure(config: pytest.Config) -> None:
    """The mark is known to ``--strict-markers``."""
    config.addinivalue_line("markers", _HELP)
    config.addinivalue_line("markers", _BOUND_HELP)
    names = ("pmat_max_memory", "pmat_max_test_memory", "pmat_leaks_repeat")
    if any(config.getoption(name) not in (None, "") or config.getini(name) for name in names):
        _check_options(config)


def _check_options(config: pytest.Config) -> None:
    """A wrong option or setting ends pytest before it collects."""
    from pmat_nb.errors import UsageError

    from .bounds import MemoryBounds
    from .options import Options

    try:
        Options.check(config)
        MemoryBounds.check_options(config)
    except UsageError as problem:
        raise pytest.UsageError(str(problem)) from None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A mark that would do nothing, or is wrong, fails the test before anything runs."""
    if item.get_closest_marker(_MARK) is not None:
        from .checking import refuse_wrong_use

        refuse_wrong_use(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """The test's peak is held against its bound and the process's."""
    if not _is_bounded(item):
        return (yield)
    from pmat_nb.errors import UsageError

    from .bounds import MemoryBounds

    try:
        bounds = MemoryBounds.of(item)
    except UsageError as problem:
        pytest.fail(str(problem), pytrace=False)
    before = bounds.begin()
    result = yield
    bounds.check(before)
    return result


def _is_bounded(item: pytest.Item) -> bool:
    if item.get_closest_marker(_BOUND_MARK) is not None:
        return True
    names = ("pmat_max_memory", "pmat_max_test_memory")
    return any(item.config.getoption(name) or item.config.getini(name) for name in names)


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
