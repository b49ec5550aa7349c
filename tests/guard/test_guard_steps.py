"""What each step of an asyncio task adds, and which tasks of a scope are what grows."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pmat_nb.engine.guard import tasks
from pmat_nb.engine.guard.steps import StepMeter
from pmat_nb.engine.guard.token import Token

MIB = 1024**2


class Memory:
    """Stands in for what the process holds."""

    held = 0

    def __call__(self) -> int:
        return self.held

    async def grow(self, nbytes: int, times: int = 1000) -> None:
        for _ in range(times):
            self.held += nbytes
            await asyncio.sleep(0)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 20))


def test_steps_are_charged_to_the_task_that_makes_them(memory: Memory) -> None:
    async def body() -> None:
        meter = StepMeter(memory)
        small = asyncio.create_task(memory.grow(MIB, 5))
        large = asyncio.create_task(memory.grow(3 * MIB, 5))
        assert meter.watch([small, large])
        other = asyncio.create_task(memory.grow(7 * MIB, 5))
        await asyncio.gather(small, large, other)
        # Their first steps were on their way before they were watched.
        assert (meter.added_bytes(small), meter.added_bytes(large)) == (4 * MIB, 12 * MIB)
        assert memory.held == 55 * MIB
        meter.end()

    run(body())


def test_the_loop_is_as_it_was_once_nothing_is_watched(memory: Memory) -> None:
    async def body() -> None:
        loop, meter = asyncio.get_running_loop(), StepMeter(memory)
        before = dict(loop.__dict__)
        one, two = (asyncio.create_task(memory.grow(0, 2)) for _ in range(2))
        meter.watch([one, two])
        assert "call_soon" in loop.__dict__
        meter.forget([one])
        assert "call_soon" in loop.__dict__
        meter.forget([two])
        assert loop.__dict__.keys() == before.keys()
        await asyncio.gather(one, two)

    run(body())


def test_a_loop_that_somebody_else_changed_is_left_alone(memory: Memory) -> None:
    async def body() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.call_soon = theirs = loop.call_soon
        task = asyncio.create_task(memory.grow(0, 2))
        assert not StepMeter(memory).watch([task])
        assert loop.__dict__["call_soon"] is theirs
        del loop.call_soon
        await task

    run(body())


def test_the_step_that_goes_on_counts_as_far_as_it_is(memory: Memory) -> None:
    async def body() -> None:
        meter = StepMeter(memory)
        task: Any = asyncio.current_task()
        meter.watch([task])
        memory.held += 9
        assert meter.added_bytes(task, running=task) == 9
        assert meter.added_bytes(task) == 0
        await asyncio.sleep(0)
        memory.held += 2
        assert meter.added_bytes(task, running=task) == 2
        meter.end()

    run(body())


def started(*coros: Coroutine[Any, Any, None]) -> tuple[Token, list[Any]]:
    token = Token(1, MIB, "cell", 0)
    token.outliving_tasks = tuple(asyncio.create_task(each) for each in coros)
    return token, list(token.outliving_tasks)


async def judged(token: Token, meter: StepMeter, cell: Coroutine[Any, Any, None]) -> None:
    """Look for what grows as the signal handler does, while a cell awaits."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    tasks.watch(token, meter)
    running = asyncio.create_task(cell)
    while not running.done():
        tasks.stop_outliving(token, None, meter, last_scope=None)
        await asyncio.sleep(0)
    meter.end()


def test_what_grows_is_stopped_and_what_does_not_goes_on(memory: Memory) -> None:
    async def body() -> None:
        token, (growing, idle) = started(memory.grow(MIB), memory.grow(0))
        await judged(token, StepMeter(memory), memory.grow(0, 50))
        assert growing.cancelled() and not idle.done()
        assert memory.held < 20 * MIB
        idle.cancel()

    run(body())


def test_all_that_grow_alike_are_stopped(memory: Memory) -> None:
    async def body() -> None:
        token, some = started(*(memory.grow(MIB) for _ in range(4)))
        await judged(token, StepMeter(memory), memory.grow(0, 50))
        assert all(task.cancelled() for task in some)

    run(body())


def test_a_cell_that_grows_is_not_held_against_tasks(memory: Memory) -> None:
    async def body() -> None:
        token, (task,) = started(memory.grow(1024))
        await judged(token, StepMeter(memory), memory.grow(MIB, 200))
        assert not task.done()
        task.cancel()

    run(body())
