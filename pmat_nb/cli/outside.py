"""A kernel that does not answer: its last words with their age, its process as it is now."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pmat_nb.engine.stats_records import StatsRecord
from pmat_nb.render.format import duration
from pmat_nb.render.kernels import FromOutside, WithAge
from pmat_nb.render.report import Report
from pmat_nb.render.texts import clean, cut

from .finding import Running, is_stopped, memory_now

__all__ = ["state_of", "view"]

_LINE_LENGTH = 40
_NOT_ASKED = "not divided into parts: nobody had asked this kernel before"


def state_of(kernel: Running, *, stuck: bool) -> str:
    """``is busy with In[5] for 40 s``, or what else keeps it from answering."""
    if stuck and is_stopped(kernel):
        return "is stopped (SIGSTOP)"
    inside = " in a call that lets nothing else run" if stuck else ""
    cell = kernel.running
    if not kernel.busy and not stuck:
        return "is idle"
    if cell is None:
        return f"is busy{inside}"
    line = f" ({cut(clean(cell.first_line), _LINE_LENGTH)})" if cell.first_line else ""
    took = duration(max(0.0, time.time() - cell.since))
    return f"is busy with {clean(cell.label)}{line} for {took}{',' if stuck else ''}{inside}"


def view(name: str, options: Mapping[str, Any], kernel: Running, *, stuck: bool) -> Report | None:
    """The verb's report of what was last said; None where nothing was."""
    sign = kernel.sign
    if sign is None:
        return None
    record = sign.record()
    report = None
    if name == "pressure":
        record = sign.sample
    elif sign.detail is not None and (name == "stats" or sign.detail.sizing is not None):
        record = sign.detail
        report = _report(name, options, sign.detail)
    elif name in ("vars", "pools"):
        return None
    now = memory_now(kernel)
    about = WithAge(
        kernel.name,
        state_of(kernel, stuck=stuck),
        max(0.0, time.time() - record.timestamp),
        now.rss_bytes if now is not None else None,
        now.tree_bytes if now is not None else None,
        now.children_bytes if now is not None else None,
    )
    note = _NOT_ASKED if report is None and name == "stats" else ""
    return FromOutside(about, record, report, note=note)


def _report(name: str, options: Mapping[str, Any], record: StatsRecord) -> Report:
    if name == "vars":
        from pmat_nb.render.variables import Variables

        return Variables(
            record.variables,
            more=record.more_variables,
            rss_bytes=record.rss_bytes,
            sizing=record.sizing,
            top=options.get("top"),
        )
    if name == "pools":
        from pmat_nb.render.pools import Pools

        return Pools(record, detailed=bool(options.get("detailed")))
    from pmat_nb.render.stats import Stats

    report = Stats(record, detailed=bool(options.get("detailed")))
    return report if options.get("by") is None else report.by(options["by"])
