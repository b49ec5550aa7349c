"""The ceiling's parts: when it gives room, what it is blamed for, room for threads' stacks."""

from __future__ import annotations

import array
import concurrent.futures
import multiprocessing
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("another platform: the guard needs /proc", allow_module_level=True)

from pmat_nb.engine.guard import Guard, limit_block, stacks
from pmat_nb.engine.guard.ceiling import ceiling_caused, own_memory
from pmat_nb.engine.guard.own_ceiling import OwnCeiling
from pmat_nb.engine.guard.process import layout, policy
from pmat_nb.engine.guard.process.ceiling import Ceiling
from pmat_nb.engine.guard.process.watcher import Watcher
from pmat_nb.engine.guard.token import Token

MB = 1024**2
MS = 1_000_000


# -- room for a call that ran into it --------------------------------------------------
class Kernel:
    """A ceiling over a kernel that is only figures."""

    def __init__(self) -> None:
        self.words = memoryview(array.array("q", [0] * (layout.SHARED_BYTES // 8)))
        self.words[layout.SOFT] = self.words[layout.HARD] = resource.RLIM_INFINITY
        self.words[layout.CEILING_SEQ] = 1
        self.busy_ns = 0
        self.ceiling = Ceiling(0, self.words, lambda _pid: self.busy_ns)
        self.ceiling._set = lambda _pid, _soft: True  # type: ignore[method-assign]
        self.ceiling.adopt(400 * MB)
        self.now_ns = 0

    def stands(self, wall_ms: int, busy_ms: int) -> int:
        """So long at the ceiling without mapping anything; the ceiling then."""
        for _ in range(wall_ms // 2):
            self.now_ns += 2 * MS
            self.busy_ns += busy_ms * MS * 2 // wall_ms
            self.ceiling.give_room(1, 400 * MB, 0, self.now_ns)
        return self.ceiling.now


def test_a_call_that_only_waits_for_a_processor_gets_no_room() -> None:
    assert Kernel().stands(800, 10) == 400 * MB


def test_a_call_that_works_without_mapping_has_failed_and_gets_room() -> None:
    assert Kernel().stands(300, 250) > 400 * MB


def test_a_call_that_stands_still_for_a_second_gets_room_anyway() -> None:
    assert Kernel().stands(1500, 0) > 400 * MB


def test_a_stop_gets_room_to_be_handled_and_a_large_array_does_not() -> None:
    """A loop that swallows refusals swallows the stop, and asks again."""
    words = memoryview(array.array("q", [0] * (layout.SHARED_BYTES // 8)))
    mine = OwnCeiling(lambda: words)
    token = Token(1, 64 * MB, "cell", 0)
    rss, data = own_memory()
    token.baseline_bytes, token.threshold_bytes = rss, rss + 64 * MB
    before = resource.getrlimit(resource.RLIMIT_DATA)
    mine.set(token, data, {1: token})
    try:
        words[layout.KERNEL_DATA] = data + 90 * MB
        for _ in range(3):  # each signal
            mine.give_way(words)
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] <= data + 160 * MB
        handled = bytearray(100 * MB)
        with pytest.raises(MemoryError):
            bytearray(4096 * MB)
        assert handled
    finally:
        mine.end()
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_child_does_not_keep_the_room_that_a_stop_was_given() -> None:
    words = memoryview(array.array("q", [0] * (layout.SHARED_BYTES // 8)))
    before = resource.getrlimit(resource.RLIMIT_DATA)
    words[layout.SOFT], words[layout.HARD] = before
    resource.setrlimit(resource.RLIMIT_DATA, (2**40, before[1]))
    try:
        child = subprocess.Popen(["sleep", "60"])
        Ceiling(os.getpid(), words).free_child(child.pid)
        assert resource.prlimit(child.pid, resource.RLIMIT_DATA) == before
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
        child.kill()
        child.wait()


# -- the pace --------------------------------------------------------------------------
class Line:
    """A tree that is exactly at its bound while a reading is awaited."""

    children: tuple[int, ...] = ()
    new_pids: tuple[int, ...] = ()
    kernel_data = 0

    def __init__(self) -> None:
        self.pss: dict[int, int] = {}


def test_at_the_line_itself_the_guard_looks_again_at_once() -> None:
    words = memoryview(array.array("q", [0] * (layout.SHARED_BYTES // 8)))
    watcher = Watcher(0, words, Ceiling(0, words), Line())  # type: ignore[arg-type]
    watcher._arm(1, 400 * MB, 0, 0, 0, 100 * MB)
    watched = watcher._watched()
    assert watcher._next_look(watched, [], 400 * MB) == policy.NEAR_S
    assert watcher._next_look(watched, [], 100 * MB) > 10 * policy.NEAR_S


# -- whose MemoryError -----------------------------------------------------------------
def _fails() -> None:
    bytearray(2**62)


def _raises() -> None:
    raise MemoryError("mine")


@pytest.mark.parametrize(("code", "ours"), [(_fails, True), (_raises, False)])
def test_an_error_that_a_pool_carried_over_is_judged_by_where_it_was_made(
    code: Any, ours: bool
) -> None:
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        error = pool.submit(code).exception()
    assert isinstance(error, MemoryError)
    try:
        raise error
    except MemoryError as raised:
        assert ceiling_caused(raised) is ours


# -- stacks ----------------------------------------------------------------------------
@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


def test_threads_are_started_under_a_ceiling_that_their_stacks_exceed(guard: Guard) -> None:
    release = threading.Event()
    workers = [threading.Thread(target=release.wait) for _ in range(96)]
    assert len(workers) * stacks.stack_bytes() > 400 * MB
    block = limit_block(100 * MB, guard=guard)
    with block:
        for worker in workers:
            worker.start()
        allowed = resource.getrlimit(resource.RLIMIT_DATA)[0]
        release.set()
        for worker in workers:
            worker.join()
    assert block.report is not None and not block.report.stopped
    assert allowed != resource.RLIM_INFINITY


def test_room_for_stacks_is_no_way_around_the_ceiling(guard: Guard) -> None:
    refused = 0
    with limit_block(100 * MB, guard=guard):
        for _ in range(100):
            worker = threading.Thread(target=len, args=("",))
            worker.start()
            worker.join()
        try:
            bytearray(400 * MB)
        except MemoryError:
            refused += 1
    assert refused == 1


def test_what_starts_threads_is_put_back(guard: Guard) -> None:
    def starters() -> list[Any]:
        return [getattr(threading, name, None) for name in stacks._NAMES]

    before = starters()
    with limit_block(100 * MB, guard=guard):
        assert starters() != before
        with limit_block(50 * MB, guard=guard):
            pass
        assert starters() != before
    assert starters() == before
