"""Running a test, or a part of one, repeatedly, and what comes of it.

A leak fails the test with the report as its message. What is not sure is a warning. What
pytest itself collects in a run (warnings, captured log records) is let go of after it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import pytest
from _pytest.logging import LogCaptureHandler

from pmat_nb.errors import UsageError

from . import PmatLeaksWarning
from .names import Names, is_within, names_around, names_of
from .options import Options

if TYPE_CHECKING:
    from pmat_nb.engine.leaks.tracker import Tracker
    from pmat_nb.render.leaks import LeakReport

__all__ = ["LeakCheck", "LoopTracker", "refuse_wrong_use", "repeated"]


def refuse_wrong_use(item: pytest.Item) -> None:
    """Fail a marked test that cannot be repeated, or whose mark is wrong."""
    __tracebackhide__ = True
    _options(item)
    cls = getattr(item, "cls", None)
    if not isinstance(item, pytest.Function) or (cls and issubclass(cls, unittest.TestCase)):
        _refuse("only test functions and methods of plain classes can be repeated, not unittest's")


def repeated(item: pytest.Function) -> Callable[..., Any]:
    """The test's function as one that runs it repeatedly and fails if it leaks."""
    function: Callable[..., Any] = item.obj
    options = _options(item)
    if not options.looks:
        return function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        _refuse(
            "async tests are not repeated; use the fixture: `with pmat_leaks() as tracker:` "
            "around the loop, `tracker.mark()` after each iteration"
        )

    @functools.wraps(function)
    def repeat(**arguments: Any) -> Any:
        __tracebackhide__ = True
        found: list[Any] = []

        def once() -> None:
            __tracebackhide__ = True
            result = function(**arguments)
            if not found:
                found.append(result)

        _settle(_repeat(once, options, names_of(function, arguments)), options, item)
        return found[0]

    return repeat


class LeakCheck:
    """What the fixture ``pmat_leaks`` is: call it with a function, or for a ``with`` block."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._item: pytest.Item = request.node

    def __call__(
        self,
        function: Callable[[], object] | None = None,
        /,
        *,
        fail: bool = True,
        **asked: Any,
    ) -> Any:
        """Repeat ``function`` and give the report, or a context manager without one.

        Args:
            function: called without arguments, ``repeat`` times at most.
            fail: whether the test fails if it leaks; else look at ``report.leaking``.
            asked: as for the mark: ``repeat``, ``warmup``, ``max_time``, ``min_bytes``,
                ``confidence``; a block is repeated by its own loop, so ``repeat`` and
                ``max_time`` do not go with one.

        Raises:
            UsageError: an unknown argument, or a value out of bounds.
        """
        __tracebackhide__ = True
        settle = self._item if fail else None
        if function is None:
            return _block(_loop_options(self._item.config, asked), settle)
        if inspect.iscoroutinefunction(function):
            raise UsageError("pmat_leaks: give it a plain function; async ones are not repeated")
        options = Options.of(self._item.config, asked)
        frame = inspect.currentframe()
        caller = frame.f_back if frame is not None else None
        own = caller is not None and is_within(function, caller.f_code)
        del frame, caller
        # What a helper names, wherever it is defined, is kept behind the test's back.
        names = names_of(function, {}) if own else dict
        if not options.looks:
            options = options._replace(repeat=1, warmup=0)
        report = _repeat(function, options, names)
        if options.looks:
            _settle(report, options, settle)
        return report


class LoopTracker:
    """``mark()`` after each iteration of a loop; ``report()`` once the block is over."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def mark(self, *, failed: bool = False) -> bool:
        """One iteration is over; whether further ones would still tell something."""
        more = self._tracker.mark(failed=failed)
        _forget()
        return more

    def report(self) -> LeakReport:
        """What is known so far; after the block all that it will ever be."""
        from pmat_nb.render.leaks import LeakReport

        return LeakReport(self._tracker.report())


@contextmanager
def _block(options: Options, item: pytest.Item | None) -> Iterator[LoopTracker]:
    __tracebackhide__ = True
    frame = inspect.currentframe()
    # Ours, contextlib's, and the test's.
    caller = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
    with _tracker(options, names_around(caller)) as tracker:
        del frame, caller
        loop = LoopTracker(tracker)
        yield loop
    if item is not None:
        if not tracker.iterations:
            _refuse("no iteration was marked: call tracker.mark() after each one")
        _settle(loop.report(), options, item)


def _repeat(function: Callable[[], object], options: Options, names: Names) -> LeakReport:
    from pmat_nb.render.leaks import LeakReport

    __tracebackhide__ = True
    with _tracker(options, names) as tracker:
        more = True
        while more:
            try:
                function()
            except BaseException as error:
                if tracker.iterations:
                    error.add_note(f"pmat_leaks: in run {tracker.iterations + 1}")
                raise
            _forget()
            more = tracker.mark()
    return LeakReport(tracker.report())


@contextmanager
def _tracker(options: Options, names: Names) -> Iterator[Tracker]:
    from pmat_nb.consumers.leaks.pools import POOLS
    from pmat_nb.consumers.leaks.retained import Retainers
    from pmat_nb.engine.leaks.counters import Counters
    from pmat_nb.engine.leaks.tracker import Tracker
    from pmat_nb.engine.probe import Probe

    __tracebackhide__ = True
    retainers = Retainers(SimpleNamespace(user_ns={}), names)
    probe = Probe()
    try:
        # Undoes what follows; pytest keeps each warning of a test in a list.
        with (
            warnings.catch_warnings(),
            Tracker(
                Counters(probe, POOLS),
                repeat=options.repeat,
                warmup=options.warmup,
                max_time_s=options.max_time_s,
                explain=retainers,
                names=names,
                members=retainers.members,
            ) as tracker,
        ):
            _warn_once()
            yield tracker
    finally:
        probe.close()


def _settle(report: LeakReport, options: Options, item: pytest.Item | None) -> None:
    """Fail for a leak; warn where more runs would be needed to tell."""
    if item is None:
        return
    rows = [row for row in report.rows if row.bytes_per_iteration >= options.min_bytes]
    if any(row.verdict == "leak" and row.confidence >= options.confidence for row in rows):
        pytest.fail(report.text(), pytrace=False)
    unsure = any(row.verdict in ("leak", "undecided") for row in rows)
    if unsure or (not rows and report.record.more_iterations):
        item.warn(PmatLeaksWarning(f"{item.name} may leak:\n{report.text()}"))


# -- what pytest keeps of a run ------------------------------------------------------------


def _warn_once() -> None:
    """Of equal warnings from one place only the first reaches pytest, which keeps them."""
    show = warnings.showwarning
    seen: set[tuple[object, ...]] = set()

    def first(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        key = category, filename, lineno
        if key not in seen:
            seen.add(key)
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = first


def _forget() -> None:
    """Log records that pytest captured in the run that is over: its own, and caplog's."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogCaptureHandler):
            handler.clear()


# -- wrong use -----------------------------------------------------------------------------


def _options(item: pytest.Item) -> Options:
    __tracebackhide__ = True
    marker = item.get_closest_marker("pmat_leaks")
    assert marker is not None
    if marker.args:
        _refuse(f"{marker.args[0]!r} needs a name: @pytest.mark.pmat_leaks(repeat=40)")
    try:
        return Options.of(item.config, marker.kwargs)
    except UsageError as error:
        text = str(error).removeprefix("pmat_leaks: ")
    _refuse(text)


def _refuse(text: str) -> NoReturn:
    pytest.fail(f"pmat_leaks: {text}", pytrace=False)


def _loop_options(config: pytest.Config, asked: Mapping[str, Any]) -> Options:
    for name in ("repeat", "max_time"):
        if name in asked:
            raise UsageError(f"pmat_leaks: {name} goes with a function; a block has its own loop")
    return Options.of(config, asked)._replace(repeat=None)
