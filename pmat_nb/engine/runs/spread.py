"""How far repeated measurements lie apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["Spread", "spread"]


class Spread(NamedTuple):
    """Least, quartiles, median and most of ``number`` values, in the values' own unit."""

    least: float
    lower: float
    median: float
    upper: float
    most: float
    number: int


def spread(values: Iterable[float | None]) -> Spread | None:
    """The spread of the known values, quartiles interpolated linearly; None of none.

    >>> spread([1, 2, 3, 4, 10])
    Spread(least=1.0, lower=2.0, median=3.0, upper=4.0, most=10.0, number=5)
    """
    known = sorted(float(value) for value in values if value is not None)
    if not known:
        return None
    lower, median, upper = (_at(known, part) for part in (0.25, 0.5, 0.75))
    return Spread(known[0], lower, median, upper, known[-1], len(known))


def _at(ordered: list[float], part: float) -> float:
    place = part * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    # Between two equal values exactly that value, whatever the arithmetic.
    step = ordered[above] - ordered[below]
    return min(ordered[below] + step * (place - below), ordered[above])
