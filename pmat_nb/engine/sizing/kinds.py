"""What the engine knows of a type: how big its objects are and whether they hold others.

Everything is read from the type through C-level descriptors. Nothing defined in
Python is ever called, so an object or a metaclass that lies, raises or hangs has no
say; that is also why types are looked up by identity, never by hash.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence

from .adapter import Adapter

__all__ = ["ATOM_IDS", "Kind", "TypeInfo", "TypeTable", "shallow_sizes"]

_HAVE_GC = 1 << 14
_HEAP_TYPE = 1 << 9
_MANAGED_DICT = 1 << 4
_INLINE_VALUES = 1 << 2
_GC_HEADER = 16
_PRE_HEADER = 16
# Python's allocator for small objects: sizes are multiples of 16 up to 512.
_ROUNDED_TO = 16
_SMALL = 512
_NEW_LAYOUT = sys.version_info >= (3, 13)

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__
_flags_of = type.__dict__["__flags__"].__get__
_module_of = type.__dict__["__module__"].__get__

_ATOMS: tuple[type, ...] = (
    *(int, float, complex, str, bytes, bool, bytearray, type(None), range),
    *(type(Ellipsis), type(NotImplemented)),
)
_SEQUENCES: tuple[type, ...] = (list, tuple, set, frozenset, deque)
ATOM_IDS = frozenset(map(id, _ATOMS))


class Kind:
    """How objects of a type are opened."""

    SKIP = 0  # not counted, not entered: modules, types
    ATOM = 1  # counted, holds nothing
    SEQUENCE = 2  # exact builtin containers that the collector opens fully
    DICT = 3  # exact dict: the collector leaves out str keys
    DICT_LIKE = 4  # subclasses of dict
    OBJECT = 5  # everything else
    FUNCTION = 6  # its globals are not its own
    CODE = 7  # not known to the collector
    FRAME = 8  # may show references that it does not own
    ADAPTED = 9  # a library's adapter opens it


_KIND_OF: tuple[tuple[type, int], ...] = (
    *((t, Kind.ATOM) for t in _ATOMS),
    *((t, Kind.SEQUENCE) for t in _SEQUENCES),
    (dict, Kind.DICT),
    (types.FunctionType, Kind.FUNCTION),
    (types.CodeType, Kind.CODE),
    (types.FrameType, Kind.FRAME),
    (types.GeneratorType, Kind.FRAME),
    (types.CoroutineType, Kind.FRAME),
    (types.AsyncGeneratorType, Kind.FRAME),
)


class TypeInfo:
    """One type: ``kind``, and ``sizes(objs)`` in bytes without what it refers to."""

    __slots__ = ("adapter", "header", "inline", "key_refs", "kind", "sizeof", "type")

    def __init__(self, cls: type, kind: int, adapter: Adapter | None = None) -> None:
        flags = _flags_of(cls)
        self.type = cls
        self.kind = kind
        self.adapter = adapter
        self.sizeof = _safe_sizeof(cls) if adapter is None else object.__sizeof__
        gc_header = _GC_HEADER if flags & _HAVE_GC else 0
        self.header = gc_header + (_PRE_HEADER if flags & _MANAGED_DICT else 0)
        wanted = _INLINE_VALUES if _NEW_LAYOUT else _MANAGED_DICT
        self.inline = bool(flags & wanted) and _solid_base(cls) is object
        # An OrderedDict's own linked list holds every key a second time.
        self.key_refs = 2 if any(c is OrderedDict for c in _mro_of(cls)) else 1

    def sizes(self, objs: Sequence[object]) -> int:
        """Bytes of these objects alone; all must be of this type."""
        return sum(map(self.sizeof, objs)) + self.header * len(objs)

    def measure(self, objs: Sequence[object]) -> tuple[int, int]:
        """(bytes of these objects alone, bytes that the allocator rounds them up by).

        Python's allocator hands out multiples of 16 bytes up to 512. Headers are such
        multiples; of a container, object and table are rounded as if they were one.
        """
        sizes = list(map(self.sizeof, objs))
        total, least = sum(sizes) + self.header * len(sizes), min(sizes)
        if least == max(sizes):
            return total, -least % _ROUNDED_TO * len(sizes) if least <= _SMALL else 0
        return total, sum([-size % _ROUNDED_TO for size in sizes if size <= _SMALL])

    def inline_values_bytes(self, count: int, values: int) -> int:
        """Bytes of the attribute arrays of ``count`` instances with ``values`` attributes.

        Since 3.11 attributes live in an array that no size function reports. Its length
        follows the class, so this is an estimate: CPython's formula for the mean.
        """
        if _NEW_LAYOUT:
            slots = min(values // count + 2, 30)
            prefix = -(-slots // 8) * 8
        else:
            slots = min(values // count + 1, 30)
            prefix = -(-(slots + 2) // 8) * 8
        return count * (prefix + 8 * slots)


def _solid_base(cls: type) -> type:
    for base in _mro_of(cls):
        if not _flags_of(base) & _HEAP_TYPE:
            return base  # type: ignore[no-any-return] # of a slot wrapper, which has no types
    return object


def _safe_sizeof(cls: type) -> Callable[[object], int]:
    """The standard library's C ``__sizeof__`` for this type, else ``object``'s."""
    for base in _mro_of(cls):
        found = _dict_of(base).get("__sizeof__")
        if type(found) is types.MethodDescriptorType and _is_stdlib(base):
            return found
    return object.__sizeof__


@functools.cache
def _stdlib_names() -> frozenset[str]:
    return frozenset(sys.stdlib_module_names)


def _is_stdlib(cls: type) -> bool:
    module = _module_of(cls)
    return type(module) is str and module.partition(".")[0] in _stdlib_names()


def shallow_sizes(objs: Sequence[object]) -> list[int]:
    """Bytes of each object alone, as the standard library tells; all of one type."""
    return list(map(_safe_sizeof(type(objs[0])), objs)) if objs else []


def _subclass_kind(cls: type) -> int:
    mro = _mro_of(cls)
    if any(base is type or base is types.ModuleType for base in mro):
        return Kind.SKIP
    if any(base is dict for base in mro):
        return Kind.DICT_LIKE
    return Kind.OBJECT


class TypeTable:
    """All types met in one sizing, by identity."""

    def __init__(self, adapters: Iterable[Adapter]) -> None:
        self._infos: dict[int, TypeInfo] = {}
        self._adapters: list[tuple[type, Adapter]] = []
        self.notes: list[str] = []
        for cls, kind in _KIND_OF:
            self._infos[id(cls)] = TypeInfo(cls, kind)
        for adapter in adapters:
            self._ask(adapter)

    def _ask(self, adapter: Adapter) -> None:
        try:
            self._adapters += [(cls, adapter) for cls in adapter.types()]
        except Exception as error:  # a library in a strange state must not stop the sizing
            self.notes.append(f"{adapter.name}: {type(error).__name__}; sized without it")

    def info(self, cls: type) -> TypeInfo:
        """What is known of a type."""
        found = self._infos.get(id(cls))
        if found is None:
            found = self._infos[id(cls)] = self._classify(cls)
        return found

    def as_root(self, cls: type) -> TypeInfo:
        """Like :meth:`info` for an object named by the user: classes are opened."""
        found = self.info(cls)
        is_class = found.kind == Kind.SKIP and any(base is type for base in _mro_of(cls))
        return TypeInfo(cls, Kind.OBJECT) if is_class else found

    def _classify(self, cls: type) -> TypeInfo:
        kind = _subclass_kind(cls)
        adapter = None if kind == Kind.SKIP else self._adapter_of(cls)
        return TypeInfo(cls, Kind.ADAPTED if adapter else kind, adapter)

    def _adapter_of(self, cls: type) -> Adapter | None:
        for base in _mro_of(cls):
            for known, adapter in self._adapters:
                if base is known and (base is cls or not adapter.exact_types):
                    return adapter
        return None

    def drop(self, adapter: Adapter, error: Exception) -> None:
        """Leave out an adapter that failed; its types are counted shallow from here on."""
        self.notes.append(f"{adapter.name}: {type(error).__name__}: {error}"[:200])
        self._adapters = [pair for pair in self._adapters if pair[1] is not adapter]
        for key, info in list(self._infos.items()):
            if info.adapter is adapter:
                self._infos[key] = self._classify(info.type)
