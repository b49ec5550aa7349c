"""Local variables of frames, read so that the frame is left as it was.

Up to Python 3.12 reading ``frame.f_locals`` makes the frame keep a dictionary of its
locals from then on, which would keep alive what the function has let go of since, and
which ``frame.clear()`` of Python 3.11 does not empty. So that dictionary is emptied
again, unless somebody else holds it too (the function itself called ``locals()``).
"""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Iterator
from types import FrameType, FunctionType, TracebackType
from typing import Any

__all__ = [
    "chained_exceptions",
    "local_objects",
    "local_variables",
    "module_of",
    "traceback_frames",
    "traceback_of",
]

# The frame, the name here, and the argument of getrefcount.
_OURS_ALONE = 3


def local_variables(frame: FrameType) -> dict[str, object]:
    """The frame's locals by name; empty for a module's frame, whose locals are globals."""
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED:
        return _body_variables(frame)
    if sys.version_info >= (3, 13):
        return dict(frame.f_locals)
    table = frame.f_locals
    copied = dict(table)
    if type(table) is dict and sys.getrefcount(table) <= _OURS_ALONE:
        table.clear()
    return copied


def _body_variables(frame: FrameType) -> dict[str, object]:
    """Those of a class body; a module's are known as globals."""
    table = frame.f_locals
    return {} if table is frame.f_globals or type(table) is not dict else table.copy()


def local_objects(frame: FrameType) -> tuple[object, ...]:
    """The objects that a frame which has ended holds, without their names.

    Got from the collector, so it leaves no trace at all; a frame that is running or
    suspended gives nothing here.
    """
    if not frame.f_code.co_flags & inspect.CO_OPTIMIZED and frame.f_locals is frame.f_globals:
        return ()
    known = {id(frame.f_globals), id(frame.f_builtins), id(frame.f_code), id(frame.f_back)}
    return tuple(
        found
        for found in gc.get_referents(frame)
        if id(found) not in known
        and not (type(found) is FunctionType and found.__code__ is frame.f_code)
    )


def module_of(frame: FrameType) -> str:
    """The name of the module that the frame's code is from."""
    name = frame.f_globals.get("__name__")
    return name if type(name) is str else ""


def traceback_frames(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """(frame, line) pairs, outermost first."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


_CONTEXT_OF = BaseException.__dict__["__context__"].__get__
_CAUSE_OF = BaseException.__dict__["__cause__"].__get__
traceback_of = BaseException.__dict__["__traceback__"].__get__


def chained_exceptions(error: BaseException | None) -> list[BaseException]:
    """An exception, and those before it by ``__cause__``, ``__context__`` and groups."""
    found: dict[int, BaseException] = {}
    waiting: list[Any] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in found:
            continue
        found[id(current)] = current
        waiting += [_CONTEXT_OF(current), _CAUSE_OF(current)]
        if type(current) in (BaseExceptionGroup, ExceptionGroup):
            waiting += current.exceptions
    return list(found.values())
