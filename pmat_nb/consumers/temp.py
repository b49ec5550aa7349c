"""Leftovers of a session: open figures, names like ``_``."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from typing import Any

from pmat_nb.engine.safe import type_name

from .base import Held, Step, Wish
from .namespace import THROWAWAY_NAMES
from .shell import hidden_namespace, is_ipython_name, output_history, user_namespace

__all__ = ["OpenFigures", "ThrowawayNames", "open_figures"]


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
