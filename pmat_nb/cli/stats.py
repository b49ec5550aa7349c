"""``pmat-nb stats``: of one kernel, of all, of a log, or again and again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pmat_nb.errors import UsageError
from pmat_nb.render.report import Report
from pmat_nb.settings import Verb

from . import kernels
from .codes import Code
from .printing import deliver, show

__all__ = ["command"]

_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def command(verb: Verb, options: dict[str, Any]) -> int:
    """Where memory is, here and elsewhere."""
    if options["analyze_log"] is not None:
        from pmat_nb.engine.log_analysis import analyze_log
        from pmat_nb.render.log import LogReport

        deliver(LogReport(analyze_log(options["analyze_log"])), options["format"], _file(options))
        return Code.FINE
    look = _all(options) if options["all"] else _one(verb, options)
    if options["watch"] in (None, "off"):
        look()
        return Code.FINE
    return _watch(look, options)


def _file(options: dict[str, Any]) -> str | None:
    output: str | None = options["output"]
    return output


def _all(options: dict[str, Any]) -> Callable[[], None]:
    if options["kernel"] is not None:
        raise UsageError("--all and --kernel: one or the other; for example pmat-nb stats --all")
    return lambda: deliver(_table(), options["format"], _file(options))


def _table() -> Report:
    from pmat_nb.render.kernels import KernelTable

    from .finding import row_of, running_kernels

    rows = [row_of(kernel) for kernel in running_kernels()]
    without = sum(not row.loaded for row in rows)
    notes = []
    if without:
        notes.append("without pmat_nb only the memory is known: %load_ext pmat_nb tells more")
    return KernelTable(rows, notes=notes)


def _one(verb: Verb, options: dict[str, Any]) -> Callable[[], None]:
    from .finding import choose, loaded_kernels
    from .outside import view

    again = False

    def look() -> None:
        nonlocal again
        if not again:
            kernels.command(verb, options)
        else:
            # A sizing every second would be a load of its own: from now on its own last word.
            kernel = choose(options["kernel"], loaded_kernels())
            report = view("stats", options, kernel, stuck=False)
            if report is not None:
                deliver(report, options["format"], _file(options))
        again = True

    return look


def _watch(look: Callable[[], None], options: dict[str, Any]) -> int:
    """Draw it again every so often, until q, Ctrl-C or the reader's end."""
    from .keys import pressed

    if options["output"] not in (None, "-"):
        raise UsageError("--watch draws on the terminal; for a file: pmat-nb stats -o FILE")
    period_s = float(options["watch"])
    drawn = sys.stdout.isatty()
    try:
        while True:
            if drawn:
                sys.stdout.write(_HOME_AND_CLEAR)
            look()
            if drawn:
                show(f"every {period_s:g} s · q or Ctrl-C ends")
            if pressed("q", period_s):
                return Code.FINE
    except KeyboardInterrupt:
        return Code.FINE
