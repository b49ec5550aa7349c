"""Functions and classes that were defined in the notebook."""

from __future__ import annotations

import textwrap

import pytest

from pmat_nb.engine import snapshot
from pmat_nb.errors import StateFileError

from .support import Folder, notebook, run, variables

CELL = """
import math, enum, dataclasses
from functools import partial, lru_cache
scale = 3
def double(x, times=[2]):
    return x * times[0] * scale
area = lambda r: math.pi * r * r
def counter():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step
tick = counter()
tick()
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)
class Base:
    registry = []
    def __init__(self, v):
        self.v = v
        self.registry.append(v)
class Model(Base):
    def get(self):
        return double(super().__getattribute__("v"))
class Color(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Point:
    x: int = 0
model = Model(4)
color = Color.RED
point = Point(5)
half = partial(double, times=[0.5])
registry = Base.registry
same = double
"""


def save_from(folder: Folder, code: str = CELL) -> snapshot.SaveReport:
    space = notebook(code)
    return folder.save(variables(space), namespace=space)


def test_in_a_fresh_process(folder: Folder) -> None:
    save_from(folder)
    checks = """
        snapshot.restore(path, into=globals(), key_path=key)
        assert double(1) == 6 and same is double
        scale = 5
        assert double(1) == 10, "functions see the namespace they were restored into"
        assert double.__globals__ is globals() and model.get() == 40
        assert fact(5) == 120 and tick() == 2 and area(1) > 3 and half(2) == 5
        assert color is Color.RED and type(point) is Point and point == Point(5)
        assert type(model) is Model and isinstance(model, Base)
        assert Base.registry is registry and registry == [4]
        assert isinstance(__builtins__, type(os))
        print("well")
    """
    assert run(folder, checks) == "well\n"


def test_a_script_saves_its_own_functions(folder: Folder) -> None:
    code = textwrap.dedent(CELL) + textwrap.dedent("""
        mine = ("double", "model", "Model", "Base", "scale", "registry")
        report = snapshot.save({n: globals()[n] for n in mine}, path, key_path=key)
        assert not report.skipped, report.skipped
    """)
    run(folder, code)
    assert run(folder, """
        snapshot.restore(path, into=globals(), key_path=key)
        print(model.get(), double.__globals__ is globals())
    """) == "24 True\n"  # fmt: skip


def test_a_function_does_not_take_the_data_it_names_along(folder: Folder) -> None:
    report = save_from(folder, "big = bytearray(10_000_000)\ndef size(): return len(big)\n")
    sizes = {item.name: item.stored_bytes for item in report.saved}
    assert sizes["size"] < 2000
    assert report.saved[1].needs == ("big",)
    assert report.saved[1].shared_with == ()


def test_missing_globals_are_reported(folder: Folder) -> None:
    save_from(folder)
    into: dict[str, object] = {"math": 1}
    done = snapshot.restore(folder.path, ["area", "model"], into=into, key_path=folder.key)
    assert set(into) == {"math", "area", "model"}
    assert done.unbound == (("Model", "double"),)


def test_a_mapping_that_is_no_dict_gives_functions_a_namespace_of_their_own(
    folder: Folder,
) -> None:
    from collections import UserDict

    save_from(folder)
    into: UserDict[str, object] = UserDict()
    snapshot.restore(folder.path, into=into, key_path=folder.key)
    assert into["double"](1) == 6  # type: ignore[operator]


def test_the_live_class_is_kept_and_unchanged_unless_asked_for(folder: Folder) -> None:
    space = notebook("class Foo:\n    level = 1\nfoo = Foo()\n")
    folder.save(variables(space), namespace=space)
    live = space["Foo"]
    live.level = 2
    back = folder.restore(["foo"])
    assert type(back["foo"]) is live
    assert live.level == 2
    assert folder.restore()["Foo"] is live
    assert live.level == 1


def test_a_failed_restore_changes_neither_namespace_nor_live_classes(folder: Folder) -> None:
    space = notebook(
        """
        class Foo:
            level = 1
        class Fails:
            def __reduce__(self):
                return int, ("not a number",)
        def f(): return 1
        a = [1]
        z = Fails()
        """
    )
    folder.save(variables(space), namespace=space)
    space["Foo"].level = 2
    space["a"] = "mine"
    before = dict(space)
    with pytest.raises(StateFileError, match="'z' could not be brought back: ValueError"):
        folder.restore(into=space)
    assert space == before
    assert space["Foo"].level == 2
    assert folder.restore(["a", "f"])["a"] == [1]


def test_a_mapping_that_refuses_is_put_back(folder: Folder) -> None:
    from collections import UserDict

    class Picky(UserDict[str, object]):
        def __setitem__(self, name: str, value: object) -> None:
            if name == "c":
                raise KeyError("not c")
            super().__setitem__(name, value)

    folder.save({"a": 1, "b": 2, "c": 3})
    into = Picky(a="mine")
    with pytest.raises(KeyError):
        folder.restore(into=into)
    assert dict(into) == {"a": "mine"}


def test_a_missing_module_is_named(folder: Folder, tmp_path, monkeypatch) -> None:
    import sys

    (tmp_path / "pmat_t_gone.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    folder.save({"gone": __import__("pmat_t_gone"), "a": 1})
    (tmp_path / "pmat_t_gone.py").unlink()
    del sys.modules["pmat_t_gone"]
    into = {"a": "mine"}
    with pytest.raises(StateFileError, match="'gone' could not be brought back: ModuleNotFound"):
        folder.restore(into=into)
    assert into == {"a": "mine"}
    assert folder.restore(["a"]) == {"a": 1}
