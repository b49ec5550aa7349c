"""Memory gates for tests: what one may add at its peak, and the process reach.

The peak is the kernel's own high-water mark, reset before each test (Linux). Where it cannot be
reset it is RSS after the test: a lower bound, by which a test may pass that took more meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from pmat_nb.errors import UsageError
from pmat_nb.units import parse_size

if TYPE_CHECKING:
    from pmat_nb.engine.probe import Probe

__all__ = ["MemoryBounds"]

_MARK = "pmat_max_memory"


class Before(NamedTuple):
    """RSS as a test begins, and whether the peak from then on is known exactly."""

    probe: Probe
    rss_bytes: int | None
    exact: bool


class MemoryBounds(NamedTuple):
    """The bounds of one test in bytes, None where there is none, and who set each."""

    test_bytes: int | None
    test_source: str
    process_bytes: int | None
    process_source: str

    @classmethod
    def of(cls, item: pytest.Item) -> MemoryBounds:
        """The mark goes before the option, and that before the setting.

        Raises:
            UsageError: a size that is none.
        """
        mark = item.get_closest_marker(_MARK)
        if mark is not None:
            if len(mark.args) != 1 or mark.kwargs:
                raise UsageError(f'{_MARK}: takes one size; @pytest.mark.{_MARK}("100MB")')
            size, source = str(mark.args[0]), f"@pytest.mark.{_MARK}"
        else:
            size, source = _asked(item.config, "pmat_max_test_memory")
        most, from_where = _asked(item.config, "pmat_max_memory")
        return cls(_bytes(size, source), source, _bytes(most, from_where), from_where)

    @staticmethod
    def check_options(config: pytest.Config) -> None:
        """Raises UsageError for an option or a setting that is no size."""
        for name in ("pmat_max_test_memory", "pmat_max_memory"):
            _bytes(*_asked(config, name))

    def begin(self) -> Before:
        """Before the test: reset the high-water mark, where that can be."""
        from pmat_nb.engine.probe import Probe

        probe: Probe = Probe()
        return Before(probe, probe.rss_bytes(), probe.reset_peak())

    def check(self, before: Before) -> None:
        """After a test that passed: fail it where it went over a bound."""
        probe = before.probe
        known = [probe.rss_bytes(), probe.peak_rss_bytes() if before.exact else None]
        probe.close()
        peak = max((size for size in known if size is not None), default=None)
        if peak is None or before.rss_bytes is None:
            return
        added = peak - before.rss_bytes
        if self.test_bytes is not None and added > self.test_bytes:
            _fail(f"the test added {_size(added)} at its peak", self.test_bytes, self.test_source)
        if self.process_bytes is not None and peak > self.process_bytes:
            what = f"the test process reached {_size(peak)}, {_size(added)} of it in this test"
            _fail(what, self.process_bytes, self.process_source)


def _asked(config: pytest.Config, name: str) -> tuple[str, str]:
    if told := config.getoption(name):
        return str(told), "--" + name.replace("_", "-")
    return str(config.getini(name) or "").strip(), name


def _bytes(size: str, source: str) -> int | None:
    return parse_size(size, option=source) if size else None


def _size(value: int) -> str:
    from pmat_nb.render.format import brief

    return brief(value)


def _fail(what: str, bound: int, source: str) -> None:
    from pmat_nb.render.format import limit

    pytest.fail(f"pmat_nb: {what}; the bound is {limit(bound)} ({source})", pytrace=False)
