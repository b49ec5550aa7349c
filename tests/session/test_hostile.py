"""Objects that raise, hang or lie; huge and moving namespaces; the cell always goes on."""

import textwrap

import pytest

HOSTILE = """
import time

class Raises:
    def __getattr__(self, name):
        raise RuntimeError("__getattr__ was called")
    def __repr__(self):
        raise RuntimeError("__repr__ was called")
    def __sizeof__(self):
        raise RuntimeError("__sizeof__ was called")
    def __len__(self):
        raise RuntimeError("__len__ was called")
    def __bool__(self):
        raise RuntimeError("__bool__ was called")
    def __eq__(self, other):
        raise RuntimeError("__eq__ was called")
    def __hash__(self):
        raise RuntimeError("__hash__ was called")

class Hangs:
    def __getattribute__(self, name):
        time.sleep(3600)
    def __repr__(self):
        time.sleep(3600)
    def __sizeof__(self):
        time.sleep(3600)

class Lies:
    @property
    def __class__(self):
        return dict

class Counts(list):
    touched = 0
    def __iter__(self):
        Counts.touched += 1
        return super().__iter__()
    def __len__(self):
        Counts.touched += 1
        return super().__len__()
    def __getitem__(self, item):
        Counts.touched += 1
        return super().__getitem__(item)
"""


@pytest.fixture(scope="module", autouse=True)
def loaded(module_kernel):
    module_kernel.run("%load_ext pmat_nb")
    module_kernel.run(HOSTILE)


@pytest.mark.parametrize("kind", ["Raises", "Hangs", "Lies"])
def test_hostile_objects_are_sized_without_being_asked(kernel, kind):
    kernel.run(f"victim = {kind}()\nnested = [{kind}(), {{'k': {kind}()}}]")
    for line in ("%pmat", "%pmat_stats --detailed", "%pmat_vars", "%pmat_why victim"):
        result = kernel.run(line, timeout=30)
        assert result.status == "ok", (line, result.error)
        assert "was called" not in (result.text or "") + result.stderr
    assert "victim" in kernel.run("%pmat_vars").text
    kernel.run("del victim, nested")


def test_overridden_containers_are_not_called(kernel):
    kernel.run("counted = Counts([1, 2, 3])\nCounts.touched = 0")
    kernel.run("%pmat_vars --exact")
    kernel.run("%pmat_why counted")
    assert kernel.value("Counts.touched") == 0


def test_self_referential_containers(kernel):
    kernel.run("loop = []\nloop.append(loop)\nring = {}\nring['me'] = ring\nring['loop'] = loop")
    assert kernel.run("%pmat_vars --exact", timeout=30).status == "ok"
    assert kernel.run("%pmat_why loop", timeout=30).status == "ok"
    kernel.run("del loop, ring")


def test_a_very_deep_chain(kernel):
    kernel.run("deep = None\nfor _ in range(500_000):\n    deep = [deep]")
    assert kernel.run("%pmat_vars --exact", timeout=60).status == "ok"
    kernel.run("while deep:\n    deep = deep.pop()")


def test_a_hundred_thousand_variables(kernel):
    kernel.run("for i in range(100_000):\n    globals()[f'many_{i}'] = [i]")
    result = kernel.run("%pmat_stats", timeout=60)
    assert result.status == "ok"
    plain = kernel.run("%pmat_vars", timeout=60)
    assert plain.status == "ok"
    exact = kernel.run("v = %pmat_vars --exact", timeout=120)
    assert exact.status == "ok"
    assert kernel.value("len(v.to_dict()['variables'])") >= 100_000
    assert len(kernel.run("v").text.splitlines()) < 40
    kernel.run("for i in range(100_000):\n    del globals()[f'many_{i}']\ndel v", timeout=60)


def test_a_namespace_that_another_thread_changes(kernel):
    kernel.run(
        textwrap.dedent(
            """
            import threading
            stop = threading.Event()
            def churn():
                number = 0
                while not stop.is_set():
                    globals()[f"moving_{number % 50}"] = [number] * 100
                    globals().pop(f"moving_{(number + 25) % 50}", None)
                    number += 1
            thread = threading.Thread(target=churn)
            thread.start()
            """
        )
    )
    try:
        for _ in range(10):
            assert kernel.run("%pmat_stats", timeout=60).status == "ok"
            assert kernel.run("%pmat_vars", timeout=60).status == "ok"
    finally:
        kernel.run("stop.set(); thread.join()")


def test_names_that_are_not_text(kernel):
    kernel.run(
        "globals()[(1, 2)] = 'odd'\nglobals()['<script>alert(1)</script>'] = 'x' * 10_000_000"
    )
    result = kernel.run("%pmat_vars")
    assert result.status == "ok"
    assert "<script>alert" not in result.data["text/html"]
    kernel.run("del globals()[(1, 2)], globals()['<script>alert(1)</script>']")


def test_our_own_failure_is_said_once_and_the_cell_goes_on(fresh_kernel):
    fresh_kernel.run("%load_ext pmat_nb")
    fresh_kernel.run(
        "import pmat_nb.engine.cells as c\n"
        "def broken(*a, **k):\n    raise ValueError('broken on purpose')\n"
        "c.CellMeter.begin = broken"
    )
    first = fresh_kernel.run("'one'")
    assert first.text == "'one'"
    assert "broken on purpose" in first.stderr
    second = fresh_kernel.run("'two'")
    assert second.text == "'two'"
    assert second.stderr == ""
