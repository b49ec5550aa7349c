"""Leftovers: the last traceback's frames, open figures, names like ``_``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from functools import partial
from types import FrameType, TracebackType
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
from .namespace import THROWAWAY_NAMES
from .shell import hidden_namespace, is_ipython_name, output_history, trait, user_namespace

__all__ = [
    "INTERNAL_PACKAGES",
    "LastTraceback",
    "OpenFigures",
    "ThrowawayNames",
    "cell_label",
    "forget_errors",
    "is_internal",
    "last_tracebacks",
    "open_figures",
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
                if id(frame) not in seen and not is_internal(module_of(frame))
            ]
            seen.update(id(frame) for frame, _ in frames)
            roots = [found for frame, _ in frames for found in local_objects(frame)]
            roots += _carried(error)
            if roots:
                label, detail = self._words(frames, error)
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


def _carried(error: BaseException | None) -> list[object]:
    """What an exception carries itself: its arguments and attributes."""
    left_out = (TracebackType, type)
    return [
        found
        for found in gc.get_referents(error)
        if not is_exactly(found, left_out) and not has_base(found, BaseException)
    ]


class OpenFigures:
    """Figures that pyplot keeps open (pool ``temp``)."""

    name = "open figures"
    pool = "temp"

    def held(self) -> Iterator[Held]:
        """One entry per figure, addressed ``temp:figures``; nothing without pyplot."""
        for number, figure in open_figures().items():
            yield Held(f"figure {number}", (figure,), address="temp:figures")

    def steps(self, wish: Wish) -> Iterator[Step]:
        """When aggressive all that no cell waits to show, else those that cannot be shown.

        A figure that is closed is gone from pyplot; one that a variable holds stays usable.
        """
        numbers = _closable(wish.aggressive)
        if numbers:
            what = f"open figures ({len(numbers):,})"
            yield Step("temp:figures", what, lambda: _close(_closable(wish.aggressive)))
        left = len(open_figures()) - len(numbers)
        if left and not wish.aggressive:
            why = "pyplot still gives them; --aggressive closes them"
            yield Step.leave("temp:figures", f"figures in use ({left:,})", why)


def _closable(every: bool) -> list[Any]:
    """Numbers of the figures to close.

    The inline backend closes each figure once it was shown at the end of its cell, unless
    it was made while pyplot was not interactive: then only a variable can show it.
    """
    figures = open_figures()
    shows, closes = _inline()
    waiting = set(map(id, getattr(shows, "_to_draw", None) or ()))
    if every:
        return [number for number, figure in figures.items() if id(figure) not in waiting]
    if not closes:
        return []
    # The last of pyplot's is the one that its functions draw on.
    return [n for n in list(figures)[:-1] if id(figures[n]) not in waiting]


def _inline() -> tuple[Any, bool]:
    """The inline backend's ``show`` and whether it closes what it has shown."""
    module: Any = sys.modules.get("matplotlib_inline.backend_inline")
    pyplot = sys.modules.get("matplotlib.pyplot")
    settings = getattr(module, "InlineBackend", None)
    if settings is None or pyplot is None or not settings.initialized():
        return None, False
    backend = str(dict.get(sys.modules["matplotlib"].rcParams, "backend", ""))
    inline = "inline" in backend
    return getattr(module, "show", None), inline and settings.instance().close_figures is True


def _close(numbers: list[Any]) -> str:
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    failed = []
    for number in numbers:
        try:
            pyplot.close(number)
        except Exception as error:  # a handler of the user's, a canvas that is gone
            failed.append(f"figure {number}: {type_name(error)}: {error}")
    # A figure and its parts hold each other.
    gc.collect()
    return "; ".join(failed)


def open_figures() -> dict[Any, object]:
    """pyplot's open figures by number; empty where pyplot is not loaded."""
    register = getattr(sys.modules.get("matplotlib._pylab_helpers"), "Gcf", None)
    found: dict[Any, object] = {}
    for number, manager in list(getattr(register, "figs", {}).items()):
        canvas = getattr(manager, "__dict__", {}).get("canvas")
        figure = getattr(canvas, "__dict__", {}).get("figure")
        found[number] = manager if figure is None else figure
    return found


class ThrowawayNames:
    """``_``, ``__`` and ``___`` where the user's code bound them (pool ``temp``)."""

    name = "underscore names"
    pool = "temp"

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def held(self) -> Iterator[Held]:
        """One entry per name, as ``for _ in frames`` leaves it."""
        names = user_namespace(self._shell)
        hidden, outputs = hidden_namespace(self._shell), output_history(self._shell)
        for name in THROWAWAY_NAMES:
            if name in names and not is_ipython_name(name, names[name], hidden, outputs):
                yield Held(name, (names[name],), "bound by your code", "temp:names")
