"""Which variables are sized one by one where there are too many for that in time.

A namespace of a hundred thousand names was filled by a program: nearly all of them
have one of a few types. So all of the rare types are named, which are what somebody
made by hand, and of the common ones those that are large by themselves. The others
are sized together, type by type: nothing is left out of the sum.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from heapq import nlargest
from typing import NamedTuple

from pmat_nb.consumers.describe import quick_sizes, type_name

__all__ = ["NAMED", "Bundle", "Selection", "select"]

# Each costs about 25 µs; nobody reads more of them.
NAMED = 1_000
# Types beyond that share one bundle.
_BUNDLES = 20


class Bundle(NamedTuple):
    """Positions of objects that are sized together; ``type`` is empty for a mix."""

    type: str
    positions: Sequence[int]


class Selection(NamedTuple):
    """``named`` positions, in order, and the rest."""

    named: Sequence[int]
    rest: tuple[Bundle, ...] = ()


def select(values: Sequence[object], wanted: Collection[int], most: int) -> Selection:
    """Divide ``values`` so that about ``most`` are named, those at ``wanted`` always."""
    if len(values) <= most:
        return Selection(range(len(values)))
    by_type: dict[int, list[int]] = {}
    for at, key in enumerate(map(id, map(type, values))):
        by_type.setdefault(key, []).append(at)
    named = set(wanted)
    rest: list[Bundle] = []
    groups = sorted(by_type.values(), key=len)
    for number, group in enumerate(groups):
        free = max(0, most - len(named)) // (len(groups) - number)
        largest = group if len(group) <= free else _largest(values, group, free)
        named.update(largest)
        left = [at for at in group if at not in named]
        if left:
            rest.append(Bundle(type_name(values[left[0]]), left))
    return Selection(sorted(named), _few(rest))


def _largest(values: Sequence[object], group: list[int], most: int) -> list[int]:
    if not most:
        return []
    sizes = quick_sizes([values[at] for at in group])
    return [group[at] for at in nlargest(most, range(len(group)), key=sizes.__getitem__)]


def _few(bundles: list[Bundle]) -> tuple[Bundle, ...]:
    bundles.sort(key=lambda bundle: -len(bundle.positions))
    if len(bundles) <= _BUNDLES:
        return tuple(bundles)
    mixed = [at for bundle in bundles[_BUNDLES - 1 :] for at in bundle.positions]
    return (*bundles[: _BUNDLES - 1], Bundle("", mixed))
