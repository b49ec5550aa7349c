"""A dry run before a save: what cannot be pickled, and what shares what.

Every variable goes through the pickler that will write it, into nothing: large
buffers are passed over, so that it costs no more than the walk over the objects.
Pickle's own view of the objects decides, not the garbage collector's, which sees
the whole interpreter behind every function and class.

Variables that reach one object in common are grouped. Immutable values do not
count, unless they are large: to come back equal is enough for them. An object
mistaken for a shared one makes a group larger than needed, never a value wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any

from pmat_nb.errors import MemoryLimitExceeded

from .pickles import Pieces, SnapshotPickler

__all__ = ["Survey", "reason_of", "survey"]

_NEVER = 2**62
# Definitions are values of their own only where no module has them by name.
_IF_DYNAMIC = -1
# From which length a value of these types counts; other types always do. What can
# hold something mutable must count: pickle looks into it only the first time.
_WORTH_SHARING: dict[type, int] = {
    **dict.fromkeys((int, float, complex, bool, type(None), type(...)), _NEVER),
    **dict.fromkeys((range, CodeType, GetSetDescriptorType, MemberDescriptorType), _NEVER),
    **dict.fromkeys((str, bytes), 4096),
    **dict.fromkeys((tuple, frozenset), 1),
    **dict.fromkeys((FunctionType, BuiltinFunctionType, ModuleType), _IF_DYNAMIC),
}
_ATOMS = frozenset((int, float, bool, type(None)))
# Immutable by contract; several of them exist once per process and are everywhere.
_IMMUTABLE = frozenset(
    (package, name)
    for package, names in {
        "datetime": ("date", "time", "timedelta", "tzinfo"),
        "decimal": ("Decimal",),
        "enum": ("Enum",),
        "fractions": ("Fraction",),
        "numpy": ("dtype", "generic"),
        "pandas": ("ExtensionDtype", "BaseOffset", "Interval", "Timedelta"),
        "pathlib": ("PurePath",),
        "pmat_nb": ("_NamespaceRef",),
        "polars": ("DataType",),
        "pyarrow": ("DataType", "Field", "Schema"),
        "re": ("Pattern",),
        "torch": ("Size", "device", "dtype", "layout"),
        "uuid": ("UUID",),
    }.items()
    for name in names
)
_COMPILED = ("cython_function_or_method", "fused_cython_function")
_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Survey:
    """``groups`` of names, each in saving order; ``skipped`` with the reasons."""

    groups: tuple[tuple[str, ...], ...]
    skipped: tuple[tuple[str, str], ...]


def survey(variables: Sequence[tuple[str, Any]], namespace: dict[str, Any]) -> Survey:
    """Which of ``variables`` can be saved, and which must be saved together."""
    skipped: list[tuple[str, str]] = []
    sharing = _Sharing(len(variables))
    # All are kept to the end: new objects must not be taken for dead ones.
    picklers = [_DryPickler(namespace, sharing)]
    for index, (name, value) in enumerate(variables):
        sharing.current = index
        reason = _try(picklers[-1], value)
        if reason is not None:
            skipped.append((name, reason))
            # The memo now knows objects whose content was never seen.
            picklers.append(_DryPickler(namespace, sharing))
    failed = {name for name, _ in skipped}
    names = [name for name, _ in variables]
    groups = ([names[i] for i in group if names[i] not in failed] for group in sharing.groups())
    return Survey(tuple(tuple(group) for group in groups if group), tuple(skipped))


def _try(pickler: SnapshotPickler, value: Any) -> str | None:
    """Why ``value`` cannot be pickled, None where it can."""
    try:
        pickler.dump(value)
    except MemoryLimitExceeded:
        raise
    except (Exception, SystemExit) as error:
        return reason_of(error)
    return None


def reason_of(error: BaseException) -> str:
    """What went wrong with a variable, in one line, whatever its ``str()`` does."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    name = type(error).__name__
    if not text:
        return name
    if len(text) > _REASON_CHARACTERS:
        text = text[:_REASON_CHARACTERS] + "..."
    return f"{name}: {text}"


class _Nowhere:
    """A sink that forgets; streamed buffers are not even produced."""

    def write(self, data: bytes | memoryview) -> int:
        return len(data)

    def write_buffer(self, pieces: Pieces) -> None:
        pass


class _DryPickler(SnapshotPickler):
    """Shows every object it meets that may be shared to ``sharing``."""

    def __init__(self, namespace: dict[str, Any], sharing: _Sharing) -> None:
        super().__init__(_Nowhere(), namespace)
        self._sharing, self._meet = sharing, sharing.meet
        self._worth = dict(_WORTH_SHARING)

    def persistent_id(self, obj: Any) -> None:
        """Called by pickle for every object; always None."""
        kind = type(obj)
        if kind in _ATOMS:
            return
        worth = self._worth.get(kind)
        if worth is None:
            worth = self._learn(kind)
        if worth == 0 or (_is_dynamic(obj) if worth < 0 else worth < _NEVER and len(obj) >= worth):
            self._meet(id(obj))

    def _learn(self, kind: type) -> int:
        worth = self._worth[kind] = _worth_sharing(kind)
        # What an imported class holds for all its instances is nobody's variable.
        for base in kind.__mro__ if worth == 0 and not _is_dynamic(kind) else ():
            for value in vars(base).values():
                if type(value) in (dict, list, set, tuple):
                    self._sharing.ignore(id(value))
        return worth


class _Sharing:
    """Union-find over variables by the objects they reach."""

    def __init__(self, count: int) -> None:
        self.current = 0
        self._parents = list(range(count))
        self._owners: dict[int, int | None] = {}

    def meet(self, address: int) -> None:
        """The current variable reaches the object at ``address``."""
        current = self.current
        owner = self._owners.setdefault(address, current)
        if owner != current and owner is not None:
            self._parents[self._root(current)] = self._root(owner)

    def ignore(self, address: int) -> None:
        """The object at ``address`` belongs to a library; reaching it means nothing."""
        self._owners[address] = None

    def groups(self) -> list[list[int]]:
        """The variables by group; groups and members in the order given."""
        groups: dict[int, list[int]] = {}
        for index in range(len(self._parents)):
            groups.setdefault(self._root(index), []).append(index)
        return list(groups.values())

    def _root(self, index: int) -> int:
        parents = self._parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index


def _worth_sharing(kind: type) -> int:
    if issubclass(kind, type):
        return _IF_DYNAMIC
    if kind.__name__ in _COMPILED:
        return _NEVER
    if _is_dynamic(kind) or kind.__name__ == "CategoricalDtype":
        return 0
    bases = ((str(base.__module__).partition(".")[0], base.__name__) for base in kind.__mro__)
    return _NEVER if any(base in _IMMUTABLE for base in bases) else 0


def _is_dynamic(definition: Any) -> bool:
    if isinstance(definition, ModuleType):
        return sys.modules.get(definition.__name__) is not definition
    if isinstance(definition, BuiltinFunctionType):
        return not isinstance(definition.__self__, ModuleType | type)
    return definition.__module__ == "__main__" or "<" in definition.__qualname__
