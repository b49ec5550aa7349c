"""The figures in the message of a stop agree with what happened."""

from __future__ import annotations

import re
import sys

import pytest
from support.kernel import Kernel

from .kernels import MB, TIDY, assert_stopped, rss_bytes

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

APPENDS = "while True: l.append({'a': i, 'b': str(i)}); i += 1"


@pytest.fixture(autouse=True)
def tidy(survivor: Kernel) -> None:
    survivor.run("%pmat_limit auto")
    survivor.run(f"{TIDY}\ntt = []")


def _figure(pattern: str, message: str) -> int:
    found = re.search(pattern, message)
    assert found, message
    return int(found[1])


def test_a_list_of_records_is_said_to_free_what_it_frees(survivor: Kernel) -> None:
    message = assert_stopped(survivor.run(f"%%pmat_limit 300MB\nl, i = [], 0\n{APPENDS}"))
    frees = _figure(r"del l frees (?:~ )?(\d+) MB", message)
    before = rss_bytes(survivor)
    survivor.run(TIDY)
    freed = (before - rss_bytes(survivor)) / MB
    assert 0.7 * freed < frees < 1.3 * freed, (freed, message)
    assert "temporaries" not in message


THREAD = """import threading
def work():
    while True: tt.append(bytearray(2**20))
worker = threading.Thread(target=work); worker.start(); worker.join()"""


def test_what_a_thread_appends_is_the_names(survivor: Kernel) -> None:
    message = assert_stopped(survivor.run(f"%%pmat_limit 200MB\n{THREAD}"))
    assert _figure(r"grew: tt \+(\d+) MB", message) > 150
    assert "kept from this cell: tt" in message and "temporaries" not in message
    assert survivor.value("len(tt)") > 150


def test_a_name_that_a_function_of_an_earlier_cell_binds(survivor: Kernel) -> None:
    survivor.run(
        "def bind():\n    global x\n    x = []\n    while True: x.append(bytearray(2**20))"
    )
    message = assert_stopped(survivor.run("%%pmat_limit 150MB\nbind()"))
    assert "kept from this cell: x (del x frees 1" in message


def test_what_a_container_held_before_is_not_growth(survivor: Kernel) -> None:
    survivor.run("l = [bytearray(2**20) for _ in range(100)]")
    message = assert_stopped(
        survivor.run("%%pmat_limit 100MB\nwhile True: l.append(bytearray(2**20))")
    )
    assert 60 < _figure(r"grew: l \+(\d+) MB", message) < 150
    assert "with what it held before" in message


def test_a_childs_growth_is_the_childs(survivor: Kernel) -> None:
    child = "x = bytearray(400 * 2**20); import time; time.sleep(5)"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    message = assert_stopped(survivor.run(f"%%pmat_limit 150MB\n{code}"))
    assert re.search(r"grew: child python\S* \(\d+\) \+\d+ MB", message), message
    assert "with its child processes" in message and "temporaries" not in message


def test_memory_that_was_free_is_said_to_be_filled_again(survivor: Kernel) -> None:
    survivor.run(
        "import ctypes; libc_ = ctypes.CDLL(None)\n"
        "libc_.mallopt(-1, 2**31 - 1); libc_.mallopt(-3, 2**30)\n"
        "l = [bytearray(2**20) for _ in range(200)]"
    )
    survivor.run("del l")
    try:
        message = assert_stopped(
            survivor.run("%%pmat_limit 100MB\nl = []\nwhile True: l.append(bytearray(2**20))")
        )
    finally:
        survivor.run("libc_.mallopt(-1, 2**17); libc_.mallopt(-3, 2**17)")
    assert 120 < _figure(r"of it (\d+) MB in memory that was free already", message) < 280


def test_a_tighter_standing_limit_is_the_one_named(survivor: Kernel) -> None:
    survivor.run("%pmat_limit +150MB")
    grow = "l = []\nwhile True: l.append(bytearray(2**20))"
    message = assert_stopped(survivor.run(f"%%pmat_limit auto\n{grow}"))
    assert "(limit " in message and "may add" not in message
    assert "a larger %pmat_limit" in message
