"""Words for how one object holds another: ``["k"]``, ``.attr``, ``closure cell x``.

A path is a chain of objects, holder first. Some holders say nothing to a reader (an
object's attribute dictionary, the tuple of a function's cells, each traceback of a
stack), so a step may span several links of the chain.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Sequence
from types import CellType
from typing import Any

from .code_edges import CODE_DESCRIBERS
from .safe import (
    attribute_name,
    has_base,
    instance_dict,
    is_exactly,
    qualified_name,
    type_name,
)
from .steps import Describe, Step, attribute_of, key_of, position

__all__ = ["path_text", "steps"]

# A list this long, of one type, is told by what it is a list of, not by position.
_MANY = 8
_LOOKED_AT = 1_000


def path_text(start: str, chain: Sequence[object], first: Describe, *, told: bool) -> str:
    """``start``, then the steps of the chain: ``registry['k'] → list[3]``.

    ``start`` names the first object of the chain, so a place in that is written
    straight after it. ``told``: it also says what the object is. ``first`` describes
    what this module knows nothing of.
    """
    text = start
    for number, step in enumerate(steps(chain, first)):
        if number == 0 and (told or step.place.startswith(("[", "."))):
            text += step.place
        elif step.holder:
            text += f" → {step.holder}{step.place}"
    return text


def steps(chain: Sequence[object], first: Describe) -> list[Step]:
    """The steps from the first object of a chain to its last."""
    found = []
    at = 0
    while at < len(chain) - 1:
        step = _step(chain[at:], first)
        found.append(step)
        at += step.span
    return found


def _step(chain: Sequence[object], first: Describe) -> Step:
    try:
        for describe in (first, *_DESCRIBERS):
            step = describe(chain)
            if step is not None:
                return step
        name = attribute_name(chain[0], chain[1])
    except RuntimeError:  # a container that another thread changed meanwhile
        name = None
    return Step(type_name(chain[0]), f".{name}" if name else "")


def _dictionary(chain: Sequence[Any]) -> Step | None:
    if not has_base(chain[0], dict):
        return None
    return Step(type_name(chain[0]), key_of(chain[0], chain[1]) or "")


def _sequence(chain: Sequence[Any]) -> Step | None:
    holder, held = chain[0], chain[1]
    kind = next((k for k in (list, tuple, deque) if has_base(holder, k)), None)
    if kind is None:
        return None
    members: Any = tuple(kind.__iter__(holder))
    name = type_name(holder)
    if len(members) >= _MANY and len({id(type(m)) for m in members[:_LOOKED_AT]}) == 1:
        return Step(f"{name} of {len(members):,} {type_name(held)}")
    place = position(members, held)
    return Step(name, "" if place is None else f"[{place}]")


def _set(chain: Sequence[Any]) -> Step | None:
    if is_exactly(chain[0], (set, frozenset)):
        return Step(f"{type_name(chain[0])} of {len(chain[0]):,}")
    return None


def _instance(chain: Sequence[Any]) -> Step | None:
    """An object, its attribute dictionary (traitlets: a second one), the attribute."""
    table = chain[1]
    if len(chain) < 3 or type(table) is not dict or instance_dict(chain[0]) is not table:
        return None
    name = attribute_of(table, chain[2])
    if name == "._trait_values" and len(chain) > 3:
        return Step(type_name(chain[0]), attribute_of(chain[2], chain[3]), 3)
    return Step(type_name(chain[0]), name, 2)


def _class(chain: Sequence[Any]) -> Step | None:
    if not issubclass(type(chain[0]), type):
        return None
    name = f"class {qualified_name(chain[0])}"
    namespace = gc.get_referents(type.__dict__["__dict__"].__get__(chain[0]))[0]
    if chain[1] is namespace and len(chain) > 2:
        return Step(name, attribute_of(namespace, chain[2]), 2)
    return Step(name)


def _memoryview(chain: Sequence[Any]) -> Step | None:
    """A window on a buffer, by way of an object that several windows share."""
    if type(chain[0]) is not memoryview:
        return None
    return Step("memoryview", "", 2 if type_name(chain[1]) == "managedbuffer" else 1)


def _cell(chain: Sequence[Any]) -> Step | None:
    return Step("closure cell") if type(chain[0]) is CellType else None


_DESCRIBERS: tuple[Describe, ...] = (
    _instance,
    _dictionary,
    _sequence,
    _set,
    _class,
    *CODE_DESCRIBERS,
    _memoryview,
    _cell,
)
