"""Variables that share their data with another: views of arrays, columns of frames.

A column taken out of a frame does not hold the frame, but the memory of all of it.
Looked at: arrays of numpy and the frames, series and indexes of pandas that are
variables themselves, not those inside the user's containers.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

from pmat_nb.engine.safe import has_base, is_exactly, type_name

from .namespace import user_variables
from .opaque import Arrays

__all__ = ["sharers"]

# From a frame to its arrays it is some five objects; a frame of many blocks has more.
_MOST_OBJECTS = 2_000
_PANDAS = ("DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "DatetimeIndex")


def sharers(shell: Any, value: object) -> Iterator[str]:
    """Names, with types, of other variables whose data lies in the same buffers."""
    arrays, tables = tuple(Arrays().types()), _pandas_types()
    if not is_exactly(value, (*arrays, *tables)):
        return
    wanted = _buffers(value, arrays)
    for variable in user_variables(shell):
        other = variable.value
        if other is value or not is_exactly(other, (*arrays, *tables)):
            continue
        if not wanted.isdisjoint(_buffers(other, arrays)):
            yield f"{variable.name} ({type_name(other)} that shares its data)"


def _pandas_types() -> tuple[type, ...]:
    pandas = getattr(sys.modules.get("pandas"), "__dict__", {})
    return tuple(pandas[name] for name in _PANDAS if name in pandas)


def _buffers(value: object, arrays: tuple[type, ...]) -> set[int]:
    """Ids of the objects that own the memory of all arrays in a value."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting = [value]
    while waiting and len(seen) < _MOST_OBJECTS:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if is_exactly(current, arrays):
            found.add(_owner(current, arrays))
        elif current is value or _is_inside(current):
            waiting += gc.get_referents(current)
    return found


def _is_inside(value: object) -> bool:
    """Containers and pandas' own objects: nothing else leads to a table's data."""
    module = type.__dict__["__module__"].__get__(type(value))
    if is_exactly(value, (dict, tuple, list)):
        return True
    if type(module) is not str or module.partition(".")[0] != "pandas":
        return False
    # Copies share their labels and the order of columns: not what a reader asks about.
    index = getattr(sys.modules.get("pandas"), "__dict__", {}).get("Index")
    return not has_base(value, index) and type_name(value) != "BlockPlacement"


def _owner(array: Any, arrays: tuple[type, ...]) -> int:
    while is_exactly(array, arrays) and array.base is not None:
        array = array.base
    return id(array)
