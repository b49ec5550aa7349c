"""What a benchmark reports: one figure, with its goal and whether it was reached."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Row", "median", "spread"]


class Row(NamedTuple):
    """One line of docs/benchmarks.md. ``met`` is None where there is no goal."""

    what: str
    measured: str
    peers: str = ""
    goal: str = ""
    met: bool | None = None
    note: str = ""


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Half the distance between the quartiles, as ``±``."""
    quartiles = statistics.quantiles(values, n=4)
    return f"±{(quartiles[2] - quartiles[0]) / 2:.2g}"
