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


def test_a_cache_that_spills_is_told_by_what_it_spills_to(module):
    module.entries, module.spilled = {}, []

    def step():
        module.entries[len(module.entries) + len(module.spilled)] = bytearray(9000)
        if len(module.entries) > 10:
            module.spilled.append(module.entries.pop(next(iter(module.entries))))

    row = tracked(step).rows[0]
    assert row.verdict == "leak" and row.retained_by.startswith("leakylib.spilled")


@pytest.mark.parametrize("kind", ["bytearray", "text", "array"])
def test_what_replaces_itself_by_more_leaks_or_is_kept(kind):
    import numpy as np

    begin, more, add = {
        "bytearray": (bytearray(), bytes(4000), lambda old, new: bytearray(old + new)),
        "text": ("", "x" * 4000, lambda old, new: old + new),
        "array": (np.empty(0), np.arange(500.0), lambda old, new: np.append(old, new)),
    }[kind]

    class Recorder:
        def __init__(self):
            self.trace = begin

        def record(self):
            self.trace = add(self.trace, more)

    recorder, names = Recorder(), {"trace": begin}

    def step():
        names["trace"] = add(names["trace"], more)

    leak = tracked(recorder.record, user_ns={"recorder": recorder}).rows[0]
    assert leak.verdict == "leak" and leak.retained_by.startswith("recorder.trace")
    assert leak.bytes_per_iteration == pytest.approx(4000, rel=0.1)
    kept = tracked(step, names).rows[0]
    assert kept.verdict == "kept" and "trace" in kept.recommendation


def test_modules_under_new_names_are_held_by_their_table():
    code = compile("TABLE = {f'key {i}': [i] * 3 for i in range(110)}\n", "<plugin>", "exec")
    numbers = iter(range(10**6))

    def step():
        found = ModuleType(f"leaky_plugin_{next(numbers)}")
        exec(code, vars(found))
        sys.modules[found.__name__] = found

    try:
        row = tracked(step).rows[0]
    finally:
        for name in [name for name in sys.modules if name.startswith("leaky_plugin_")]:
            del sys.modules[name]
    assert row.verdict == "leak" and row.retained_by.startswith("sys.modules")
    # Code without a text: the line that ran it is the one to look at.
    assert row.source.startswith("exec(code")


def test_a_frame_that_gets_columns_is_kept():
    import pandas as pd

    names = {"df": pd.DataFrame({"x": range(5000)})}
    numbers = iter(range(10**6))

    def step():
        names["df"] = names["df"].assign(**{f"run {next(numbers)}": names["df"]["x"] * 2})

    report = tracked(step, names)
    assert not report.leaking and report.rows[0].verdict == "kept"
