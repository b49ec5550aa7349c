"""Kernels that run a cell, are stuck in C, stopped, or dead."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from support.kernel import Kernel

from .conftest import Said, beacons, call, load, wait_for

MIB = 1024**2
# Holds the GIL for minutes, and ends at an interrupt.
# In C, with the GIL; it takes no processor time from the other tests.
STUCK = "import ctypes; ctypes.PyDLL(None).sleep(60)"


@pytest.fixture
def sized(kernel: Kernel) -> Kernel:
    """A kernel with a variable that somebody has asked it about."""
    load(kernel)
    kernel.run("import numpy as np; big = np.ones(8 * 1024**2)")
    assert call(kernel, "stats").code == 0
    wait_for(lambda: b'"sizing":{' in beacons(kernel)[0].read_bytes())
    return kernel


@pytest.fixture
def busy(sized: Kernel) -> Iterator[Kernel]:
    """One that sleeps in a cell."""
    identity = sized.send("import time; time.sleep(120)")
    time.sleep(1)
    yield sized
    sized.interrupt()
    sized.collect(identity)


@pytest.fixture
def stuck(sized: Kernel) -> Iterator[Kernel]:
    """One in a call that lets no other thread run."""
    identity = sized.send(STUCK)
    time.sleep(1)
    yield sized
    sized.interrupt()
    sized.collect(identity)


def subshells(kernel: Kernel) -> bool:
    return "kernel subshells" in kernel.value(
        "get_ipython().kernel.kernel_info.get('supported_features', [])"
    )


@pytest.mark.parametrize("verb", ["stats", "vars", "pools", "pressure"])
def test_a_busy_kernel_is_read(busy: Kernel, verb: str) -> None:
    started = time.monotonic()
    said = call(busy, verb)
    assert said.code == 0, said.err
    assert time.monotonic() - started < 15
    assert {"stats": "big", "vars": "big", "pools": "analysis", "pressure": "LOW"}[verb] in said.out


def test_what_needs_the_kernel_waits_and_then_changes_nothing(busy: Kernel) -> None:
    said = call(busy, "cleanup", "--timeout", "1")
    assert said.code == 5
    assert "is busy with In[" in said.err and "time.sleep(120)" in said.err
    assert "--timeout" in said.err and "nothing was changed" in said.err


def test_what_only_reads_does_not_speak_of_changes(stuck: Kernel) -> None:
    for words in (("leaks",), ("recommend",), ("pressure", "--history"), ("stats", "--by", "type")):
        said = call(stuck, *words, "--timeout", "1")
        if said.code == 5:
            assert "did not answer in time" in said.err and "changed" not in said.err
        else:
            assert words[0] == "stats" and said.code == 0
    for words in (("pools", "--reset", "cache"), ("pressure", "--simulate", "high")):
        assert "nothing was changed" in call(stuck, *words, "--timeout", "1").err


def test_a_cleanup_waits_for_the_end_of_the_cell(sized: Kernel) -> None:
    identity = sized.send("import time; time.sleep(4)")
    time.sleep(0.5)
    said = call(sized, "cleanup", "--target", "temp")
    assert sized.collect(identity).ok
    assert said.code == 0, said.err


def test_settings_are_changed_while_a_cell_runs(busy: Kernel) -> None:
    words = ("configure", "--kernel", str(busy.pid), "--cache-pool", "200MB", "--timeout", "2")
    said = call(busy, *words)
    if said.code == 0:  # on a subshell
        assert "200MB" in said.out
    else:
        assert said.code == 5 and "is busy" in said.err


@pytest.mark.parametrize("verb", ["stats", "vars", "pools", "pressure"])
def test_a_stuck_kernel_is_told_by_its_last_words(stuck: Kernel, verb: str) -> None:
    said = call(stuck, verb)
    assert said.code == 0, said.err
    assert "in a call that lets nothing else run" in " ".join(said.out.split())
    assert "read from outside" in said.out and "ago:" in said.out
    assert {"stats": "big", "vars": "big", "pools": "analysis", "pressure": "LOW"}[verb] in said.out


def test_figures_of_now_are_apart_from_those_of_then(stuck: Kernel) -> None:
    found = call(stuck, "stats", "--format", "json").json()
    assert found["as_of_s"] > 0
    assert found["now"]["rss_bytes"] > 64 * MIB
    assert found["pools"]["analysis"]["used_bytes"] >= 64 * MIB
    rows = call(stuck, "stats", "--all", "--format", "json").json()["kernels"]
    (own,) = [row for row in rows if row["pid"] == stuck.pid]
    assert own["running"].startswith("In[") and own["running_s"] > 0


def test_the_running_cell_keeps_its_output(sized: Kernel) -> None:
    """Also what its threads print: a question from outside takes nothing of it."""
    identity = sized.send(
        "import threading, time\n"
        "def tell():\n    for i in range(40): print(f't{i}.', flush=True); time.sleep(0.1)\n"
        "thread = threading.Thread(target=tell); thread.start()\n"
        "for i in range(40): print(f'm{i}.', flush=True); time.sleep(0.1)\n"
        "thread.join(); 'its value'"
    )
    for words in (("stats",), ("configure", "--kernel", str(sized.pid)), ("pressure",)):
        assert call(sized, *words, "--timeout", "1").code in (0, 5)
    result = sized.collect(identity)
    assert result.ok and result.text == "'its value'"
    missing = [f"{who}{i}." for who in "mt" for i in range(40) if f"{who}{i}." not in result.stdout]
    assert missing == []


def health(kernel: Kernel, *words: str) -> Said:
    return call(kernel, "health", "--timeout", "2", *words)


def test_health_tells_busy_stuck_stopped_and_dead_apart(new_kernel: Kernel) -> None:
    new_kernel.start()
    assert health(new_kernel).code == 5  # nothing has loaded the extension
    assert health(new_kernel, "--none-ok").code == 0
    load(new_kernel)
    assert "idle" in health(new_kernel).out
    assert health(new_kernel, "--max-level", "low").code == 0
    slept = new_kernel.send("import time; time.sleep(60)")
    time.sleep(1)
    assert "busy: In[2]" in health(new_kernel).out
    new_kernel.interrupt()
    new_kernel.collect(slept)
    new_kernel.send(STUCK)
    time.sleep(1)
    said = health(new_kernel)
    assert said.code == 0 and "lets nothing else run" in said.out, said
    new_kernel.kill(signal.SIGSTOP)
    said = health(new_kernel)
    assert said.code == 5 and "did not answer" in said.err
    new_kernel.kill(signal.SIGKILL)
    wait_for(lambda: not new_kernel.is_alive())
    assert health(new_kernel).code == 5


def test_a_stopped_kernel_is_called_stopped(fresh_kernel: Kernel) -> None:
    load(fresh_kernel)
    fresh_kernel.kill(signal.SIGSTOP)
    try:
        read = " ".join(call(fresh_kernel, "stats").out.split())
        asked = call(fresh_kernel, "cleanup", "--timeout", "1")
    finally:
        fresh_kernel.kill(signal.SIGCONT)
    assert "is stopped (SIGSTOP)" in read and "busy" not in read
    assert asked.code == 5 and "is stopped (SIGSTOP)" in asked.err
    assert f"kill -CONT {fresh_kernel.pid}" in asked.err and "waits longer" not in asked.err


def test_health_fails_above_a_level(new_kernel: Kernel) -> None:
    new_kernel.start(env={"PMAT_MEMORY_MAX": "400MB"})
    load(new_kernel)
    new_kernel.run("hoard = bytearray(220 * 1024**2)")
    wait_for(lambda: health(new_kernel, "--max-level", "medium").code == 3)
    said = health(new_kernel, "--max-level", "medium")
    assert "HIGH" in said.err and "--max-level" in said.err


def test_a_killed_kernel_is_gone_and_its_beacon_removed(fresh_kernel: Kernel) -> None:
    load(fresh_kernel)
    fresh_kernel.kill(signal.SIGKILL)
    wait_for(lambda: not fresh_kernel.is_alive())
    assert len(beacons(fresh_kernel)) == 1
    said = call(fresh_kernel, "stats")
    assert said.code == 5 and "no running kernel" in said.err
    assert beacons(fresh_kernel) == []


def test_a_kernel_that_forked_is_one_kernel(fresh_kernel: Kernel) -> None:
    load(fresh_kernel)
    fresh_kernel.run(
        "import multiprocessing as mp, time\n"
        "child = mp.get_context('fork').Process(target=time.sleep, args=(60,)); child.start()"
    )
    rows = call(fresh_kernel, "stats", "--all", "--format", "json").json()["kernels"]
    own = [row for row in rows if row["connection_file"] == fresh_kernel.wire.connection_file]
    assert [row["pid"] for row in own] == [fresh_kernel.pid]
    fresh_kernel.run("child.terminate(); child.join()")
