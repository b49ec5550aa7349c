"""The user's line: nearest of their own frames, cells by their number, functions by name."""

from __future__ import annotations

import asyncio
import json
import linecache
import threading

import pytest

from pmat_nb.engine.leaks import sites, traces
from pmat_nb.engine.leaks.sites import Sites

CELL = "/srv/cells/2.py"


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


LIB = "/x/lib/python3.11/site-packages/"


@pytest.mark.parametrize(
    ("files", "machinery"),
    [
        (("IPython/core/history.py", "ipykernel/zmqshell.py"), True),
        ((json.__file__, "IPython/core/compilerop.py"), True),
        (("<string>", "zmq/sugar/socket.py", asyncio.base_events.__file__), True),
        (("numpy/lib/io.py", "IPython/core/interactiveshell.py"), False),
        ((json.__file__, "distributed/worker.py", "tornado/ioloop.py"), False),
        ((threading.__file__,), False),
        ((asyncio.base_events.__file__, threading.__file__), True),
    ],
)
def test_the_kernel_at_its_own_work_is_nobodys(files: tuple[str, ...], machinery: bool) -> None:
    absolute = (f if f.startswith(("/", "<")) else LIB + f for f in files)
    frames = tuple((filename, 1) for filename in absolute)
    assert (Sites(label).place(frames, limit=16) is None) is machinery
    # The user's own line further out has it all, whatever is in between.
    assert Sites(label).place((*frames, (CELL, 3)), limit=16) == (CELL, 3)


def test_a_traceback_that_was_cut_off_may_be_the_users() -> None:
    frames = ((LIB + "IPython/core/display_functions.py", 7),)
    assert Sites(label).place(frames, limit=1) == frames[0]
    assert Sites(label).place(frames, limit=16) is None


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
