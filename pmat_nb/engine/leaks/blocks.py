"""One block that is replaced by a larger one: an array, a text, a buffer that is added to.

No container grows by it and no object of it lives on: what stays is the name, or the object,
that has the newest. Both are looked for by the size of the site's block.
"""

from __future__ import annotations

import io
import sys
import time
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import compress, repeat
from operator import is_
from typing import Any

from pmat_nb.engine.safe import mro, referents

from .records import SiteGrowth
from .sites import Place

__all__ = ["is_one_block", "named_blocks", "own_sizes", "owned_blocks", "owner_among"]

_LEAVES: tuple[type, ...] = (bytearray, bytes, str, array, io.BytesIO, io.StringIO)
_OF_MODULES = (("numpy", "ndarray"),)
# Blocks of a site beyond which it is not one that grows: the object, its data, a name.
_FEW = 4
_LEAST_BYTES = 512
_LIKE = 0.1
_BUDGET_S = 0.25
_CHUNK = 4096


def is_one_block(kept: SiteGrowth) -> bool:
    """Whether what a site has is a few blocks, and as many of them as before."""
    size, blocks = kept.last
    return 0 < blocks <= _FEW and kept.blocks_per_iteration < 0.5 and size >= _LEAST_BYTES


def _own_size(value: object) -> int | None:
    """Bytes of the object alone; None where only code of the user's could tell."""
    for kind in mro(type(value)):
        told = vars(kind).get("__sizeof__")
        if told is not None:
            # Written in C, and not in Python.
            return None if hasattr(type(told), "__code__") else sys.getsizeof(value)
    return None


def own_sizes(names: Mapping[str, object]) -> dict[str, int]:
    """By name, the size of what it names."""
    found = {name: _own_size(value) for name, value in names.items()}
    return {name: size for name, size in found.items() if size is not None}


def named_blocks(
    kept: Mapping[Place, SiteGrowth], before: Mapping[str, int], names: Mapping[str, object]
) -> dict[Place, str]:
    """The names whose own object grew, by the site that made it what it is."""
    found: dict[Place, str] = {}
    for name, size in own_sizes(names).items():
        grown = size - before.get(name, size)
        if grown <= 0:
            continue
        for place, growth in kept.items():
            if is_one_block(growth) and _is_like(growth.last[0], size):
                found.setdefault(place, name)
    return found


def owned_blocks(
    objects: Sequence[object], wanted: Collection[int]
) -> Iterator[tuple[object, list[object]]]:
    """Objects of about these sizes, each with some objects one of which holds it.

    The newest holders come first, and it ends after 0.25 s.
    """
    until = time.perf_counter() + _BUDGET_S
    kinds = frozenset(_leaf_types())
    for end in range(len(objects), 0, -_CHUNK):
        if time.perf_counter() > until:
            return
        chunk = list(objects[max(0, end - _CHUNK) : end])
        for value in _leaves(chunk, kinds):
            size = sys.getsizeof(value)
            if size >= _LEAST_BYTES and any(_is_like(one, size) for one in wanted):
                yield value, chunk


def _is_like(one: int, other: int) -> bool:
    return abs(one - other) <= _LIKE * max(one, other) + 128


def _leaf_types() -> Iterator[type]:
    yield from _LEAVES
    for module, name in _OF_MODULES:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type):
            yield kind


def _leaves(chunk: list[object], kinds: frozenset[type]) -> list[Any]:
    held = referents(chunk)
    # A type is looked up by its hash, which is the user's code where its own type is.
    plain = list(compress(held, map(is_, map(type, map(type, held)), repeat(type))))
    return list(compress(plain, map(kinds.__contains__, map(type, plain))))


def owner_among(objects: list[object], value: object) -> object:
    """The one that holds the object."""
    return next((o for o in objects if any(held is value for held in referents([o]))), None)
