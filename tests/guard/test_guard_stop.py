"""Where a stop is raised when it always comes at a bad moment."""

from __future__ import annotations

import gc
import os
import signal
import sys
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("another platform: the guard needs /proc", allow_module_level=True)

from pmat_nb.engine.guard import runs_under, stop
from pmat_nb.engine.guard.threads import stop_started
from pmat_nb.engine.guard.token import Token
from pmat_nb.errors import MemoryLimitExceeded

# A cell whose objects fail when they go: Python prints that, by code of the kernel's,
# and ignores what is raised meanwhile.
CELL = """
class Fails:
    def __del__(self):
        raise ValueError("ignored")

while len(rounds) < 500:
    rounds.append(None)
    Fails()
"""
PRINTING = """
def show(unraisable):
    try:
        os.kill(os.getpid(), signal.SIGURG)
    except BaseException:
        pass
    for at in range(20):
        shown.append(at)
"""


@pytest.fixture
def cell() -> Iterator[dict[str, Any]]:
    """The cell's namespace; every signal lands in the printing, and is a stop."""
    namespace: dict[str, Any] = {"__name__": "__main__", "rounds": []}
    kernel: dict[str, Any] = {"__name__": "ipykernel.iostream", "shown": []}
    kernel.update(os=os, signal=signal)
    exec(PRINTING, kernel)
    token = Token(1, 10, "cell", 0)
    token.deliveries = 5  # the first ones wait for a better moment
    token.in_scope, token.active = runs_under(namespace), True

    def deliver(_number: int, frame: FrameType | None) -> None:
        assert frame is not None
        stop.raise_in(token, frame)

    old_handler = signal.signal(signal.SIGURG, deliver)
    old_hook, sys.unraisablehook = sys.unraisablehook, kernel["show"]
    tracer = sys.gettrace()
    yield namespace
    sys.settrace(tracer)
    token.ended = True
    sys.unraisablehook = old_hook
    signal.signal(signal.SIGURG, old_handler)


def test_a_cell_is_stopped_though_each_signal_comes_while_an_ignored_error_is_shown(
    cell: dict[str, Any],
) -> None:
    with pytest.raises(MemoryLimitExceeded):
        exec(compile(CELL, "cell", "exec"), cell)
    assert len(cell["rounds"]) < 20


def test_the_signals_do_come_there(cell: dict[str, Any]) -> None:
    """Without the watch over lines such a cell would go on: the case is a real one."""
    signal.signal(signal.SIGURG, lambda _number, _frame: _raise())
    exec(compile(CELL, "cell", "exec"), cell)
    assert len(cell["rounds"]) == 500


def _raise() -> None:
    raise MemoryLimitExceeded("swallowed", limit_bytes=1, tree_bytes=1, duration_s=0.0)


def test_looking_for_threads_to_stop_keeps_no_frame_alive() -> None:
    class Held:
        pass

    def stopped() -> weakref.ref[Held]:
        held = Held()
        assert stop_started(Token(1, 10, "cell", 0), lingering=False) == []
        return weakref.ref(held)

    gc.disable()
    try:
        assert stopped()() is None
    finally:
        gc.enable()
