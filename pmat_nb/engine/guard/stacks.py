"""Room below the ceiling for the stacks of threads that Python code starts.

A thread maps its whole stack, 8 MB that it hardly touches, and a pool of 64 maps 512 MB
within milliseconds: faster than the guard, which sees the mapping afterwards, can move
the ceiling. So while a ceiling is in force each start of a thread raises it by what that
one stack needs, never beyond what the guard would grant at its next look. Threads that
libraries start by themselves are not covered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from . import ceiling

__all__ = ["stack_bytes", "watch", "watch_no_more"]

# Python 3.13 starts threads by the second name.
_NAMES = ("_start_new_thread", "_start_joinable_thread")
# Where the size of a stack is unlimited, the C library takes this.
_UNLIMITED_STACK = 2 * 1024**2
_before: dict[str, Any] = {}


def stack_bytes() -> int:
    """What the next thread will map for its stack, at least."""
    import resource

    wanted = threading.stack_size() or resource.getrlimit(resource.RLIMIT_STACK)[0]
    return wanted if wanted != resource.RLIM_INFINITY else _UNLIMITED_STACK


def watch(is_in_force: Callable[[], bool], own_soft: int) -> None:
    """Make room before each start of a thread, as long as ``is_in_force`` says so."""
    if _before:
        return
    for name in _NAMES:
        start = getattr(threading, name, None)
        if start is not None:
            _before[name] = start
            setattr(threading, name, _making_room(start, is_in_force, own_soft))


def watch_no_more() -> None:
    """Put back what starts threads, unless somebody else has replaced it since."""
    while _before:
        name, start = _before.popitem()
        if hasattr(getattr(threading, name), "pmat_before"):
            setattr(threading, name, start)


def _making_room(start: Any, is_in_force: Callable[[], bool], own_soft: int) -> Any:
    def start_with_room(*args: Any, **kwargs: Any) -> Any:
        if is_in_force():
            ceiling.make_room(stack_bytes(), own_soft)
        return start(*args, **kwargs)

    start_with_room.pmat_before = start  # type: ignore[attr-defined] # how ours is known
    return start_with_room
