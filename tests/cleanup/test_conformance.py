"""One suite that the steps of every consumer pass, in a kernel that has something for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.hostile import HOSTILE
from support.kernel import Kernel

Ask = Callable[..., Any]
# Consumers that have steps; the others only measure. What is managed has tests of its own.
RECLAIMS = [
    "user namespace",
    "Out and display history",
    "functools caches",
    "printed output",
    "re cache",
    "matplotlib caches",
    "last traceback",
    "open figures",
    "linecache",
    "parser caches",
]
FULL = [
    "import functools, re, numpy",
    "@functools.lru_cache(None)\ndef squared(n):\n    return [n * n]",
    "squared(3)",
    "values = ['a' * 40, {'k': (1, 2)}]\nvalues",
    "small = numpy.ones(1_000_000)[:5]; also = small",
    "print('x' * 1000)",
    "re.compile('a+b')",
    "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
    "fig, ax = plt.subplots()\nax.set_title('title')\nfig.canvas.draw()",
    "_ = 'mine'",
    "def fails():\n    inner = [1] * 100\n    return 1 / 0",
    "fails()",
]
REFUSING = f"{HOSTILE}\nh, many = Hostile(), [Hostile()]"


def full(kernel: Kernel) -> None:
    for cell in FULL:
        kernel.run(cell)
    kernel.complete("values.")
    # The completer leaves garbage that holds the variables.
    kernel.run("import gc; gc.collect()", silent=True)


def test_the_suite_covers_every_consumer_that_reclaims(ask: Ask) -> None:
    found = [name for name, _, reclaims in ask("consumers") if reclaims]
    assert [name for name in found if name in RECLAIMS] == RECLAIMS


def test_nothing_is_planned_in_vain_in_an_empty_session(loaded: Kernel, ask: Ask) -> None:
    loaded.reset()
    for name in RECLAIMS:
        ask("plan", name, True)
    assert ask("plan", "user namespace", True) == []


@pytest.mark.parametrize("aggressive", [False, True], ids=["plain", "aggressive"])
@pytest.mark.parametrize("name", RECLAIMS)
class TestEveryConsumer:
    def test_planning_changes_nothing(
        self, name: str, aggressive: bool, loaded: Kernel, ask: Ask
    ) -> None:
        full(loaded)
        assert ask("changed_by_planning", name, aggressive) == [[], True]

    def test_each_step_says_its_target_and_what_it_is(
        self, name: str, aggressive: bool, loaded: Kernel, ask: Ask
    ) -> None:
        full(loaded)
        steps = ask("plan", name, aggressive)
        # A plain wish finds no stale lines here; IPython keeps printed text since 9.1.
        assert steps or (name in ("linecache", "printed output") and not aggressive)
        pool = next(pool for known, pool, _ in ask("consumers") if known == name)
        assert all(target.startswith(f"{pool}:") and what for target, what, _ in steps)

    def test_it_is_idempotent_and_loses_no_variable(
        self, name: str, aggressive: bool, loaded: Kernel, ask: Ask
    ) -> None:
        full(loaded)
        before = ask("user_variables")
        assert ask("run", name, aggressive) == []
        after = ask("user_variables")
        assert after == before
        assert loaded.value("also is small and small.tolist() == [1.0] * 5 and _") == "mine"

    def test_it_calls_no_code_of_the_users(
        self, name: str, aggressive: bool, loaded: Kernel, ask: Ask
    ) -> None:
        full(loaded)
        loaded.run(REFUSING)
        loaded.run("h")
        loaded.run("calls.clear(); hushed.clear()", silent=True)
        assert ask("run", name, aggressive) == []
        assert loaded.value("calls") == []
        loaded.run("hushed.append(True)", silent=True)


@pytest.mark.parametrize("name", RECLAIMS)
def test_a_step_that_comes_late_does_no_harm(name: str, loaded: Kernel, ask: Ask) -> None:
    full(loaded)
    before = ask("user_variables")
    assert ask("run_stale", name) >= 1 or name == "linecache"
    assert ask("user_variables") == before
