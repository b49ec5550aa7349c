"""Hands a report to the user in the form that ``--format`` and ``--output`` ask for."""

from __future__ import annotations

from typing import Any

from pmat_nb.render.report import Report

__all__ = ["deliver"]


def deliver(report: Report, format: str | None, output: str | None) -> Any:
    """The report in its form; None where it went to a file or to standard output."""
    if output is not None:
        from pmat_nb.render.output import write_output

        write_output(report, format or "table", output)
        return None
    from pmat_nb.render.shown import in_format

    return in_format(report, format)
