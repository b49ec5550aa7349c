"""Words for how functions, frames and errors hold an object."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    TracebackType,
)
from typing import Any

from .frames import local_variables
from .safe import has_base, is_exactly, type_name
from .steps import Describe, Step, attribute_of, position

__all__ = ["CODE_DESCRIBERS"]

_CACHE: type = type(functools.lru_cache(lambda: None))


def _function(chain: Sequence[Any]) -> Step | None:
    function = chain[0]
    if type(function) is not FunctionType:
        return None
    name = f"function {function.__qualname__}"
    below = chain[2] if len(chain) > 2 else None
    if below is None:
        return Step(name)
    if chain[1] is function.__closure__ and type(below) is CellType:
        place = position(function.__closure__, below)
        variable = function.__code__.co_freevars[place or 0]
        return Step(name, f" → closure cell {variable}", min(3, len(chain) - 1))
    if chain[1] is function.__defaults__:
        return Step(name, f" → default of {_default_name(function, below)}", 2)
    if chain[1] is function.__kwdefaults__:
        return Step(name, f" → default of {attribute_of(chain[1], below)[1:]}", 2)
    if chain[1] is function.__dict__:
        return Step(name, attribute_of(function.__dict__, below), 2)
    return Step(name)


def _default_name(function: FunctionType, held: object) -> str:
    defaults = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    place = position(defaults, held)
    return names[len(names) - len(defaults) + place] if place is not None else "an argument"


def _callable_name(value: Any) -> str:
    if type(value) is FunctionType:
        return value.__qualname__
    return value.__name__ if type(value) is BuiltinFunctionType else type_name(value)


def _method(chain: Sequence[Any]) -> Step | None:
    if type(chain[0]) is not MethodType:
        return None
    return Step(f"bound method {_callable_name(chain[0].__func__)}")


def _partial(chain: Sequence[Any]) -> Step | None:
    if type(chain[0]) is not functools.partial:
        return None
    inner = len(chain) > 2 and is_exactly(chain[1], (tuple, dict))
    return Step(f"functools.partial of {_callable_name(chain[0].func)}", "", 2 if inner else 1)


def _cache(chain: Sequence[Any]) -> Step | None:
    if type(chain[0]) is not _CACHE:
        return None
    function = chain[0].__dict__.get("__wrapped__")
    name = function.__qualname__ if type(function) is FunctionType else "a function"
    if chain[1] is function:
        return Step("", "")
    entries = _CACHE.cache_info(chain[0]).currsize
    table = len(chain) > 2 and type(chain[1]) is dict
    return Step(f"functools cache of {name} ({entries:,} entries)", "", 2 if table else 1)


def _local(variables: dict[str, object], held: object) -> str:
    name = next((n for n, v in variables.items() if v is held), None)
    return f" local {name}" if name else ""


def _traceback(chain: Sequence[Any]) -> Step | None:
    """Tracebacks down to the frame that holds the next thing, as one step."""
    if type(chain[0]) is not TracebackType:
        return None
    last = 0
    while last + 1 < len(chain) and type(chain[last + 1]) is TracebackType:
        last += 1
    if last + 2 < len(chain) and type(chain[last + 1]) is FrameType:
        return _of_frame(chain[last + 1 :], chain[last].tb_lineno, last + 2)
    return Step("", "", last + 1)


def _frame(chain: Sequence[Any]) -> Step | None:
    if type(chain[0]) is not FrameType:
        return None
    if type(chain[1]) is FrameType:
        return Step("", "")
    return _of_frame(chain, chain[0].f_lineno, 1)


def _of_frame(chain: Sequence[Any], line: int | None, span: int) -> Step:
    """A frame (first of the chain) and the local, by way of its dictionary if it has one."""
    frame, held = chain[0], chain[1]
    variables = local_variables(frame)
    if len(chain) > 2 and _local(variables, held) == "" and is_exactly(held, (dict, CellType)):
        held, span = chain[2], span + 1
    words = f"frame of {frame.f_code.co_name}() line {line}{_local(variables, held)}"
    return Step(words, "", span)


_FRAMES: dict[type, tuple[str, str]] = {
    GeneratorType: ("generator", "gi_frame"),
    CoroutineType: ("coroutine", "cr_frame"),
    AsyncGeneratorType: ("asynchronous generator", "ag_frame"),
}


def _suspended(chain: Sequence[Any]) -> Step | None:
    words = next((w for kind, w in _FRAMES.items() if type(chain[0]) is kind), None)
    if words is None:
        return None
    frame = getattr(chain[0], words[1])
    if frame is None:
        return Step(f"finished {words[0]}")
    local = _local(local_variables(frame), chain[1])
    return Step(f"suspended {words[0]} {frame.f_code.co_name}() line {frame.f_lineno}{local}")


def _exception(chain: Sequence[Any]) -> Step | None:
    """An error: its traceback says where, its arguments are told as such."""
    if not has_base(chain[0], BaseException):
        return None
    if type(chain[1]) is TracebackType or has_base(chain[1], BaseException):
        return Step("", "")
    if len(chain) > 2 and type(chain[1]) is tuple:
        return Step(f"arguments of {type_name(chain[0])}", "", 2)
    return None


CODE_DESCRIBERS: tuple[Describe, ...] = (
    _function,
    _method,
    _partial,
    _cache,
    _traceback,
    _frame,
    _suspended,
    _exception,
)
