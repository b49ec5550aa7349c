"""The page's part of the dashboard: its scripts as one module, its style as one sheet.

The files in ``static`` share one scope and are joined here, in order: the front end loads
a single module, nothing is built, and nothing comes from elsewhere.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["SCRIPTS", "SHEETS", "module", "style"]

# Each may use what those before it define; the last one exports ``render``.
SCRIPTS = (
    "format.js",
    "elements.js",
    "controls.js",
    "table.js",
    "link.js",
    "chart.js",
    "moments.js",
    "live.js",
    "pools.js",
    "reading.js",
    "variables.js",
    "leaks.js",
    "recommendations.js",
    "pressure.js",
    "history.js",
    "dashboard.js",
)
SHEETS = ("dashboard.css", "controls.css", "live.css", "tabs.css")


@cache
def module() -> str:
    """The ECMAScript module."""
    return "\n".join(_read(name) for name in SCRIPTS)


@cache
def style() -> str:
    """The style sheet."""
    return "\n".join(_read(name) for name in SHEETS)


def _read(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")
