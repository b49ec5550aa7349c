"""The walk both passes share: open objects in batches, sum up what has one owner.

An object with exactly one reference, just found in a container, cannot be found
again. So it needs no entry in any table: its size is added and it is opened in turn.
Only objects with more references are handed to ``_shared``, where the passes
differ. This is what keeps our own memory small and nearly all the work in C.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from sys import getrefcount, getsizeof
from typing import Any

from . import children
from .adapter import Buffer, Exploded
from .children import BATCH, BIG, LIGHT_REFS, Chunk
from .kinds import ATOM_IDS, Kind, TypeInfo, TypeTable

__all__ = ["Deadline", "OutOfTime", "Walk", "is_light", "single_refs"]

_MAX_STRIDE = 64
_IMMORTAL = 1 << 28


class OutOfTime(Exception):  # noqa: N818 - not an error: the budget's end
    """The time budget is used up."""


class Deadline:
    """The time by which to stop, on an injected clock; None is never."""

    def __init__(self, clock: Callable[[], float], at: float | None = None) -> None:
        self._clock = clock
        self.at = at

    def check(self) -> None:
        """Raise OutOfTime once the time has come."""
        if self.at is not None and self._clock() >= self.at:
            raise OutOfTime


def single_refs() -> int:
    """What ``getrefcount`` shows, in a list of references, for an object with one owner."""
    owner = [object()]
    refs = gc.get_referents(owner)
    return next(map(getrefcount, refs))


def is_light(obj: object, refcount: int) -> bool:
    """Whether an object is immortal, or an atom that weighs next to nothing per reference."""
    if refcount < LIGHT_REFS:
        return False
    return refcount >= _IMMORTAL or (id(type(obj)) in ATOM_IDS and getsizeof(obj) < 2 * refcount)


class Frontier:
    """Objects found and not yet opened, by type; the newest first, so that it stays short."""

    def __init__(self) -> None:
        self._pending: dict[int, tuple[TypeInfo, list[Any]]] = {}
        self._big: list[tuple[Iterator[Any], bool]] = []

    def push(self, info: TypeInfo, objs: Sequence[Any]) -> None:
        """Add objects of one type."""
        key = id(info.type)
        found = self._pending.pop(key, None)
        if found is None:
            self._pending[key] = (info, list(objs))
        else:
            found[1].extend(objs)
            self._pending[key] = found

    def push_iterator(self, iterator: Iterator[Any], *, owned: bool = True) -> None:
        """Add references that are to be read piece by piece."""
        self._big.append((iterator, owned))

    def pop(self) -> tuple[TypeInfo, list[Any]] | None:
        """Up to a batch of objects of one type."""
        if not self._pending:
            return None
        key, (info, objs) = self._pending.popitem()
        batch = objs[-BATCH:]
        del objs[-BATCH:]
        if objs:
            self._pending[key] = (info, objs)
        return info, batch

    def read(self) -> Chunk | None:
        """The next piece of the innermost big container; None when there is none left."""
        while self._big:
            iterator, owned = self._big[-1]
            refs = children.read_big(iterator)
            if len(refs) < BIG:
                self._big.pop()
            if refs:
                return Chunk(refs, 1, owned)
        return None

    def drop_big(self) -> None:
        """Forget the innermost big container, which changed while it was read."""
        self._big.pop()

    def clear(self) -> None:
        """Forget everything."""
        self._pending.clear()
        self._big.clear()


class Walk:
    """Opens everything that hangs on the objects pushed to ``frontier``.

    ``nbytes``, ``padding`` and ``objects`` add up what has been found; ``disturbed`` is true once a
    container changed while it was read, so that figures are lower bounds.
    """

    def __init__(self, table: TypeTable, deadline: Deadline) -> None:
        self.table = table
        self.deadline = deadline
        self.base_refs = single_refs()
        self.frontier = Frontier()
        self.nbytes = 0
        self.padding = 0
        self.objects = 0
        self.disturbed = False
        self.exact = True

    def _shared(self, objs: list[Any], refcounts: list[int], owned: bool) -> None:
        raise NotImplementedError

    def _buffers(self, buffers: Sequence[Buffer]) -> None:
        raise NotImplementedError

    def run(self) -> None:
        """Open everything in the frontier; raises OutOfTime when the budget is used up."""
        frontier = self.frontier
        while True:
            self.deadline.check()
            batch = frontier.pop()
            if batch is not None:
                self._open(*batch)
                continue
            try:
                chunk = frontier.read()
            except Exception:  # "changed size during iteration", or an adapter's iterator
                frontier.drop_big()
                self.disturbed = True
                continue
            if chunk is None:
                return
            self._absorb(chunk)

    def take(self, info: TypeInfo, objs: Sequence[Any]) -> None:
        """Count objects of one type and queue them for opening."""
        nbytes, padding = info.measure(objs)
        self.nbytes += nbytes
        self.padding += padding
        self.objects += len(objs)
        if info.kind > Kind.ATOM:
            self.frontier.push(info, objs)

    def _open(self, info: TypeInfo, objs: list[Any]) -> None:
        kind = info.kind
        if kind == Kind.SEQUENCE or kind == Kind.DICT:
            for part in self._by_length(info, objs):
                if kind == Kind.SEQUENCE:
                    self._absorb(children.open_sequences(part))
                else:
                    self._absorb_all(children.open_dicts(part, self.base_refs))
        elif kind == Kind.OBJECT or kind == Kind.FRAME:
            chunk = children.open_objects(info, objs)
            self.nbytes += children.attribute_arrays_bytes(info, len(objs), chunk.refs)
            self._absorb(chunk._replace(owned=kind == Kind.OBJECT))
        elif kind == Kind.DICT_LIKE:
            self._absorb_all(children.open_dict_subclass(info, objs))
        elif kind == Kind.FUNCTION:
            self._absorb(children.open_functions(objs))
        elif kind == Kind.CODE:
            self._absorb(children.open_code(objs))
        elif kind == Kind.ADAPTED:
            self._open_adapted(info, objs)

    def _by_length(self, info: TypeInfo, objs: list[Any]) -> Iterator[list[Any]]:
        """Parts of the batch short enough to open at once; big containers go aside."""
        lengths = children.lengths(info, objs)
        if sum(lengths) <= 2 * BIG:
            yield objs
            return
        part: list[Any] = []
        total = 0
        for obj, length in zip(objs, lengths, strict=True):
            if length > BIG:
                for iterator in children.big_iterators(obj):
                    self.frontier.push_iterator(iterator)
                continue
            part.append(obj)
            total += length
            if total > BIG:
                yield part
                part, total = [], 0
        if part:
            yield part

    def _open_adapted(self, info: TypeInfo, objs: list[Any]) -> None:
        exploded = self.explode(info, objs)
        self.nbytes += exploded.own_bytes
        self.exact = self.exact and exploded.exact
        self._buffers(exploded.buffers)
        self._absorb(Chunk(exploded.children))
        self.frontier.push_iterator(exploded.more)
        self._absorb(children.open_objects(info, objs))

    def explode(self, info: TypeInfo, objs: list[Any]) -> Exploded:
        """What an adapter says; nothing once it has failed."""
        assert info.adapter is not None
        try:
            return info.adapter.explode(objs)
        except Exception as error:  # a library's oddity must not stop the sizing
            self.table.drop(info.adapter, error)
            self.exact = False
            return Exploded()

    def _absorb_all(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._absorb(chunk)

    def _absorb(self, chunk: Chunk) -> None:
        """Count what has one owner; hand on what has more."""
        refs, stride, owned = chunk
        del chunk
        if not refs:
            return
        single = self.base_refs
        refcounts = list(map(getrefcount, refs))
        if owned and refcounts.count(single) == len(refs):
            self._take_mixed(refs, stride)
            return
        if not owned:
            self._shared(refs, refcounts, owned)
            return
        fresh = [o for o, r in zip(refs, refcounts, strict=True) if r == single]
        shared = [o for o, r in zip(refs, refcounts, strict=True) if r != single]
        counts = [r for r in refcounts if r != single]
        del refs
        if fresh:
            self._take_mixed(fresh, 1)
        self._shared(shared, counts, owned)

    def _take_mixed(self, objs: list[Any], stride: int) -> None:
        """Count objects of any types, sorted by type as cheaply as their order allows."""
        if 1 < stride <= _MAX_STRIDE and len(objs) > 8 * stride:
            for column in range(stride):
                self._take_mixed(objs[column::stride], 1)
            return
        type_ids = list(map(id, map(type, objs)))
        if type_ids.count(type_ids[0]) == len(objs):
            self._take_one_type(objs)
            return
        for type_id in set(type_ids):
            self._take_one_type([o for o, t in zip(objs, type_ids, strict=True) if t == type_id])

    def _take_one_type(self, objs: list[Any]) -> None:
        info = self.table.info(type(objs[0]))
        if info.kind == Kind.SKIP:
            self._pass_by(objs)
        else:
            self.take(info, objs)

    def _pass_by(self, objs: list[Any]) -> None:
        """Modules and classes were met; they are not entered."""
