"""What is recommended beside the data: history, leftovers, idle variables, reads, generators."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import Any

import IPython.core.inputtransformer2  # noqa: F401 - cells are read with it where it is there
import pytest
from support.kernel import Kernel

from pmat_nb.consumers.advice.base import Cell
from pmat_nb.consumers.advice.cells import Notebook, inputs_of, tree_of
from pmat_nb.consumers.advice.column_uses import columns_used
from pmat_nb.consumers.advice.generators import rewritten
from pmat_nb.consumers.advice.remaking import remaking

# --- pure ------------------------------------------------------------------------------


def _notebook(*sources: str) -> Notebook:
    return Notebook([Cell(number, source, None) for number, source in enumerate(sources, 1)])


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("df = read(p)\ndf = df.dropna()", {"read", "p"}),
        ("df = df.dropna()", {"df"}),
        ("total += 1", {"total"}),
        ("for i in xs:\n    y = f(i)\n    zs.append(y)", {"xs", "f", "zs"}),
        ("x = [a * k for a in b]", {"b", "k"}),
        ("def f(n):\n    return f(n - 1) + g\nr = f(3)", {"g"}),
        ("with open(p) as h:\n    d = h.read()", {"open", "p"}),
        ("try:\n    a = b\nexcept E as e:\n    print(e)", {"b", "E", "print"}),
        ("(n := f(x))\ny = n", {"f", "x"}),
    ],
)
def test_the_inputs_of_a_cell(source: str, needed: set[str]) -> None:
    tree = tree_of(source)
    assert tree is not None and inputs_of(tree) == needed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sum([x * 2 for x in xs])", "sum(x * 2 for x in xs)"),
        ("sum([f(x) for x in xs], 5)", "sum((f(x) for x in xs), 5)"),
        ("max([len(x) for x in xs], default=0)", "max((len(x) for x in xs), default=0)"),
        ("set([x for x in xs if x])", "set(x for x in xs if x)"),
        ("dict([(k, f(k)) for k in ks])", "dict((k, f(k)) for k in ks)"),
        ("any([x > 3 for x in f(xs)])", "any(x > 3 for x in f(xs))"),
        # What they give would differ, or nothing would be saved.
        ("any([f(x) for x in xs])", None),
        ("all([x for x in xs if test(x)])", None),
        ("max([a for a in xs], [b for b in ys])", None),
        ("sorted([x for x in xs])", None),
        ("','.join([str(x) for x in xs])", None),
        ("sum([next(it) for _ in range(3)])", None),
        ("sum([await f(x) for x in xs])", None),
        ("sum([locals()['x'] for x in xs])", None),
        ("sum([y := x for x in xs])", None),
        ("np.sum([x for x in xs])", None),
        ("sum = mine\nsum([x for x in xs])", None),
    ],
)
def test_a_generator_where_it_gives_the_same(before: str, after: str | None) -> None:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    found = rewritten(compile(before, "<cell>", "exec", flags), {})
    assert [one.after for one in found] == ([] if after is None else [after])
    if after is not None:
        names = {"xs": [4, 1, 9], "ks": "abc", "f": lambda x: x}
        names["xs"] = [[1], [2, 3]] if "len" in before else names["xs"]
        assert eval(before, dict(names)) == eval(after, dict(names))


def test_a_name_that_was_rebound_is_no_builtin() -> None:
    assert rewritten(ast.parse("sum([x for x in xs])"), {"sum": print}) == []


@pytest.mark.parametrize(
    ("cells", "used"),
    [
        (("df['a'].sum()", "df.b.max()"), {"a", "b"}),
        (("df[['a', 'c']].head()", "len(df)"), {"a", "c"}),
        (("df.groupby('a')['b'].sum()", "df.loc[df['c'] > 1, 'b']"), {"a", "b", "c"}),
        (("df[df['a'] > 0]['b']",), {"a", "b"}),
        (("%time df['a'].sum()",), None),
        (("x = df['a']", "x[0] = 3"), {"a"}),
        # The frame as a whole, or what cannot be told.
        (("df",), None),
        (("f(df)",), None),
        (("df.describe()",), None),
        (("df['new'] = 1",), None),
        (("df[key]",), None),
        (("d = df",), None),
        (("df = df.dropna()",), None),
        (("pd.eval('df.a + df.b')",), None),
        (("this is no python df",), None),
        (("df.loc[0, 'a'] = 5",), None),
    ],
)
def test_the_columns_that_cells_use(cells: tuple[str, ...], used: set[str] | None) -> None:
    notebook = _notebook("df = pd.read_csv('df.csv')", *cells)
    found = columns_used("df", ["a", "b", "c"], notebook, 1, "df.csv")
    assert (None if found is None else set(found)) == used


def test_a_function_defined_earlier_may_use_the_frame() -> None:
    notebook = _notebook("def f():\n    return df.c", "df = pd.read_csv(p)", "df['a']", "f()")
    assert columns_used("df", ["a", "c"], notebook, 2) is None


NAMES: dict[str, Any] = {"a": 1, "b": 2, "x": 3, "math": ast}


@pytest.mark.parametrize(
    ("cells", "words", "remade"),
    [
        (("a = 1", "x = [a] * 3"), "In[2] computes it again from a", True),
        (("b = 1", "x = f(b)"), "its input f is gone", False),
        (("a = 1", "x = [a]", "a = 2"), "In[3] binds its input a again", False),
        (("a = [1]", "x = [a]", "a.append(2)"), "In[3] may have changed its input a", False),
        (("a = 1", "x = [a]", "x.append(3)"), "In[2] and In[3] compute it again", True),
        (("a = 1", "x = [a]\na = 5"), "it binds its own input a", False),
        (("a = 1", "x = open(a).read()"), "what it reads must still be there", True),
        (("x = %run other.py",), "it runs %run", False),
        (("x = math.random()", "math.seed(1)"), "it draws random numbers", True),
    ],
)
def test_what_can_be_computed_again(cells: tuple[str, ...], words: str, remade: bool) -> None:
    bound_in = f"In[{next(n for n, c in enumerate(cells, 1) if c.startswith('x ='))}]"
    found = remaking("x", bound_in, _notebook(*cells), NAMES)
    assert words in found.words and bool(found.cells) == remade, found


def test_a_variable_that_no_cell_bound_cannot_be_computed_again() -> None:
    found = remaking("x", None, _notebook("y = 1"), NAMES)
    assert found == ("no cell of this session made it", (), False)


# --- in a kernel -----------------------------------------------------------------------


@pytest.fixture
def listed(kernel: Kernel) -> Callable[[], list[dict[str, Any]]]:
    """What `%pmat_recommend` lists, by the magic itself."""
    assert kernel.run("%load_ext pmat_nb").ok

    def rows() -> list[dict[str, Any]]:
        result = kernel.run("%pmat_recommend --format json -o -")
        assert result.ok, result.error
        found: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
        return found

    return rows


def _one(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = [row for row in rows if row["kind"] == kind]
    assert len(found) == 1, (kind, [row["kind"] for row in rows])
    return found[0]


def _apply(kernel: Kernel, row: dict[str, Any]) -> dict[str, Any]:
    result = kernel.run(f"%pmat_recommend --apply {row['row']} --format json -o -")
    assert result.ok, result.error
    (done,) = json.loads(result.stdout)["applied"]
    return dict(done)


def test_an_idle_variable_is_parked_and_comes_back(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run("seed = [1.5] * 1_000_000\nimport array")
    kernel.run("idle = array.array('d', seed)")
    kernel.run("del seed")
    assert not [row for row in listed() if row["kind"] == "unused variable"]
    for number in range(11):
        kernel.run(f"step = {number}")
    row = _one(listed(), "unused variable")
    assert row["risk"] == "reload" and "its input seed is gone" in row["why"]
    done = _apply(kernel, row)
    assert done["state"] == "done", done
    assert done["measured_bytes"] > 0.8 * row["estimated_bytes"]
    assert not kernel.value("'idle' in globals()")
    assert kernel.run("%pmat_recommend --undo").ok
    assert kernel.value("[len(idle), idle[7]]") == [1_000_000, 1.5]
    kernel.run("del idle")


def test_a_variable_that_was_used_since_stays(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run("idle = [0.5] * 2_000_000")
    for number in range(11):
        kernel.run(f"step = {number}")
    row = _one(listed(), "unused variable")
    assert row["action"] == "del idle" and "computes it again" in row["why"]
    assert "cannot be undone" in row["undo_note"]
    kernel.run("idle[0]")
    done = _apply(kernel, row)
    assert done["state"] == "changed" and "was used since" in done["why"]
    assert kernel.value("len(idle)") == 2_000_000
    kernel.run("del idle")


def test_functions_and_what_else_is_held_are_left_alone(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run(
        "def f(data=bytes(9_000_000)):\n    return data\nclass C:\n    data = bytes(9_000_000)"
    )
    kernel.run("held = bytes(9_000_000)\nholder = [held]\nclass D: pass\nown = D()")
    kernel.run("own.data = bytes(9_000_000)")
    for number in range(11):
        kernel.run(f"step = {number}")
    named = [row["action"] for row in listed() if row["kind"] == "unused variable"]
    assert not [a for a in named if "del f" in a or "del C" in a or "own" in a or "held" in a]
    kernel.run("del f, C, held, holder, own")


def test_a_read_of_the_columns_that_are_used(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run(
        "import pandas as pd\nfrom pathlib import Path\n"
        "line = ','.join(str(i % 9) for i in range(14)) + '\\n'\n"
        "Path('read.csv').write_text(','.join(f'c{i}' for i in range(14)) + '\\n' + line * 800_000)"
    )
    kernel.run("frame = pd.read_csv('read.csv')")
    kernel.run("result = frame['c3'].sum() + frame.c5.max()")
    row = _one(listed(), "column-selected read")
    assert row["action"] == "frame = pd.read_csv('read.csv', usecols=['c3', 'c5'])"
    done = _apply(kernel, row)
    assert done["state"] == "done", done
    assert abs(done["measured_bytes"] - row["estimated_bytes"]) <= 0.2 * done["measured_bytes"]
    assert kernel.value("bool(frame['c3'].sum() + frame.c5.max() == result)")
    assert kernel.run("%pmat_recommend --undo").ok
    assert kernel.value("list(frame.shape)") == [800_000, 14]


def test_a_file_that_has_changed_is_not_read_again(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    row = _one(listed(), "column-selected read")
    kernel.run(
        "old = Path('read.csv').read_text()\nPath('read.csv').write_text(old + line)\ndel old"
    )
    done = _apply(kernel, row)
    assert done["state"] == "changed" and "does not give" in done["why"], done
    kernel.run("del frame")


def test_a_generator_is_for_the_user_to_write(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run("total = sum([float(i) for i in range(4_000_000)])")
    row = _one(listed(), "generator for a list")
    assert row["action"] == "sum(float(i) for i in range(4000000))"
    assert not row["applies"] and row["estimated_bytes"] is None
    assert _apply(kernel, row)["state"] == "yours"


def test_budgets_policies_and_the_collector_come_back_as_they_were(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run("%pmat_configure --cache-pool 16MB")
    kernel.run(
        "import time\nimport pmat_nb\n@pmat_nb.cache(name='lookups')\n"
        "def lookup(i):\n    time.sleep(0.001)\n    return bytes(1_000_000)"
    )
    kernel.run("for _ in range(6):\n    for i in range(24): lookup(i)")
    row = _one(listed(), "pool budget")
    assert row["action"].startswith("%pmat_configure --cache-pool ")
    assert _apply(kernel, row)["state"] == "done"
    assert kernel.value("pmat_nb.pools.pool('cache').limit_bytes") > 16 << 20
    assert kernel.run("%pmat_recommend --undo").ok
    assert kernel.value("pmat_nb.pools.pool('cache').limit_bytes") == 16 << 20
    kernel.run("%pmat_configure --reset\n%pmat_cleanup --target cache:lookups\ndel lookup")


def test_a_collector_that_is_switched_off(
    kernel: Kernel, listed: Callable[[], list[dict[str, Any]]]
) -> None:
    kernel.run("import gc\ngc.disable()\nfor _ in range(150_000):\n    a = []\n    a.append(a)")
    row = _one(listed(), "garbage")
    done = _apply(kernel, row)
    assert done["state"] == "done"
    kernel.run("gc.enable()")
    assert not [row for row in listed() if row["kind"] == "garbage"]
