from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmat_nb.consumers.usage import CellNames, UsageLog, names_in


@pytest.mark.parametrize(
    ("source", "bound", "mentioned"),
    [
        ("x = 1", "x", "x"),
        ("x += y", "x", "x y"),
        ("x: int = y", "x", "x int y"),
        ("a, (b, *c) = d", "a b c", "a b c d"),
        ("df['x'] = 3", "", "df"),
        ("df.x = 3", "", "df"),
        ("import a.b, c.d as e\nfrom f import g, h as i", "a e g i", "a e g i"),
        ("for i in rows: pass", "i", "i rows"),
        ("with open(p) as f: pass", "f", "open p f"),
        ("def f(a, b=c): return a + d", "f", "f c d"),
        ("def f():\n  global g\n  g = 1", "f g", "f g"),
        ("def f():\n  inner = 1\n  return inner", "f", "f"),
        ("class A(B):\n  u = v", "A", "A B v"),
        ("[i for i in rows if i in wanted]", "", "rows wanted"),
        ("i = 0\n[i for i in rows]", "i", "i rows"),
        ("[x for x in x]", "", "x"),
        ("import i\n{i: 1 for i in {j for j in k}}", "i", "i k"),
        ("def f():\n  return [z := i for i in rows]", "f", "f rows"),
        ("[z := i for i in rows]", "z", "z rows"),
        ("(y := 3)", "y", "y"),
        ("match p:\n  case [h, *t]: pass", "h t", "p h t"),
        ("lambda q: q + r", "", "r"),
        ("await f(x)", "", "f x"),
        ("async for a in b: pass", "a", "a b"),
        ("async with c as d: pass", "d", "c d"),
        ("'text ' f'{value}'", "", "value"),
        ("", "", ""),
        ("# only a comment", "", ""),
        ("this is no python", "", ""),
        ("x = (", "", ""),
        ("\x00", "", ""),
    ],
)
def test_names(source: str, bound: str, mentioned: str) -> None:
    expected = CellNames(frozenset(bound.split()), frozenset(mentioned.split()))
    assert names_in(source) == expected


@pytest.mark.parametrize(
    ("source", "bound", "mentioned"),
    [
        ("%%time\ny = f(x)", "y", "y f x"),
        ("%%pmat_limit 2GB\n%%time\ny = f(x)", "y", "y f x"),
        ("%time y = f(x)", "y", "get_ipython y f x"),
        ("files = !ls\nn = 1", "files n", "get_ipython files n"),
        ("%matplotlib inline\ny = x", "y", "get_ipython matplotlib inline y x"),
        ("y?", "", "get_ipython y"),
        ("%%bash\nls -l | grep x > y", "", None),
    ],
)
def test_names_in_ipythons_syntax(source: str, bound: str, mentioned: str | None) -> None:
    import IPython.core.inputtransformer2

    assert IPython.core.inputtransformer2.__name__ in sys.modules
    found = names_in(source)
    assert found.bound == frozenset(bound.split())
    if mentioned is not None:
        assert found.mentioned <= frozenset(mentioned.split())
        assert found.mentioned >= frozenset(mentioned.split()) - {
            "get_ipython",
            "matplotlib",
            "inline",
        }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "source",
    [
        r"x = '\d' + f'\N{DASH}{y}'",
        r"x = 'it\'s \\' + y",
        'x = """\n\\q\\"""" + y',
        "x = \\\n  y",
        r"x = rb'\d' and y",
    ],
)
def test_escapes_are_read_without_warnings(source: str) -> None:
    assert names_in(source) == CellNames(frozenset("x"), frozenset("xy"))


@given(st.text(alphabet="abx=+()[]:%!\n \t'\"#\\", max_size=60))
def test_no_source_raises(source: str) -> None:
    names_in(source)


def test_the_log_knows_the_last_binding_and_the_last_mention() -> None:
    log = UsageLog()
    log.record(1, "x = 1\ny = 2")
    log.record(2, "print(x)")
    log.record(3, "x = 5")
    log.record(5, "z = 1")
    assert log.bound_in("x") == "In[3]"
    assert log.bound_in("y") == "In[1]"
    assert log.bound_in("print") is None
    assert log.cells_since_use("x") == 2
    assert log.cells_since_use("y") == 4
    assert log.cells_since_use("z") == 0
    assert log.cells_since_use("never") is None


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pmat_nb.consumers.usage.MAX_NAMES", 3)
    log = UsageLog()
    for number, name in enumerate("abcaef", start=1):
        log.record(number, f"{name} = 1")
    assert [log.bound_in(n) for n in "abcef"] == ["In[4]", None, None, "In[5]", "In[6]"]


def test_a_huge_cell_is_not_parsed() -> None:
    assert names_in("x = 1\n" * 200_000) == CellNames()
