"""Gives back what a stopped cell left behind: frames' variables, garbage, free pages."""

from __future__ import annotations

import contextlib
import gc
import traceback
from collections.abc import Iterator
from typing import Any

from pmat_nb.consumers.allocators import release_unused
from pmat_nb.consumers.last_error import forget_errors
from pmat_nb.engine.probe import Probe

__all__ = ["chain_of", "clear_our_frames", "release_frames", "trim"]


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and all that it came from, each once."""
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def clear_our_frames(error: BaseException | None) -> None:
    """Drop the variables of our own frames: a stop may come while we look at the user's objects."""
    for each in chain_of(error):
        for frame, _ in traceback.walk_tb(each.__traceback__):
            module = str(frame.f_globals.get("__name__", ""))
            if module.partition(".")[0] == "pmat_nb":
                with contextlib.suppress(RuntimeError):  # it still runs
                    frame.clear()


def release_frames(shell: Any, error: BaseException) -> None:
    """Drop the variables of every frame that the error and IPython keep.

    Frames that still run (IPython's own) are left alone. ``%debug`` finds no
    traceback afterwards.
    """
    for each in chain_of(error):
        if each.__traceback__ is not None:
            traceback.clear_frames(each.__traceback__)
            each.__traceback__ = None
    forget_errors(shell)


def trim(probe: Probe) -> None:
    """Collect garbage and hand free pages back to the system."""
    gc.collect()
    release_unused()
    probe.trim_heap()
