"""Which advices are about the same data, so that only one of their savings can be had. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .base import About, Advice

__all__ = ["exclusions"]


def exclusions(advices: Sequence[Advice]) -> list[int | None]:
    """For each the place of an earlier one that is about the same data; None: it adds up.

    An advice that adds up is about nothing that an earlier such one is about; with the largest
    saving first, the larger of two ways counts.
    """
    counted: list[int] = []
    found: list[int | None] = []
    for place, advice in enumerate(advices):
        same = (one for one in counted if _meet(advices[one].about, advice.about))
        other = next(same, None)
        found.append(other)
        if other is None:
            counted.append(place)
    return found


def _meet(first: About, second: About) -> bool:
    return any(
        name == other and (label is None or there is None or label == there)
        for name, label in first
        for other, there in second
    )
