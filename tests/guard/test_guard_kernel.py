"""The guard in a real ipykernel: stopped, alive, and the next cell answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from support.kernel import Kernel
from support.processes import rss_bytes

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="another platform: the guard needs /proc"
)

MB = 1024**2
HOOK = (Path(__file__).parent / "kernel_hook.py").read_text()

# This kernel has the guard alone: nobody else lets go of what stopped cells leave behind.
TIDY = """import ctypes, gc, os, sys, traceback
if getattr(sys, 'last_value', None): traceback.clear_frames(sys.last_value.__traceback__)
sys.last_value = sys.last_traceback = get_ipython().InteractiveTB.tb = None
l = s = m = f = x = t = None; gc.collect(); ctypes.CDLL(None).malloc_trim(0)
try:
    while os.waitpid(-1, os.WNOHANG)[0]: pass
except ChildProcessError: pass"""

RUNAWAYS = {
    "objects": "l = []\nwhile True: l.append(object())",
    "bytearrays": "l = []\nwhile True: l.append(bytearray(2**20))",
    "arrays": "import numpy as np\nl = []\nwhile True: l.append(np.ones(2**20))",
    "huge array": "import numpy as np\nnp.ones(2 * 10**9)",
    "one huge list": "x = list(range(10**9))",
    "strings": "s = 'x' * 1000\nwhile True: s += s",
    "json": "import json\njson.loads('[' + ','.join(['[1,2,3]'] * 4_000_000) + ']')",
    "merge": "import pandas as pd\nf = pd.DataFrame({'k': [1] * 20_000})\nf.merge(f, on='k')",
    "printing": "l = []\nwhile True:\n    l.append(bytearray(200_000)); print('x' * 200)",
    "sleep": (
        "import threading, time\nl = []\n"
        "def grow():\n    while True:\n        l.append(bytearray(2**20)); time.sleep(.002)\n"
        "threading.Thread(target=grow, daemon=True).start()\ntime.sleep(60)"
    ),
    "await": (
        "import asyncio\nasync def grow():\n    l = []\n    while True:\n"
        "        l.append(bytearray(2**20)); await asyncio.sleep(.0005)\n"
        "t = asyncio.ensure_future(grow())\nawait asyncio.sleep(60)"
    ),
    "await growing": (
        "import asyncio\nl = []\nwhile True:\n"
        "    l.append(bytearray(2**20)); await asyncio.sleep(.0005)"
    ),
    "swallow": (
        "l = []\nwhile True:\n    try:\n        l.append(bytearray(2**20))\n"
        "    except MemoryError:\n        pass"
    ),
    "swallow everything": (
        "l = []\nwhile True:\n    try:\n        l.append(bytearray(2**20))\n"
        "    except BaseException:\n        l.append(bytearray(2**20))"
    ),
    "children": (
        "import multiprocessing, time\n"
        "def grow(_):\n    l = []\n    while True:\n"
        "        l.append(bytearray(2**20)); time.sleep(.0005)\n"
        "with multiprocessing.get_context('fork').Pool(2) as p: p.map(grow, range(4))"
    ),
    "subprocess": (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', "
        "'import time\\nl=[]\\nwhile True: l.append(bytearray(2**20)); time.sleep(.0005)'])"
    ),
    "shared": "import mmap\nm = mmap.mmap(-1, 2**31)\n"
    "for i in range(0, 2**31, 2**20): m[i:i + 2**20] = b'x' * 2**20",
    "repr": (
        "l = []\nclass Grows:\n    def __repr__(self):\n"
        "        while True: l.append(bytearray(2**20))\nGrows()"
    ),
}


@pytest.fixture(scope="module")
def guarded(make_kernel: Any) -> Any:
    kernel: Kernel = make_kernel(cap_bytes=2 * 1024**3)
    kernel.start()
    _prepare(kernel)
    yield kernel
    kernel.stop()
    assert not kernel.left_over


@pytest.fixture
def revived(guarded: Kernel) -> None:
    # What it gathered would bring a stop near the cap, which no stop may reach.
    if not guarded.is_alive() or rss_bytes(guarded.pid) > 600 * MB:
        guarded.restart()
        _prepare(guarded)


def _prepare(kernel: Kernel) -> None:
    first = kernel.run(HOOK)
    assert first.ok, first.error
    kernel.run("import numpy, pandas; precious = list(range(1000))")


@pytest.mark.parametrize("name", RUNAWAYS)
def test_a_runaway_cell_is_stopped_and_the_kernel_goes_on(guarded: Kernel, name: str) -> None:
    kernel = guarded
    kernel.run("limit_next(250, ceiling=True)")
    result = kernel.run(RUNAWAYS[name], timeout=60)
    assert kernel.is_alive() and not kernel.capped, kernel.obituary
    if name == "repr":  # IPython reports the error of a display beside the cell's own
        assert "MemoryLimitExceeded" in result.stderr + str(result.error)
    else:
        assert result.error is not None, result
        assert result.error.ename == "MemoryLimitExceeded", result.error
    report = kernel.value(
        "{n: getattr(reports[-1], n) for n in ('stopped', 'peak_tree_bytes',"
        " 'threshold_bytes', 'times_raised', 'guards_replaced')}"
    )
    assert report["peak_tree_bytes"] - report["threshold_bytes"] < 200 * MB
    assert report["guards_replaced"] == 0
    assert kernel.run("len(precious)").text == "1000"
    if name == "await":
        kernel.run("t.cancel()")
    kernel.run(TIDY)


def test_an_idle_kernel_over_its_standing_limit_gets_a_flag_only(guarded: Kernel) -> None:
    kernel = guarded
    kernel.run("rss = guard._tree_bytes(int(open('/proc/self/statm').read().split()[1]) * 4096)")
    grow = (
        "import threading, time\nheld = []\n"
        "def later():\n    time.sleep(.5); held.append(bytearray(80 * 2**20))\n"
        "guard.set_standing(rss + 40 * 2**20)\n"
        "threading.Thread(target=later).start()"
    )
    assert kernel.run(grow).ok
    kernel.drain(1.5)
    assert kernel.is_alive()
    assert kernel.value("guard.standing_exceeded")
    # Over the limit already: a cell still runs, with room to clean up.
    assert kernel.run("x = bytearray(10 * 2**20); held.clear(); len(x)").text == str(10 * MB)
    kernel.run("guard.set_standing(None); x = None")


def test_an_interrupt_is_still_an_interrupt(guarded: Kernel) -> None:
    kernel = guarded
    kernel.run("limit_next(250, ceiling=True)")
    identity = kernel.send("import time\nprint('go', flush=True)\ntime.sleep(30)")
    kernel.wait_for_output(identity, "go")
    kernel.interrupt()
    result = kernel.collect(identity)
    assert result.error is not None and result.error.ename == "KeyboardInterrupt"
    assert kernel.run("1 + 1").text == "2"
    assert kernel.value("guard.process_id and guard.replaced == []")
