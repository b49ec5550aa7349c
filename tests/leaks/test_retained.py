"""What retains a leak, in words, what the user keeps by design, and what to do about it."""

from __future__ import annotations

import functools
import sys
from collections import deque
from types import ModuleType, SimpleNamespace

import pytest

from pmat_nb.consumers.leaks.pools import POOLS
from pmat_nb.consumers.leaks.retained import Retainers, names_in_code
from pmat_nb.engine.leaks.counters import Counters
from pmat_nb.engine.leaks.tracker import Tracker
from pmat_nb.engine.probe import Probe


@pytest.fixture
def module(monkeypatch):
    found = ModuleType("leakylib")
    monkeypatch.setitem(sys.modules, "leakylib", found)
    return found


def tracked(step, names=None, user_ns=None, repeat=40):
    probe = Probe()
    shell = SimpleNamespace(user_ns=user_ns or {}, user_ns_hidden={})
    retainers = Retainers(shell, lambda: names or {}, budget_s=20)
    found = Tracker(
        Counters(probe, POOLS),
        repeat=repeat,
        explain=retainers,
        names=lambda: names or {},
        members=retainers.members,
    )
    try:
        return found.run(step)
    finally:
        probe.close()


def test_a_modules_registry_by_its_name(module):
    module._registry = []

    def step():
        module._registry.append({"data": bytearray(5000)})

    row = tracked(step).rows[0]
    assert row.verdict == "leak"
    assert row.retained_by.startswith("leakylib._registry → list of ")
    assert row.recommendation.startswith("bound leakylib._registry")


def test_a_list_that_the_cell_names_is_kept():
    losses = []
    row = tracked(lambda: losses.append([1.5] * 400), {"losses": losses}, {"losses": losses}).rows[
        0
    ]
    assert row.verdict == "kept" and "losses" in row.recommendation


def test_the_same_list_behind_the_users_back_is_a_leak():
    losses = []
    row = tracked(lambda: losses.append([1.5] * 400), {}, {"losses": losses}).rows[0]
    assert row.verdict == "leak" and row.retained_by.startswith("losses → list of ")


def test_what_an_objects_method_hoards_is_a_leak_though_the_cell_names_the_object():
    class Model:
        def __init__(self):
            self.seen = []

        def fit(self):
            self.seen.append(bytearray(6000))

    model = Model()
    row = tracked(model.fit, {"model": model}, {"model": model}).rows[0]
    assert row.verdict == "leak" and row.retained_by.startswith("model.seen")


def test_a_bound_by_type_is_told_though_it_is_not_reached(module):
    module.recent = deque(maxlen=10_000)
    numbers = iter(range(10**6))

    @functools.lru_cache(maxsize=5000)
    def cached(number):
        return bytearray(4000)

    for step in (lambda: module.recent.append(bytearray(4000)), lambda: cached(next(numbers))):
        report = tracked(step)
        assert not report.leaking and {row.verdict for row in report.rows} <= {"bounded"}


def test_names_that_code_uses_itself():
    source = "out.append(f(x))\ny = [a for a in xs]\ndef g():\n    return hidden\n"
    names = names_in_code(compile(source, "cell", "exec"))
    assert {"out", "f", "x", "y", "xs", "g"} <= names and "hidden" not in names
