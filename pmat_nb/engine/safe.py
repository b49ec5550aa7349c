"""Reading objects without running their code: real types, stored attributes, plain keys.

What an object claims of itself (``__class__``, properties, ``__getattr__``, ``repr``)
is the user's code; what the interpreter keeps about it is not.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

__all__ = [
    "attribute_name",
    "has_base",
    "instance_dict",
    "is_exactly",
    "key_text",
    "mro",
    "qualified_name",
    "referents",
    "type_name",
]

_NAME_OF = type.__dict__["__name__"].__get__
_QUALNAME_OF = type.__dict__["__qualname__"].__get__
_MRO_OF = type.__dict__["__mro__"].__get__
# The class's own namespace; type.__dict__ is a mapping proxy over it.
_NAMESPACE_OF = type.__dict__["__dict__"].__get__
_LONGEST_KEY = 40


def mro(kind: type) -> tuple[type, ...]:
    """The classes a type is made of, itself first."""
    return tuple(_MRO_OF(kind))


def is_exactly(value: object, kinds: tuple[type, ...]) -> bool:
    """Whether the object's real type is one of ``kinds``.

    Not ``type(value) in kinds``, which compares by the metaclass's ``__eq__``.
    """
    kind = type(value)
    return any(kind is other for other in kinds)


def has_base(value: object, base: object) -> bool:
    """Whether ``base`` is among the object's real classes; False for a base of None."""
    return any(cls is base for cls in mro(type(value)))


def referents(values: Iterable[object]) -> list[object]:
    """What the collector says that objects hold, modules left out.

    Up to Python 3.12.5 the module ``_asyncio`` names freed objects there, and the
    process hangs or crashes later (cpython issue 122695). A module's own dictionary
    is an object of its own and is found without it.
    """
    return gc.get_referents(*(v for v in values if type(v) is not ModuleType))


def type_name(value: object) -> str:
    """The name of the object's real type."""
    return str(_NAME_OF(type(value)))


def qualified_name(kind: type) -> str:
    """``module.Class``, without the module for classes of cells and built-ins."""
    module = _NAMESPACE_OF(kind).get("__module__")
    name = str(_QUALNAME_OF(kind))
    return (
        name
        if type(module) is not str or module in ("__main__", "builtins")
        else f"{module}.{name}"
    )


def instance_dict(value: object) -> dict[Any, Any] | None:
    """The dictionary of an object's attributes, None where it has none.

    By way of the descriptor that the interpreter made, not of one that a class may
    have put in its place.
    """
    for cls in mro(type(value)):
        found = _NAMESPACE_OF(cls).get("__dict__")
        made = type(found) is GetSetDescriptorType or type(found) is MemberDescriptorType
        if made and cls is not type:
            table = found.__get__(value)
            return table if type(table) is dict else None
    return None


def _slots(value: object) -> Iterator[tuple[str, object]]:
    for cls in mro(type(value)):
        for name, member in list(_NAMESPACE_OF(cls).items()):
            if type(member) is MemberDescriptorType:
                try:
                    yield name, member.__get__(value)
                except AttributeError:
                    continue


def attribute_name(holder: object, held: object) -> str | None:
    """The name of the stored attribute of ``holder`` that is ``held``, None if there is none."""
    for name, value in (instance_dict(holder) or {}).copy().items():
        if value is held and type(name) is str:
            return name
    for name, value in _slots(holder):
        if value is held:
            return name
    return None


def key_text(key: object) -> str:
    """A dictionary's key for people: plain strings and numbers as they are, else the type."""
    if type(key) is str:
        return repr(key if len(key) <= _LONGEST_KEY else key[: _LONGEST_KEY - 1] + "…")
    if is_exactly(key, (int, bool, float, type(None))):
        return repr(key)
    if type(key) is tuple and len(key) <= 3 and all(is_exactly(part, (int, str)) for part in key):
        return "(" + ", ".join(key_text(part) for part in key) + ")"
    return f"<{type_name(key)}>"
