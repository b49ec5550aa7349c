"""What the tests here do with a kernel again and again."""

from __future__ import annotations

from support.cells import CellResult
from support.kernel import Kernel

MB = 1024**2

TIDY = """import gc, os
if 'libc' in globals() and l and type(l[0]) is int:
    for at in l: libc.free(at)
l = s = m = f = t = x = data = packed = None; release = workers = None; gc.collect()
import ctypes; ctypes.CDLL(None).malloc_trim(0)
try:
    while os.waitpid(-1, os.WNOHANG)[0]: pass
except ChildProcessError: pass"""


def prepare(kernel: Kernel) -> None:
    """Load the extension; bind what no cell may change."""
    loaded = kernel.run("%load_ext pmat_nb")
    assert loaded.ok, loaded.error
    first = kernel.run(
        "import numpy, pandas, io, threading\n"
        "precious = list(range(1000)); frame = pandas.DataFrame({'a': [1, 2, 3]})"
    )
    assert first.ok, first.error


def alive_and_whole(kernel: Kernel) -> None:
    """The kernel answers, and the earlier variables are what they were."""
    assert kernel.is_alive() and not kernel.capped, kernel.obituary
    assert kernel.run("20 + 22").text == "42"
    assert kernel.value("[sum(precious), frame.a.tolist()]") == [499500, [1, 2, 3]]


def rss_bytes(kernel: Kernel) -> int:
    """What the kernel process itself holds."""
    with open(f"/proc/{kernel.pid}/statm") as statm:  # noqa: PTH123 - a pathlib open is slower
        return int(statm.read().split()[1]) * 4096


def heap_bytes(kernel: Kernel) -> int:
    """What the C library has handed out to the kernel and not got back."""
    used: int = kernel.value(
        "(lambda heap: heap.used_bytes + heap.mapped_bytes)"
        "(__import__('pmat_nb.engine.probe.glibc', fromlist=['glibc']).read_heap())"
    )
    return used


def assert_stopped(result: CellResult) -> str:
    """The cell ended with the stop; its message."""
    assert result.error is not None, result
    assert result.error.ename == "MemoryLimitExceeded", result.error
    assert "pmat_nb/" not in result.error.traceback, result.error.traceback
    return result.error.evalue
