"""The user's line: nearest of their own frames, cells by their number, functions by name."""

from __future__ import annotations

import json
import linecache

from pmat_nb.engine.leaks import sites, traces
from pmat_nb.engine.leaks.sites import Sites

CELL = "/tmp/ipykernel_1/2.py"


def label(filename):
    return "In[12]" if filename == CELL else None


def test_the_nearest_line_of_the_users_code():
    frames = ((json.__file__, 10), (CELL, 3), (__file__, 7))
    assert Sites(label).place(frames) == (CELL, 3)


def test_without_any_the_innermost():
    frames = ((json.__file__, 10), ("<frozen importlib._bootstrap>", 3))
    assert Sites(label).place(frames) == (json.__file__, 10)


def test_what_we_allocate_ourselves_is_nobodys():
    assert Sites(label).place(((traces.__file__, 5),)) is None


def test_libraries_are_told_from_the_users_files():
    assert sites.is_library(json.__file__)
    assert sites.is_library("/x/lib/python3.11/site-packages/mylib/a.py")
    assert sites.is_library("<frozen os>")
    assert not sites.is_library(__file__)


def test_a_cells_line_goes_by_the_cells_number():
    source = "import mylib\nfor p in paths:\n    mylib.load(p)\n"
    linecache.cache[CELL] = (len(source), None, source.splitlines(True), CELL)
    try:
        site = Sites(label).site((CELL, 3))
    finally:
        del linecache.cache[CELL]
    assert site == ("In[12]:3", CELL, 3, "", "mylib.load(p)")


def test_the_function_a_line_is_in(tmp_path):
    path = tmp_path / "work.py"
    path.write_text(
        "import os\n\nclass A:\n    def first(self):\n        pass\n\n"
        "    async def second(self, a,\n            b):\n        for x in a:\n"
        "            # a comment\n            b.append(x)\n\nTOP = 1\n"
    )
    named = {n: sites.function_at(str(path), n) for n in (1, 5, 11, 13, 99)}
    assert named == {1: "", 5: "first", 11: "second", 13: "", 99: ""}
    assert Sites().site((str(path), 11)).name == "work.py:11"
