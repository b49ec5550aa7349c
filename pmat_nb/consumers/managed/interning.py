"""Makes equal strings one object, in place, without changing what a container means.

Only exact ``str`` objects that a container alone refers to are replaced: no code can tell
them apart from an equal one, for nobody else holds them to compare by identity. An equal
string that something else refers to as well stays where it is, and serves as the one that
the others become.

Entered are lists, tuples, dicts and object arrays, and pandas objects down to their
object columns. Left alone: categoricals and Arrow strings (which hold each text once
already), subclasses of ``str``, ``list`` and ``dict``, keys, sets, read-only arrays.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

__all__ = ["Interned", "intern_within"]

_CHUNK = 8192
# Every so many strings one is weighed, so that the estimate costs next to nothing.
_WEIGHED = 64
_MAX_CONTAINERS = 1_000_000
_LEFT_ALONE = ("Categorical", "ArrowExtensionArray", "ArrowStringArray")
_PLAIN_KEYS = frozenset({str, int})

Table = dict[str, str]


class Interned(NamedTuple):
    """What was done. ``estimated_bytes`` were held by the strings that were let go of.

    ``complete`` is false where the time was up before everything was looked at.
    """

    replaced: int
    estimated_bytes: int
    complete: bool


class _Tally:
    def __init__(self) -> None:
        self.replaced = 0
        self.bytes = 0.0

    def add(self, sample: list[str], gone: int) -> None:
        """``gone`` strings like those of ``sample`` were let go of."""
        if gone > 0:
            self.bytes += sum(map(sys.getsizeof, sample)) / len(sample) * gone
            self.replaced += gone


def intern_within(
    roots: Iterable[object],
    table: Table,
    *,
    budget_s: float | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Interned:
    """Replace equal strings in all containers reachable from ``roots``.

    ``table`` maps each text to the object that stands for it, and is filled further.
    Run it between cells: a thread that writes into an object array meanwhile may lose
    what it wrote (lists and dicts are safe).
    """
    deadline = None if budget_s is None else clock() + budget_s
    tally = _Tally()
    for container in _containers(roots):
        for work in _pieces(container, table, tally):
            work()
            if deadline is not None and clock() > deadline:
                return Interned(tally.replaced, int(tally.bytes), False)
    return Interned(tally.replaced, int(tally.bytes), True)


# --- finding containers ---------------------------------------------------------------


def _containers(roots: Iterable[object]) -> Iterator[Any]:
    waiting: deque[object] = deque(roots)
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_CONTAINERS:
        current = waiting.popleft()
        kind = type(current)
        if kind is str or id(current) in seen:
            continue
        if kind is list or kind is dict or _is_object_array(current):
            yield current
        elif kind is not tuple and not _is_pandas(kind):
            continue
        seen.add(id(current))
        waiting.extend(_members(current))


def _members(container: Any) -> list[object]:
    """What may be entered further; the strings themselves are of no interest here."""
    found = gc.get_referents(container)
    if type(container) is list or type(container) is dict or _is_object_array(container):
        kinds = set(map(type, found))
        if not any(_enters(kind) for kind in kinds):
            return []
    return [one for one in found if _enters(type(one))]


def _enters(kind: type) -> bool:
    return kind in (list, dict, tuple) or kind is _array_type() or _is_pandas(kind)


def _is_pandas(kind: type) -> bool:
    module = getattr(kind, "__module__", "")
    return (
        type(module) is str
        and module.partition(".")[0] == "pandas"
        and kind.__name__ not in _LEFT_ALONE
        and not issubclass(kind, type)
    )


def _array_type() -> Any:
    return getattr(sys.modules.get("numpy"), "ndarray", None)


def _is_object_array(value: Any) -> bool:
    return type(value) is _array_type() and value.dtype.hasobject and value.dtype.kind == "O"


# --- replacing ------------------------------------------------------------------------


def _pieces(container: Any, table: Table, tally: _Tally) -> Iterator[Callable[[], None]]:
    """The work on one container, in pieces of a few milliseconds."""
    if type(container) is list:
        for start in range(0, len(container), _CHUNK):
            yield partial(_in_list, container, start, table, tally)
    elif type(container) is dict:
        yield lambda: _in_dict(container, table, tally)
    else:
        for run in _runs(container):
            for start in range(0, len(run), _CHUNK):
                piece = run[start : start + _CHUNK]
                yield partial(_in_array, piece, table, tally)


def _runs(array: Any) -> Iterator[Any]:
    """One-dimensional views that together are ``array``; none of a read-only one."""
    if not array.flags.writeable or not array.size:
        return
    if array.ndim == 1:
        yield array
    elif array.flags.c_contiguous:
        yield array.reshape(-1)
    elif array.flags.f_contiguous:
        yield array.T.reshape(-1)
    else:
        for part in array:
            yield from _runs(part)


def _in_array(piece: Any, table: Table, tally: _Tally) -> None:
    np = sys.modules["numpy"]
    values = piece.tolist()
    strings_only = set(map(type, values)) == {str}
    counts = list(map(sys.getrefcount, values))
    different, alone = set(counts), _alone_in_array()
    if strings_only and alone not in different:
        deque(map(table.setdefault, values, values), maxlen=0)
        return
    if strings_only and different == {alone}:
        mine, before = values, len(table)
        new = np.fromiter(map(table.setdefault, values, values), dtype=object, count=len(values))
    else:
        _enter_shared(values, counts, alone, table)
        mine, before = _exclusive(values, counts, alone), len(table)
        if not mine:
            return
        chosen = (
            table.setdefault(value, value) if count == alone and type(value) is str else value
            for value, count in zip(values, counts, strict=True)
        )
        new = np.fromiter(chosen, dtype=object, count=len(values))
    tally.add(mine[::_WEIGHED], len(mine) - (len(table) - before))
    piece[:] = new


def _enter_shared(values: list[Any], counts: list[int], alone: int, table: Table) -> None:
    """What others refer to as well stays, so the exclusive ones had better become it."""
    for value, count in zip(values, counts, strict=True):
        if count > alone and type(value) is str:
            table.setdefault(value, value)


def _exclusive(values: list[Any], counts: list[int], alone: int) -> list[str]:
    return [v for v, c in zip(values, counts, strict=True) if c == alone and type(v) is str]


def _in_list(owner: list[Any], start: int, table: Table, tally: _Tally) -> None:
    strings_only = set(map(type, _slice(owner, start))) == {str}
    different, alone = set(map(sys.getrefcount, _slice(owner, start))), _alone_in_list()
    if not strings_only or (alone in different and len(different) > 1):
        last = min(start + _CHUNK, len(owner))
        _one_by_one(owner, range(start, last), table, tally)
        return
    strings, before = list(_slice(owner, start)), len(table)
    deque(map(table.setdefault, strings, strings), maxlen=0)
    if different == {alone}:
        tally.add(strings[::_WEIGHED], len(strings) - (len(table) - before))
        del strings
        # One call into C from reading to writing: no other thread can come in between, and
        # what one has put there since is found equal to nothing and stays as it is.
        owner[start : start + _CHUNK] = map(table.get, _slice(owner, start), _slice(owner, start))


def _slice(owner: list[Any], start: int) -> Iterator[Any]:
    """The items of one chunk, lazily and without passing over those before it."""
    items = iter(owner)
    items.__setstate__(start)  # type: ignore[attr-defined] # typeshed has it not
    return islice(items, _CHUNK)


def _in_dict(owner: dict[Any, Any], table: Table, tally: _Tally) -> None:
    # Other keys may run code of the user's when they are looked up.
    if set(map(type, tuple(owner))) <= _PLAIN_KEYS:
        _one_by_one(owner, tuple(owner), table, tally)


def _one_by_one(owner: Any, keys: Iterable[Any], table: Table, tally: _Tally) -> None:
    alone = _alone_as_item()
    refcount, choose = sys.getrefcount, table.setdefault
    gone = 0
    sample: list[str] = []
    for key in keys:
        try:
            value = owner[key]
        except (KeyError, IndexError):  # another thread took it away
            continue
        if type(value) is not str:
            continue
        exclusive = refcount(value) == alone
        chosen = choose(value, value)
        if exclusive and chosen is not value and owner[key] is value:
            owner[key] = chosen
            if gone % _WEIGHED == 0:
                sample.append(value)
            gone += 1
    tally.add(sample, gone)


# --- how many references a string has that only one container holds --------------------
# Counted, not assumed: it differs between versions of Python.


def _fresh() -> str:
    return "".join(("pmat ", str(time.perf_counter_ns())))


def _alone_in_array() -> int:
    np = sys.modules["numpy"]
    array = np.empty(1, dtype=object)
    array[0] = _fresh()
    values = array.tolist()
    return next(map(sys.getrefcount, values))


def _alone_in_list() -> int:
    owner: list[Any] = [_fresh()]
    return next(map(sys.getrefcount, _slice(owner, 0)))


def _alone_as_item() -> int:
    owner: list[Any] = [_fresh()]
    refcount = sys.getrefcount
    value = owner[0]
    return refcount(value)
