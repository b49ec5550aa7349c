"""One suite that every consumer passes, in a real kernel that has something for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.hostile import HOSTILE
from support.kernel import Kernel

from pmat_nb.engine.stats_records import POOL_NAMES

CONSUMERS = [
    ("user namespace", "analysis"),
    ("Out and display history", "cache"),
    ("functools caches", "cache"),
    ("printed output", "cache"),
    ("re cache", "cache"),
    ("matplotlib caches", "cache"),
    ("last traceback", "temp"),
    ("open figures", "temp"),
    ("underscore names", "temp"),
    ("equal strings", "string"),
    ("compiled cells", "ast"),
    ("input history", "ast"),
    ("linecache", "ast"),
    ("parser caches", "ast"),
]
# Nothing to hand out: the strings are the variables' own.
NEVER_HOLDS = {"equal strings"}
FULL = [
    "import functools, re",
    "@functools.lru_cache(None)\ndef squared(n):\n    return [n * n]",
    "squared(3)",
    "values = ['a' * 40, {'k': (1, 2)}]\nvalues",
    "print('x' * 1000)",
    "re.compile('a+b')",
    "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
    "fig, ax = plt.subplots()\nax.set_title('title')\nfig.canvas.draw()",
    "for _ in [[1, 2]]: pass",
    "def fails():\n    inner = [1] * 100\n    return 1 / 0",
    "fails()",
]


def full(kernel: Kernel) -> None:
    """Run the cells once in this kernel; the hostile objects of one test stay for the next."""
    if kernel.value("'fails' in globals()"):
        return
    for cell in FULL:
        kernel.run(cell)
    kernel.complete("values.")


def test_the_suite_covers_every_consumer(ask: Callable[..., Any]) -> None:
    assert [tuple(pair) for pair in ask("names")] == CONSUMERS
    assert {pool for _, pool in CONSUMERS} == set(POOL_NAMES)


def test_an_empty_session_fails_none(kernel: Kernel, ask: Callable[..., Any]) -> None:
    kernel.reset()
    assert [ask("refused", name) for name, _ in CONSUMERS] == [None] * len(CONSUMERS)


@pytest.mark.parametrize("name", [name for name, _ in CONSUMERS])
class TestEveryConsumer:
    def test_it_hands_out_roots_and_an_address(
        self, name: str, kernel: Kernel, ask: Callable[..., Any]
    ) -> None:
        full(kernel)
        entries = ask("held", name)
        assert bool(entries) is (name not in NEVER_HOLDS)
        for entry_name, _, address, roots, extra_bytes in entries:
            assert entry_name and roots and extra_bytes >= 0
            assert address is None or address.partition(":")[0] in POOL_NAMES

    def test_twice_it_names_the_same(
        self, name: str, kernel: Kernel, ask: Callable[..., Any]
    ) -> None:
        full(kernel)
        assert ask("held", name) == ask("held", name)

    def test_it_changes_nothing_it_looks_at(
        self, name: str, kernel: Kernel, ask: Callable[..., Any]
    ) -> None:
        full(kernel)
        before = ask("snapshot")
        ask("held", name)
        assert ask("snapshot") == before
        assert kernel.run("values == ['a' * 40, {'k': (1, 2)}]").text == "True"

    def test_it_keeps_no_reference(
        self, name: str, kernel: Kernel, ask: Callable[..., Any]
    ) -> None:
        full(kernel)
        assert not any(ask("reference_counts", name))

    def test_it_calls_no_user_code(
        self, name: str, kernel: Kernel, ask: Callable[..., Any]
    ) -> None:
        full(kernel)
        kernel.run(REFUSING)
        kernel.run("Hostile()")
        kernel.run("calls.clear(); hushed.clear()", silent=True)
        assert ask("refused", name) is None
        assert kernel.value("calls") == []

    def test_it_copes_with_names_coming_and_going(
        self, name: str, kernel: Kernel, ask: Callable[..., Any]
    ) -> None:
        kernel.run(CHURN)
        try:
            assert [ask("refused", name) for _ in range(10)] == [None] * 10
        finally:
            kernel.run("stop = True; thread.join()")


REFUSING = f"{HOSTILE}\nh, many, table = Hostile(), [Hostile()], {{'k': Hostile()}}\n_ = Hostile()"

CHURN = """
import threading
stop = False
def churn():
    space, number = globals(), 0
    while not stop:
        for i in range(200): space[f"n{i}"] = [i]
        for i in range(200): del space[f"n{i}"]
thread = threading.Thread(target=churn, daemon=True)
thread.start()
"""
