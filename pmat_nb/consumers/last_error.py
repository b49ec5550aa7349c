"""The last error: where Python and IPython keep it, what its frames hold, letting go of it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from functools import partial
from types import (
    BuiltinFunctionType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any

from pmat_nb.engine.frames import (
    chained_exceptions,
    local_objects,
    module_of,
    traceback_frames,
    traceback_of,
)
from pmat_nb.engine.safe import has_base, is_exactly, type_name

from .base import Held, Step, Wish
from .shell import trait

__all__ = [
    "INTERNAL_PACKAGES",
    "LastTraceback",
    "cell_label",
    "forget_errors",
    "is_internal",
    "last_tracebacks",
]

# Whose frames stand between the kernel and the user's code.
INTERNAL_PACKAGES = frozenset(
    {
        "IPython",
        "asyncio",
        "concurrent",
        "ipykernel",
        "jupyter_client",
        "nest_asyncio",
        "pmat_nb",
        "threading",
        "tornado",
        "traitlets",
        "zmq",
    }
)


def is_internal(module_name: str) -> bool:
    """Whether a module is the kernel's machinery (or ours), not the user's doing."""
    return module_name.partition(".")[0] in INTERNAL_PACKAGES


def cell_label(shell: Any, filename: str) -> str | None:
    """``In[14]`` for the file name of code that was compiled from a cell, else None.

    IPython 8 and later keep the number by file name; before, the cell's text is
    looked up in the input history. A cell run twice goes by its last number.
    """
    compiler = getattr(shell, "compile", None)
    number = (getattr(compiler, "_filename_map", None) or {}).get(filename)
    if number is not None:
        return f"In[{number}]"
    entry = getattr(sys.modules.get("linecache"), "cache", {}).get(filename)
    if not entry or not ("ipykernel" in filename or "ipython-input" in filename):
        return None
    text = "".join(entry[2]).rstrip() if len(entry) == 4 else None
    inputs = trait(getattr(shell, "history_manager", None), "input_hist_parsed") or []
    for position in range(len(inputs) - 1, 0, -1):
        if inputs[position].rstrip() == text:
            return f"In[{position}]"
    return None


def last_tracebacks(
    shell: Any,
) -> Iterator[tuple[str, TracebackType | None, BaseException | None]]:
    """(where it is kept, traceback, error) of the last errors, causes and contexts too.

    One error is usually kept in several places and comes once for each.
    """
    stored = getattr(trait(shell, "last_execution_result"), "__dict__", {})
    for place, candidate in (
        ("sys.last_exc", getattr(sys, "last_exc", None)),
        ("sys.last_value", getattr(sys, "last_value", None)),
        ("last_execution_result.error_in_exec", stored.get("error_in_exec")),
        ("last_execution_result.error_before_exec", stored.get("error_before_exec")),
    ):
        if has_base(candidate, BaseException):
            for error in chained_exceptions(candidate):
                before = "" if error is candidate else f" → earlier {type_name(error)}"
                yield place + before, traceback_of(error), error
    formatter = getattr(getattr(shell, "InteractiveTB", None), "__dict__", {})
    for place, found in (
        ("InteractiveTB.tb", formatter.get("tb")),
        ("sys.last_traceback", getattr(sys, "last_traceback", None)),
    ):
        if type(found) is TracebackType:
            yield place, found, None


def forget_errors(shell: Any) -> None:
    """Let go of the last error wherever Python and IPython keep it.

    The error and its frames are not changed: an error that a variable of the user's holds
    stays whole. ``%debug`` and ``%tb`` find no traceback until the next error.
    """
    for name in ("last_traceback", "last_value", "last_exc", "last_type"):
        if hasattr(sys, name):
            delattr(sys, name)
    tracer = getattr(shell, "InteractiveTB", None)
    if tracer is not None:
        tracer.tb = None
        if not getattr(tracer, "call_pdb", False):
            # The debugger of the last %debug keeps its frames; IPython makes another.
            tracer.pdb = None
    stored = getattr(trait(shell, "last_execution_result"), "__dict__", {})
    if any(stored.get(name) is not None for name in _ERRORS_OF_A_RESULT):
        shell.last_execution_result = None


_ERRORS_OF_A_RESULT = ("error_in_exec", "error_before_exec")


def _debugged(shell: Any) -> set[int]:
    """Ids of the frames that ``%debug`` and ``%tb`` show: the last error's and its chain's."""
    found = set()
    for place, traceback, _ in last_tracebacks(shell):
        if place.startswith("sys."):
            found |= {id(frame) for frame, _ in traceback_frames(traceback)}
    return found


def _earlier_places(shell: Any) -> list[tuple[Any, str]]:
    """(holder, attribute) where IPython keeps an error that is not the last one."""
    kept = _debugged(shell)
    found: list[tuple[Any, str]] = []
    tracer = getattr(shell, "InteractiveTB", None)
    shown = trait(tracer, "tb")
    if type(shown) is TracebackType and id(shown.tb_frame) not in kept:
        found.append((tracer, "tb"))
    # The debugger of the last %debug keeps its frames; IPython makes another.
    stopped_in = trait(trait(tracer, "pdb"), "botframe")
    replaceable = not getattr(tracer, "call_pdb", False)
    if replaceable and stopped_in is not None and id(stopped_in) not in kept:
        found.append((tracer, "pdb"))
    stored = getattr(trait(shell, "last_execution_result"), "__dict__", {})
    errors = [stored.get(name) for name in _ERRORS_OF_A_RESULT]
    traced = [traceback_of(e) for e in errors if has_base(e, BaseException)]
    if any(one is not None and id(one.tb_frame) not in kept for one in traced):
        found.append((shell, "last_execution_result"))
    return found


def _forget_earlier(shell: Any) -> str:
    for holder, attribute in _earlier_places(shell):
        setattr(holder, attribute, None)
    gc.collect()
    return ""


class LastTraceback:
    """Objects kept by the frames of the last error (pool ``temp``)."""

    name = "last traceback"
    pool = "temp"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """One entry per traceback, ``traceback of In[14]``, each frame in one only."""
        seen: set[int] = set()
        for _, traceback, error in last_tracebacks(self._shell):
            if id(error) in seen:
                continue
            if error is not None:
                seen.add(id(error))
            frames = [
                (frame, line)
                for frame, line in traceback_frames(traceback)
                if id(frame) not in seen and not _is_machinery(module_of(frame))
            ]
            seen.update(id(frame) for frame, _ in frames)
            roots = [found for frame, _ in frames for found in _users_objects(frame)]
            roots += _carried(error)
            if roots:
                users = [one for one in frames if not is_internal(module_of(one[0]))]
                label, detail = self._words(users, error)
                yield Held(label, tuple(roots), detail, "temp:traceback")

    def steps(self, wish: Wish) -> Iterator[Step]:
        """Aggressively its frames, by letting go of the error everywhere.

        Else only errors before the last one, which ``%debug`` and ``%tb`` do not show.
        """
        what = "frames of the last error"
        if wish.aggressive:
            if any(traceback is not None for _, traceback, _ in last_tracebacks(self._shell)):
                yield Step("temp:traceback", what, self._forget)
            return
        if _earlier_places(self._shell):
            forget = partial(_forget_earlier, self._shell)
            yield Step("temp:traceback", "frames of earlier errors", forget)
        if _debugged(self._shell):
            why = "%debug needs them; --aggressive lets go of them"
            yield Step.leave("temp:traceback", what, why)

    def _forget(self) -> str:
        forget_errors(self._shell)
        # An error and its frames usually hold each other.
        gc.collect()
        return ""

    def _words(
        self, frames: list[tuple[FrameType, int]], error: BaseException | None
    ) -> tuple[str, str]:
        cells = (cell_label(self._shell, frame.f_code.co_filename) for frame, _ in frames)
        cell = next((label for label in cells if label), None)
        what = type_name(error) if error is not None else ""
        where = f"in {frames[-1][0].f_code.co_name}(), line {frames[-1][1]}" if frames else ""
        return f"traceback of {cell or 'the last error'}", f"{what} {where}".strip()


def _is_machinery(module_name: str) -> bool:
    """Whether a frame's locals are none of the user's: IPython's, not those of our functions.

    What a call of ours was given (``put("name", array)``) is held by our frame.
    """
    return is_internal(module_name) and module_name.partition(".")[0] != "pmat_nb"


def _users_objects(frame: FrameType) -> list[object]:
    """A frame's locals; of a frame of ours only what was passed to it."""
    found = local_objects(frame)
    if not is_internal(module_of(frame)):
        return list(found)
    return [value for value in found if not _is_ours(value)]


def _is_ours(value: object) -> bool:
    """Whether it is a part of our machinery or IPython's, which leads to all the rest."""
    if is_exactly(value, _NOT_PASSED) or has_base(value, BaseException):
        return True
    name = _MODULE_OF(type(value))
    return type(name) is str and is_internal(name)


_MODULE_OF = type.__dict__["__module__"].__get__
_NOT_PASSED = (
    type,
    BuiltinFunctionType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
    TracebackType,
)


def _carried(error: BaseException | None) -> list[object]:
    """What an exception carries itself: its arguments and attributes."""
    left_out = (TracebackType, type)
    return [
        found
        for found in gc.get_referents(error)
        if not is_exactly(found, left_out) and not has_base(found, BaseException)
    ]
