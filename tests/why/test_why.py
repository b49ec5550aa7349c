"""Every kind of holder, made by cells in a real kernel and named by `why`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.hostile import HOSTILE
from support.kernel import Kernel

Why = Callable[..., dict[str, str]]
pytestmark = pytest.mark.usefixtures("empty")


def test_nothing_but_the_name(why: Why) -> None:
    assert why("o") == {}


# What a cell does with `o`, and the one text and kind that tells it.
@pytest.mark.parametrize(
    ("cell", "text", "kind"),
    [
        ("b = o", "b", "alias"),
        ("registry = {'k': [1, 2, 3, o]}", "registry['k'] → list[3]", "variable"),
        ("registry = {7: (o,)}", "registry[7] → tuple[0]", "variable"),
        ("registry = {('a', 1): o}", "registry[('a', 1)]", "variable"),
        ("registry = {o: 1}", "registry → dict key", "variable"),
        ("registry = {Big(): o}", "registry[<Big>]", "variable"),
        ("many = [Big() for _ in range(39)] + [o]", "many → list of 40 Big", "variable"),
        ("few = [1, o]", "few[1]", "variable"),
        ("group = {o}", "group → set of 1", "variable"),
        ("import collections as c; q = c.deque([1, o])", "q[1]", "variable"),
        ("import collections as c; d = c.defaultdict(list, k=o)", "d['k']", "variable"),
        ("import collections as c; p = c.namedtuple('P', 'x y')(1, o)", "p[1]", "variable"),
        ("import types; s = types.SimpleNamespace(q=o)", "s.q", "variable"),
        ("x = Big(); x.part = o", "x.part", "variable"),
        ("x = Big(); x.parts = [o]", "x.parts → list[0]", "variable"),
        ("class S: __slots__ = ('z',)\ns = S(); s.z = o", "s.z", "variable"),
        ("Big.shared = o", "class Big.shared", "class"),
        (
            "def make():\n  x = o\n  def inner(): return x\n  return inner\nf = make()",
            "f → function make.<locals>.inner → closure cell x",
            "variable",
        ),
        ("def f(a, b=o): pass", "f → function f → default of b", "variable"),
        ("def f(*, k=o): pass", "f → function f → default of k", "variable"),
        ("def f(): pass\nf.kept = o", "f.kept", "variable"),
        ("m = o.__init_subclass__; Big.go = lambda s: 0; m = o.go",
         "m → bound method <lambda>", "variable"),
        ("import functools; p = functools.partial(print, o)",
         "p → functools.partial of print", "variable"),
        ("import functools\n@functools.lru_cache(None)\ndef f(): return o\nf() and None",
         "f → functools cache of f (1 entries)", "variable"),
        ("import functools\n@functools.lru_cache(4)\ndef f(): return o\nf() and None",
         "f → functools cache of f (1 entries)", "variable"),
        ("def gen():\n  inner = o\n  yield\ng = gen(); next(g)",
         "g → suspended generator gen() line 3 local inner", "variable"),
        ("import contextvars; v = contextvars.ContextVar('v'); "
         "c = contextvars.copy_context(); c.run(v.set, o)", "context variable v", "context"),
        ("cell = (lambda: o); import sys", None, ""),
    ],
)  # fmt: skip
def test_holders_in_python(
    cell: str, text: str | None, kind: str, kernel: Kernel, why: Why
) -> None:
    assert kernel.run(cell).ok
    found = why("o")
    assert found == ({} if text is None else {text: kind})


class TestIPython:
    def test_each_holder_of_a_shown_object(self, kernel: Kernel, why: Why) -> None:
        number = kernel.run("o").execution_count
        expected = [
            f"Out[{number}]",
            "_",
            f"_{number}",
            "user_ns_hidden['_']",
            f"user_ns_hidden['_{number}']",
            "displayhook._",
            "last_execution_result.result",
        ]
        assert why("o") == dict.fromkeys(expected, "ipython")

    def test_what_a_reset_of_out_leaves(self, kernel: Kernel, why: Why) -> None:
        kernel.run("o")
        kernel.run("%reset -f out")
        assert any("user_ns_hidden" in text or "displayhook" in text for text in why("o"))

    def test_a_list_that_was_shown(self, kernel: Kernel, why: Why) -> None:
        number = kernel.run("[o]").execution_count
        assert f"Out[{number}] → list[0]" in why("o") or f"Out[{number}][0]" in why("o")

    def test_the_frames_of_the_last_error(self, kernel: Kernel, why: Why) -> None:
        kernel.run("def f(arg):\n    x = arg\n    return 1 / 0")
        kernel.run("f(o)", stop_on_error=False)
        found = why("o")
        for place in ("InteractiveTB.tb", "sys.last_value", "last_execution_result.error_in_exec"):
            assert found[f"{place} → frame of f() line 3 local arg"] == "traceback"

    def test_deep_in_the_stack_of_an_error_before_the_last(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "def f(n, arg):\n    if n: return f(n - 1, None if n > 1 else o)\n    return 1 / 0\n"
            "def g():\n    try: f(30, None)\n    except ZeroDivisionError: raise KeyError('k')"
        )
        kernel.run("g()", stop_on_error=False)
        found = why("o")
        text = "sys.last_value → earlier ZeroDivisionError → frame of f() line 3 local arg"
        assert found[text] == "traceback"
        assert "incomplete" not in found.values()

    def test_what_the_last_error_carries(self, kernel: Kernel, why: Why) -> None:
        kernel.run("raise ValueError(o)", stop_on_error=False)
        assert why("o")["sys.last_value → arguments of ValueError"] == "traceback"

    def test_printed_output(self, kernel: Kernel, why: Why) -> None:
        # IPython 9.1 and later keep it; before, nothing does.
        kept = kernel.value("hasattr(get_ipython().history_manager, 'outputs')")
        kernel.run("text = 'shown ' * 1000\nprint(text)")
        assert any(t.startswith("history_manager.outputs[") for t in why("text")) is kept

    def test_the_users_own_underscore_is_an_alias(self, kernel: Kernel, why: Why) -> None:
        kernel.run("for _ in [o]: pass")
        assert why("o") == {"_": "alias"}


class TestElsewhere:
    def test_a_modules_global(self, kernel: Kernel, why: Why, tmp_path: Path) -> None:
        (tmp_path / "mylib.py").write_text("_registry = []\n")
        kernel.run(
            f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import mylib; del sys.path[0]\n"
            "mylib._registry += [Big() for _ in range(39)] + [o]"
        )
        assert why("o") == {"mylib._registry → list of 40 Big": "module"}
        kernel.run("del sys.modules['mylib'], mylib")

    def test_a_running_thread(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "import threading\nstop = threading.Event()\n"
            "def worker():\n  inner = [o]\n  stop.wait()\n"
            "t = threading.Thread(target=worker, name='loader'); t.start()"
        )
        try:
            (text,) = why("o")
            assert text == "thread loader: running worker() line 5 local inner → list[0]" or (
                text == "thread loader: running worker() line 5 local inner[0]"
            )
        finally:
            kernel.run("stop.set(); t.join()")

    def test_a_threads_arguments(self, kernel: Kernel, why: Why) -> None:
        kernel.run("import threading\nt = threading.Thread(target=print, args=(o,), name='later')")
        assert why("o") == {"thread later._args → tuple[0]": "thread"}

    def test_a_pending_task(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "import asyncio\nasync def job():\n  inner = o\n  await asyncio.sleep(1000)\n"
            "task = asyncio.get_running_loop().create_task(job(), name='fetch')\n"
            "await asyncio.sleep(0.01)"
        )
        try:
            assert why("o") == {
                "pending asyncio task fetch → suspended coroutine job() line 4 local inner": "task"
            }
        finally:
            kernel.run("task.cancel()")

    def test_an_open_figure_and_a_closed_one(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
            "ax = plt.figure(3).add_subplot(); ax.kept = o"
        )
        found = why("o")
        assert any(re.fullmatch(r"open figure 3 → Axes.*\.kept", text) for text in found)
        assert "figure" in found.values()
        kernel.run("plt.close('all')")
        assert why("o") == {"ax.kept": "variable"}

    def test_a_widget(self, kernel: Kernel, why: Why) -> None:
        kernel.run("import ipywidgets\nw = ipywidgets.Select(options=[('one', o)])")
        found = why("o")
        assert any(t.startswith("widget Select") and k == "widget" for t, k in found.items())

    def test_a_widgets_callback(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "import ipywidgets\ndef make(x):\n  def changed(change): x\n  return changed\n"
            "w = ipywidgets.IntSlider(); w.observe(make(o), 'value')"
        )
        assert any("closure cell x" in text for text in why("o"))


class TestBuffers:
    """Arrays and plain text are not watched by the collector, nor are dictionaries of them."""

    @pytest.fixture(autouse=True)
    def array(self, kernel: Kernel, empty: None) -> None:
        kernel.run("import numpy as np\na = np.zeros(1000)")

    @pytest.mark.parametrize(
        ("cell", "text"),
        [
            ("v = a[:10]", "v → ndarray view"),
            ("v = a[:10].reshape(2, 5)[0]", "v → ndarray view"),
            ("d = {'x': a}", "d['x']"),
            ("d = {'x': {'y': (a,)}}", "d['x'] → dict['y'] → tuple[0]"),
            ("d = {'x': a[5:]}", "d['x'] → ndarray view"),
            ("m = memoryview(a)", "m → memoryview"),
            ("c = np.array([a, None], dtype=object)", "c → ndarray of 2 objects"),
            ("c = np.empty((2, 2), dtype=object); c[1, 1] = {'k': a}",
             "c → ndarray of 4 objects → dict['k']"),
        ],
    )  # fmt: skip
    def test_of_an_array(self, cell: str, text: str, kernel: Kernel, why: Why) -> None:
        assert kernel.run(cell).ok
        assert why("a") == {text: "variable"}

    def test_an_object_column(self, kernel: Kernel, why: Why) -> None:
        kernel.run("import pandas as pd\nframe = pd.DataFrame({'c': pd.Series([o], dtype=object)})")
        assert any(text.startswith("frame") for text in why("o"))

    def test_variables_that_share_the_data(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "import pandas as pd\n"
            "frame = pd.DataFrame({'p': np.arange(9.0), 'q': np.arange(9.0)})\n"
            "column = frame['p']; first = frame.iloc[2:]\n"
            "raw = column.to_numpy(); own = frame.copy()\n"
            "part = a[3:]; same = a[4:]"
        )
        assert why("frame") == {
            "column (Series that shares its data)": "shares",
            "first (DataFrame that shares its data)": "shares",
            "raw (ndarray that shares its data)": "shares",
        }
        assert why("a") == {"part → ndarray view": "variable", "same → ndarray view": "variable"}
        assert why("part") == {
            "a (ndarray that shares its data)": "shares",
            "same (ndarray that shares its data)": "shares",
        }
        assert why("own") == {}

    def test_text_and_bytes(self, kernel: Kernel, why: Why) -> None:
        kernel.run("s = 'long ' * 1000; d = {'k': s}; raw = bytes(1000); m = memoryview(raw)[:3]")
        assert why("s") == {"d['k']": "variable"}
        assert why("raw") == {"m → memoryview": "variable"}


class TestAsking:
    def test_an_unknown_name_names_close_ones(self, kernel: Kernel) -> None:
        kernel.run("trades = [1]\nfrom pmat_nb.consumers.why import why")
        error = kernel.run("why(get_ipython(), 'trade')").error
        assert error is not None and error.ename == "UsageError"
        assert error.evalue == "no variable is called 'trade'; did you mean trades?"

    def test_an_expression_is_refused(self, kernel: Kernel) -> None:
        kernel.run("from pmat_nb.consumers.why import why")
        error = kernel.run("why(get_ipython(), 'o.part')").error
        assert error is not None and "give one name, for example %pmat_why df" in error.evalue

    @pytest.mark.parametrize("value", ["None", "True", "7", "..."])
    def test_objects_of_the_whole_interpreter(self, value: str, kernel: Kernel, why: Why) -> None:
        kernel.run(f"n = {value}")
        assert list(why("n").values()) == ["interpreter"]

    def test_a_search_that_a_bound_ended_says_so(self, kernel: Kernel, why: Why) -> None:
        kernel.run("x = [[[[[o]]]]]")
        found = why("o", budget_s=0.0)
        assert found.popitem()[1] == "incomplete"

    def test_the_object_in_a_cycle_with_itself(self, kernel: Kernel, why: Why) -> None:
        kernel.run("o.me = o; o.child = Big(); o.child.parent = o")
        assert why("o") == {}

    def test_garbage_that_still_holds_it(self, kernel: Kernel, why: Why) -> None:
        kernel.run(
            "import gc; gc.disable()\nx = Big(); y = Big(); x.y = y; y.x = x; x.part = o; del x, y"
        )
        try:
            assert why("o") == {"Big.part, which no name leads to": "unreached"}
        finally:
            kernel.run("gc.enable(); gc.collect()")

    def test_asking_leaves_no_reference_and_no_name(self, kernel: Kernel, why: Why) -> None:
        kernel.run("import sys\nregistry = [o]")
        before = kernel.value("[sys.getrefcount(o), sorted(globals())]")
        why("o")
        assert kernel.value("[sys.getrefcount(o), sorted(globals())]") == before

    def test_bytes_are_those_of_the_object(self, kernel: Kernel) -> None:
        kernel.run("b = o\nfrom pmat_nb.consumers.why import why")
        kernel.run("h = why(get_ipython(), 'o', size_of=lambda value: 123)")
        assert kernel.value("[h[0].text, h[0].retained_bytes]") == ["b", 123]

    def test_no_user_code_is_run(self, kernel: Kernel, why: Why) -> None:
        kernel.run(REFUSING)
        kernel.run("hushed.clear()", silent=True)
        found = why("h")
        assert kernel.value("calls") == []
        assert found == {"holder.part": "variable", "table[<Hostile>]": "variable"}


REFUSING = f"""{HOSTILE}
h, holder = Hostile(), Hostile()
object.__setattr__(holder, "part", h)
table = {{Hostile(): h}}
"""
