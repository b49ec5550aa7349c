"""Runaway cells under ``%%pmat_limit`` in a real kernel: stopped, and nothing else happens."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable

import pytest
from support.kernel import Kernel

from .cells import RUNAWAYS
from .kernels import MB, TIDY, alive_and_whole, assert_stopped, heap_bytes, rss_bytes

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

LIMIT = 250 * MB
# What grows outside the kernel's own private memory is watched, not refused.
SHARED = {"shared", "children", "subprocess", "joblib children", "process pool executor"}
# One C call acts when it returns; it also grows into what the heap has mapped and free, where no
# ceiling is in its way. How much that is depends on the cells that ran before.
HELD = {"json", "product", "C call that holds the GIL", "one huge decompression"}
# Memory that no name of the kernel holds, and no cell can give back.
LOST = {"cache"}
# Small objects that died between living ones: the allocator's pages stay half full.
FRAGMENTS = {"deepcopy", "instances", "objects", "dict"}
# The C library keeps the free end of each thread's arena, up to 64 MB, for the next thread.
ARENAS = {"thread pool", "joblib threads", "sleep", "lock", "join of a thread"}
# Nothing that these cells do grows faster: what was added while the machine kept everybody
# waiting, the guard and the thread that tells how long, is not the guard's doing.
FASTEST_GROWTH = 2 * 1024**3


def _most_over(name: str) -> int:
    return (400 if name in HELD else 150 if name in SHARED else 64) * MB


# Of each kind one: the others differ by library and code, not by what a kernel's version does.
ON_EVERY_SET = {
    "objects", "huge array", "merge", "sleep", "await growing", "swallow everything",
    "children", "thread pool", "C call that holds the GIL", "finally that allocates",
    "recursion", "gather",
}  # fmt: skip
CASES = [
    name if name in ON_EVERY_SET else pytest.param(name, marks=pytest.mark.newest)
    for name in RUNAWAYS
]


@pytest.mark.parametrize("name", CASES)
def test_a_runaway_cell_is_stopped_and_nothing_is_lost(survivor: Kernel, name: str) -> None:
    tries = []
    for _ in range(3):
        began = time.monotonic()
        message, over = _run_away(survivor, name)
        tries.append((over - int(survivor.late_s(began) * FASTEST_GROWTH), message))
        if tries[-1][0] <= _most_over(name):
            break
    over, message = min(tries)
    assert over <= _most_over(name), message
    assert "250 MB" in message and "Kernel and variables are alive" in message
    assert re.search(r"^  line \d+: \S", message, re.MULTILINE), message
    assert re.search(r"^  grew: \S", message, re.MULTILINE) or "refused" in message
    assert len(message.splitlines()) <= 12


def _run_away(kernel: Kernel, name: str) -> tuple[str, int]:
    """The message, and the bytes that the tree was over the limit."""
    before, used = rss_bytes(kernel), heap_bytes(kernel)
    message = assert_stopped(kernel.run(f"%%pmat_limit 250MB\n{RUNAWAYS[name]}", timeout=60))
    alive_and_whole(kernel)
    over = kernel.value(
        "(lambda s: s.reached_bytes - s.threshold_bytes)"
        "(__import__('pmat_nb').session.current().last_stop)"
    )
    kernel.run(TIDY)
    if name in ARENAS:
        # A thread lets go of the list when it next runs.
        assert _soon(kernel, lambda: heap_bytes(kernel) - used < 0.1 * LIMIT)
    # Arenas that small objects have fragmented are Python's to give back, if ever.
    elif name not in LOST | FRAGMENTS:
        assert rss_bytes(kernel) - before < 0.3 * LIMIT
    assert kernel.value("__import__('threading').active_count()") < 20
    return message, over


def _soon(kernel: Kernel, done: Callable[[], bool]) -> bool:
    end = time.monotonic() + 5
    while not done() and time.monotonic() < end:
        time.sleep(0.1)
        kernel.run(TIDY)
    return done()
