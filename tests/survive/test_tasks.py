"""asyncio tasks that outlive the limited cell that started them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest
from support.kernel import Kernel

from .kernels import TIDY, alive_and_whole

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

START = """%%pmat_limit 150MB
async def background():
    while len(l) < 1200:
        {body}
task = asyncio.create_task(background())"""
BODIES = {
    "awaits often": "l.append(bytearray(2**20)); await asyncio.sleep(.002)",
    "hardly awaits": "l.append(bytearray(2**20)); await asyncio.sleep(0)",
    "in one step": "await asyncio.sleep(.3); l.append(bytearray(400 * 2**20)); "
    "await asyncio.sleep(60)",
    "never awaits": "[l.append(bytearray(2**20)) for _ in range(1200)]",
}


@pytest.fixture(autouse=True)
def told(survivor: Kernel) -> Iterator[None]:
    survivor.run("import asyncio; l = []; told = []; task = None")
    survivor.run(
        "asyncio.get_running_loop().set_exception_handler("
        "lambda loop, context: told.append(str(context['exception'])))"
    )
    yield
    survivor.run("task and task.cancel(); asyncio.get_running_loop().set_exception_handler(None)")
    survivor.run(f"{TIDY}\ntask = told = None")


@pytest.mark.parametrize("body", BODIES)
def test_a_task_that_grows_between_cells_is_stopped(survivor: Kernel, body: str) -> None:
    assert survivor.run(START.format(body=BODIES[body])).ok
    time.sleep(2)
    assert survivor.value("task.done()") and survivor.value("len(l)") < 400
    assert any("150 MB over what was in use" in text for text in survivor.value("told"))
    alive_and_whole(survivor)


@pytest.mark.parametrize("body", ["awaits often", "in one step"])
def test_a_task_that_grows_while_another_cell_awaits_is_stopped(
    survivor: Kernel, body: str
) -> None:
    survivor.run(START.format(body=BODIES[body]))
    result = survivor.run(
        "for _ in range(80):\n    await asyncio.sleep(.05)\n    if task.done(): break\n"
        "task.done(), len(l) < 1000"
    )
    assert result.text == "(True, True)", result.error
    alive_and_whole(survivor)


def test_a_task_that_does_not_grow_is_left_alone(survivor: Kernel) -> None:
    assert survivor.run(START.format(body="await asyncio.sleep(.01)")).ok
    survivor.run("import time\nfor _ in range(300): l.append(bytearray(2**20)); time.sleep(.001)")
    survivor.run("for _ in range(300):\n    l.append(bytearray(2**20)); await asyncio.sleep(.001)")
    time.sleep(0.5)
    assert not survivor.value("task.done()") and survivor.value("len(l)") == 600
