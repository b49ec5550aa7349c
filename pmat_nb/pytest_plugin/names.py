"""What the code of a test names: the objects by which a report says who keeps memory."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import CodeType, FrameType
from typing import Any

__all__ = ["Names", "is_within", "names_around", "names_of"]

# Asked anew each time: what a name stands for changes from run to run.
Names = Callable[[], Mapping[str, object]]


def names_of(function: Callable[..., Any], arguments: Mapping[str, object]) -> Names:
    """The objects that a function's own code names: its arguments, globals and closure."""
    from pmat_nb.consumers.leaks.retained import names_in_code

    plain = inspect.unwrap(function)
    plain = getattr(plain, "__func__", plain)
    code = getattr(plain, "__code__", None)
    if code is None:
        return dict
    wanted = names_in_code(code)
    cells = dict(zip(code.co_freevars, plain.__closure__ or (), strict=False))

    def names() -> Mapping[str, object]:
        known = {**plain.__globals__, **_contents(cells), **arguments}
        return {name: known[name] for name in wanted if name in known}

    return names


def names_around(frame: FrameType | None) -> Names:
    """The objects that the code of a frame names itself, as long as the block lasts."""
    from pmat_nb.consumers.leaks.retained import names_in_code

    if frame is None:
        return dict
    wanted = names_in_code(frame.f_code)

    def names() -> Mapping[str, object]:
        known = {**frame.f_globals, **frame.f_locals}
        return {name: known[name] for name in wanted if name in known}

    return names


def is_within(function: Callable[..., Any], code: CodeType) -> bool:
    """Whether a function is written inside ``code``: a lambda, a nested function, a method."""
    plain = inspect.unwrap(function)
    wanted = getattr(getattr(plain, "__func__", plain), "__code__", None)
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return any(each is wanted or is_within(function, each) for each in inner)


def _contents(cells: Mapping[str, Any]) -> dict[str, object]:
    found = {}
    for name, cell in cells.items():
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found
