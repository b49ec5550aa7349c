"""``%%pmat_leaks --repeat N --native``: the last of the runs are under memray.

The tracker has said by then whether memory of C code grows; these runs say on which lines.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from pmat_nb.errors import PmatError

if TYPE_CHECKING:
    from pmat_nb.consumers.leaks.native_trace import NativeGrowth
    from pmat_nb.engine.leaks.report import LeakRecord
    from pmat_nb.engine.leaks.sites import Sites

__all__ = ["NativeRuns"]


class NativeRuns:
    """``run`` once, then ``complete`` the record."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._found: list[NativeGrowth] = []
        self._ran = 0
        self._problem = ""

    async def run(self, once: Callable[[], Awaitable[bool]], goes_on: Callable[[], bool]) -> None:
        """Run ``once`` as often as is needed, while ``goes_on`` before each."""
        from pmat_nb.consumers.leaks.native_trace import ITERATIONS, NativeTrace

        trace = NativeTrace(self._sites, called="%%pmat_leaks --native")
        try:
            trace.start()
            while self._ran < ITERATIONS and goes_on():
                await once()
                gc.collect()
                trace.mark()
                self._ran += 1
            self._found = trace.finish()
        except PmatError as problem:
            self._problem = str(problem)
        finally:
            trace.close()

    def complete(self, record: LeakRecord) -> LeakRecord:
        """The record with lines for native growth, and a word on how they were got."""
        from pmat_nb.consumers.leaks.native_trace import LEAST_ITERATIONS, with_lines

        if self._problem:
            return record._replace(notes=(*record.notes, self._problem))
        if self._ran < LEAST_ITERATIONS:
            words = f"no lines of C code: only {self._ran} runs were under memray"
            return record._replace(notes=(*record.notes, words))
        words = f"and {self._ran} times more under memray, for the lines of C code"
        found = with_lines(record, self._found, self._sites)
        return found._replace(notes=(words, *found.notes))
