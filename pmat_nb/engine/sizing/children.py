"""Opening objects in batches: from a list of one type's objects to lists of references.

Every function gives chunks ``(refs, stride, owned)``: ``refs`` names each referenced
object once for every reference held; a ``stride`` above 1 says that refs repeats the
layout of one record with so many entries; ``owned`` is false where the references may
not be counted in the objects' reference counts. Chunks stay below about 64,000 entries,
so that neither our own memory nor the time between two looks at the clock grows with
the user's data.
"""

from __future__ import annotations

import gc
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice, repeat
from operator import is_
from sys import getrefcount
from typing import Any, NamedTuple

from .kinds import TypeInfo

__all__ = ["BATCH", "BIG", "LIGHT_REFS", "Chunk", "big_iterators", "open_dicts", "open_objects"]

BATCH = 1024  # containers opened at once
BIG = 16_384  # containers with more entries are read piece by piece
# An atom with more references than this, and less than two bytes for each of them, is
# not worth remembering: the pointers to it alone weigh four times as much.
LIGHT_REFS = 64

_globals_of = types.FunctionType.__dict__["__globals__"].__get__
_builtins_of = types.FunctionType.__dict__["__builtins__"].__get__
_len_of: dict[int, Callable[[Any], int]] = {
    id(t): t.__len__ for t in (list, tuple, set, frozenset, deque, dict)
}


class Chunk(NamedTuple):
    """Some references held by the objects just opened."""

    refs: list[Any]
    stride: int = 1
    owned: bool = True


def lengths(info: TypeInfo, objs: Sequence[Any]) -> list[int]:
    """Entries of each exact builtin container."""
    return list(map(_len_of[id(info.type)], objs))


def big_iterators(obj: Any) -> list[Iterator[Any]]:
    """Iterators over a big builtin container, to be read piece by piece."""
    if type(obj) is dict:
        return [iter(obj.keys()), iter(obj.values())]
    return [iter(obj)]


def open_sequences(objs: Sequence[Any]) -> Chunk:
    """References of lists, tuples, sets and deques."""
    return Chunk(gc.get_referents(*objs))


def open_dicts(objs: Sequence[Any], base_refs: int) -> Iterator[Chunk]:
    """References of exact dicts, keys included."""
    entries = sum(map(len, objs))
    refs = gc.get_referents(*objs)
    stride, rest = divmod(entries, len(objs))
    if len(refs) == 2 * entries and entries:
        # Tables for keys of any kind: the collector sees keys and values.
        yield Chunk(refs, 1 if rest else 2 * stride)
        return
    if len(refs) != entries:
        del refs  # or every object in it would show one reference too many
        yield from _open_mixed_dicts(objs)
        return
    yield Chunk(refs, 1 if rest else stride)
    del refs
    if entries and min(map(getrefcount, chain.from_iterable(objs))) < LIGHT_REFS + base_refs:
        yield Chunk(list(chain.from_iterable(objs)), 1 if rest else stride)


def _open_mixed_dicts(objs: Sequence[Any]) -> Iterator[Chunk]:
    refs: list[Any] = []
    for obj in objs:
        before = len(refs)
        refs += gc.get_referents(obj)
        if len(refs) - before == len(obj):
            refs += obj
    yield Chunk(refs)


def open_dict_subclass(info: TypeInfo, objs: Sequence[Any]) -> Iterator[Chunk]:
    """References of dict subclasses, through dict's own methods."""
    for obj in objs:
        yield Chunk(_dict_subclass_refs(info, obj))


def _dict_subclass_refs(info: TypeInfo, obj: Any) -> list[Any]:
    # A function of its own: every other list must be gone before references are counted.
    refs = gc.get_referents(obj)
    keys = list(dict.keys(obj))
    seen = keys and len(refs) >= 2 * len(keys) and any(map(is_, refs, repeat(keys[0])))
    missing = info.key_refs - (1 if seen else 0)
    return [o for o in refs if o is not info.type] + keys * missing


def open_objects(info: TypeInfo, objs: Sequence[Any]) -> Chunk:
    """References of instances and of C types that know the collector."""
    cls = info.type
    refs = [o for o in gc.get_referents(*objs) if o is not cls]
    stride, rest = divmod(len(refs), len(objs))
    return Chunk(refs, 1 if rest else stride)


def attribute_arrays_bytes(info: TypeInfo, count: int, refs: Sequence[Any]) -> int:
    """Bytes of the attribute arrays of ``count`` instances that hold ``refs``."""
    if not info.inline:
        return 0
    if len(refs) == count and all(type(o) is dict for o in refs):
        return 0  # their dicts exist as objects, which hold the arrays
    return info.inline_values_bytes(count, len(refs))


def open_functions(objs: Sequence[Any]) -> Chunk:
    """References of functions, less the module's namespace they run in."""
    refs: list[Any] = []
    for obj in objs:
        outer = (_globals_of(obj), _builtins_of(obj))
        refs += [o for o in gc.get_referents(obj) if o is not outer[0] and o is not outer[1]]
    return Chunk(refs)


def open_code(objs: Sequence[Any]) -> Chunk:
    """References of code objects, which the collector does not know."""
    refs: list[Any] = []
    for obj in objs:
        refs += (obj.co_consts, obj.co_names, obj.co_name, obj.co_qualname, obj.co_filename)
        refs += (obj.co_linetable, obj.co_exceptiontable)
    return Chunk(refs)


def read_big(iterator: Iterator[Any]) -> list[Any]:
    """The next piece of a big container."""
    return list(islice(iterator, BIG))
