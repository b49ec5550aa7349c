"""A report in the form that ``--format`` asks for."""

from __future__ import annotations

from typing import Any

from .report import Report

__all__ = ["Shown", "in_format"]


class Shown:
    """A report that displays itself as one given text, and is still the report.

    ``str()`` of it is that text, so that ``%pmat_stats --format json`` can be parsed.
    """

    def __init__(self, report: Report, text: str) -> None:
        self._report = report
        self._text = text

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._report, name)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text


def in_format(report: Report, format: str | None) -> Any:
    """The report itself (``table``), its DataFrame (``frame``), or itself as one text."""
    if format == "frame":
        return report.to_frame()
    if format == "json":
        return Shown(report, report.to_json())
    if format == "compact":
        return Shown(report, report.compact())
    return report
