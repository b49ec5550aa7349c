"""Runaway and benign code, each run under a limit in a process of its own.

``python runaways.py NAME LIMIT_MB CEILING`` prints one JSON line. Run it only
through ``outcome_of``, which ends the process tree at an outer cap.
"""

# ruff: noqa: PTH120, PTH123, SIM105 - plain code, as in a cell

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time

MB = 1024**2


# -- runaway: private growth ------------------------------------------------------
def objects():
    grown = []
    while True:
        grown.append(object())


def bytearrays():
    grown = []
    while True:
        grown.append(bytearray(MB))


def arrays():
    import numpy as np

    grown = []
    while True:
        grown.append(np.ones(MB))


def one_huge_array():
    import numpy as np

    np.ones(2 * 1024**3 // 8 * 8)


def one_array_a_little_too_large():
    import numpy as np

    return np.ones(100 * MB)  # 800 MB


def untouched_array():
    import numpy as np

    return np.empty(4 * 1024**3 // 8)


def string_doubling():
    text = "x" * 1000
    while True:
        text += text


def dictionary():
    grown, at = {}, 0
    while True:
        at += 1
        grown[at] = str(at)


def set_comprehension():
    return {(i, str(i)) for i in range(10**9)}


def list_of_range():
    return list(range(10**9))


def list_times():
    return [0] * 10**9


def sort_and_copy():
    data = list(range(3_000_000, 0, -1))
    kept = []
    while True:
        kept.append(sorted(data))


def deepcopy_growth():
    import copy

    data = [[i] for i in range(50_000)]
    kept = []
    while True:
        kept.append(copy.deepcopy(data))


def merge_explosion():
    import pandas as pd

    left = pd.DataFrame({"k": [1] * 20_000, "a": range(20_000)})
    return left.merge(left, on="k")


def concat_in_a_loop():
    import pandas as pd

    frame = pd.DataFrame({"a": range(100_000)})
    while True:
        frame = pd.concat([frame, frame])


def json_growth():
    text = "[" + ",".join(["[1,2,3]"] * 4_000_000) + "]"
    return json.loads(text)


def zlib_bomb():
    import zlib

    packed = zlib.compress(zlib.compress(bytes(2**30), 9), 9)
    return zlib.decompress(zlib.decompress(packed))


def ctypes_malloc():
    import ctypes

    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    while True:
        at = libc.malloc(ctypes.c_size_t(MB))
        if at:
            ctypes.memset(at, 1, MB)


def recursion():
    def deeper(depth):
        block = bytearray(MB)
        if depth < 900:
            deeper(depth + 1)
        return block

    sys.setrecursionlimit(3000)
    while True:
        deeper(0)


def printing():
    grown = []
    while True:
        grown.append(bytearray(100_000))
        print("x" * 50, file=sys.stderr)


def native_sort():
    import numpy as np

    kept = []
    data = np.random.default_rng(0).random(2_000_000)
    while True:
        kept.append(np.sort(data))


# -- runaway: the stop is swallowed --------------------------------------------------
def swallow_memory_error():
    grown = []
    while True:
        try:
            grown.append(bytearray(MB))
        except MemoryError:
            pass


def swallow_everything():
    grown = []
    while True:
        try:
            try:
                grown.append(bytearray(MB))
            except:  # noqa: E722
                grown.append(bytearray(MB))
        except:  # noqa: E722
            continue


def swallow_in_a_function():
    grown = []

    def step():
        try:
            for _ in range(1000):
                grown.append(bytearray(MB))
        except BaseException:
            return None

    while True:
        with contextlib.suppress(BaseException):
            step()


def finally_that_allocates():
    grown = []
    try:
        while True:
            grown.append(bytearray(MB))
    finally:
        while True:
            grown.append(bytearray(MB))


def del_that_allocates():
    grown = []

    class Grows:
        def __del__(self):
            for _ in range(50):
                grown.append(bytearray(MB))

    while True:
        Grows()


def swallow_huge_list():
    while True:
        try:
            list(range(10**9))
        except MemoryError:
            pass


# -- runaway: elsewhere --------------------------------------------------------------
def _grow_in_thread(grown, seconds=60.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        grown.append(bytearray(MB))
        time.sleep(0.002)


def thread_pool():
    from concurrent.futures import ThreadPoolExecutor

    grown = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _grow_in_thread(grown), range(8)))


def sleeping_while_a_thread_grows():
    threading.Thread(target=_grow_in_thread, args=([],), daemon=True).start()
    time.sleep(60)


def lock_while_a_thread_grows():
    threading.Thread(target=_grow_in_thread, args=([],), daemon=True).start()
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def thread_that_swallows_everything():
    grown = []

    def grow():
        while True:
            try:
                grown.append(bytearray(MB))
                time.sleep(0.001)
            except:  # noqa: E722
                pass

    worker = threading.Thread(target=grow, daemon=True)
    worker.start()
    worker.join()


def thread_that_swallows():
    grown = []

    def grow():
        while True:
            try:
                grown.append(bytearray(MB))
                time.sleep(0.001)
            except MemoryError:
                pass

    worker = threading.Thread(target=grow, daemon=True)
    worker.start()
    worker.join()


def _child_grows(_=0):
    grown = []
    while True:
        grown.append(bytearray(MB))
        time.sleep(0.0005)


def forked_children():
    import multiprocessing

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=_child_grows, daemon=True) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()


def process_pool():
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(_child_grows, range(8))


def subprocess_growth():
    code = "l=[]\nimport time\nwhile True:\n l.append(bytearray(2**20)); time.sleep(.0005)"
    subprocess.run([sys.executable, "-c", code], check=False)


def forks_that_copy_pages():
    """RSS does not grow while the children write to the pages they share."""
    data = bytearray(60 * MB)
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            time.sleep(0.5)
            for at in range(0, len(data), 4096):
                data[at] = 1
                if at % (4 * MB) == 0:
                    time.sleep(0.02)
            time.sleep(30)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)


def shared_mapping():
    import mmap

    memory = mmap.mmap(-1, 1500 * MB)
    for at in range(0, len(memory), MB):
        memory[at : at + MB] = b"x" * MB


def awaiting():
    import asyncio

    async def grow():
        grown = []
        while True:
            grown.append(bytearray(MB))
            await asyncio.sleep(0.0005)

    async def cell():
        with guarded() as block:
            _blocks.append(block)
            task = asyncio.create_task(grow())
            await asyncio.sleep(60)
            task.cancel()

    asyncio.run(cell())


# -- benign: must finish ------------------------------------------------------------
def benign_ninety_percent():
    kept = bytearray(int(_limit * 0.9))
    time.sleep(0.3)
    return len(kept)


def benign_idle_threads():
    release = threading.Event()
    workers = [threading.Thread(target=release.wait) for _ in range(64)]
    for worker in workers:
        worker.start()
    time.sleep(0.2)
    release.set()
    for worker in workers:
        worker.join()


def benign_forks_of_a_large_kernel():
    data = bytearray(200 * MB)
    children = []
    for _ in range(8):
        pid = os.fork()
        if pid == 0:
            sum(data[:: 64 * 1024])
            time.sleep(0.5)
            os._exit(0)
        children.append(pid)
    return [os.waitpid(pid, 0)[1] for pid in children]


def benign_strings():
    import pandas as pd

    frame = pd.DataFrame({"s": [f"name {i}" for i in range(100_000)]})
    return frame["s"].str.upper().str.len().sum()


def benign_churn():
    for _ in range(30):
        bytearray(100 * MB)


def benign_child_with_its_own_limit():
    code = (
        "import resource; s, h = resource.getrlimit(resource.RLIMIT_DATA)\n"
        "import time; time.sleep(0.4)\n"
        "assert resource.getrlimit(resource.RLIMIT_DATA)[0] == resource.RLIM_INFINITY"
    )
    return subprocess.run([sys.executable, "-c", code], check=True).returncode


def benign_memory_error_of_its_own():
    with contextlib.suppress(MemoryError):
        raise MemoryError("mine")


# -- the process ---------------------------------------------------------------------
_limit = 0
_blocks = []


def guarded():
    from pmat_nb.engine.guard import limit_block

    return limit_block(_limit, ceiling=sys.argv[3] == "on")


def _high_water():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main():
    global _limit
    name, _limit = sys.argv[1], int(float(sys.argv[2]) * MB)
    with contextlib.suppress(ImportError):
        import pandas  # noqa: F401 - imported before, as in a kernel
    from pmat_nb.engine.guard import default_guard

    code = globals()[name]
    default_guard().start()
    if name == "forks_that_copy_pages":
        time.sleep(0.1)
    before = list(range(1000))
    began = time.monotonic()
    caught = cause = None
    try:
        if name == "awaiting":
            code()
        else:
            with guarded() as block:
                _blocks.append(block)
                code()
    except BaseException as error:
        caught, cause = type(error).__name__, repr(error.__cause__)[:200]
        own = [e for e in _files(error) if "/engine/guard/" in e]
        error.__traceback__ = None
        del error
    took = time.monotonic() - began
    report = _blocks[0].report
    time.sleep(0.5)
    with open("/proc/self/statm") as statm:
        after = int(statm.read().split()[1]) * 4096
    import resource

    answer = {
        "caught": caught,
        "cause": cause,
        "own_frames": own if caught else [],
        "took_s": took,
        "stopped": report.stopped,
        "at_s": report.at_s,
        "raised": report.times_raised,
        "threshold": report.threshold_bytes,
        "baseline": report.baseline_tree_bytes,
        "peak_seen": report.peak_tree_bytes,
        "hwm": _high_water(),
        "after": after,
        "children": [(c.pid, c.action, c.growth_bytes) for c in report.children],
        "threads": report.threads,
        "replaced": default_guard().replaced,
        "rlimit": resource.getrlimit(resource.RLIMIT_DATA)[0],
        "threads_left": [
            t.name for t in threading.enumerate() if not t.name.startswith(("Main", "pmat"))
        ],
        "kept": before == list(range(1000)),
        "trace": sys.gettrace() is not None,
    }
    print(json.dumps(answer), flush=True)
    os._exit(0) if "thread" in name else default_guard().close()


def _files(error):
    entry = error.__traceback__
    while entry is not None:
        yield entry.tb_frame.f_code.co_filename
        entry = entry.tb_next


# -- seen from outside -----------------------------------------------------------------
def _tree_pss(pid):
    import psutil

    from pmat_nb.engine.guard.process import procfs

    members = [pid]
    with contextlib.suppress(psutil.Error):
        members += [child.pid for child in psutil.Process(pid).children(recursive=True)]
    if len(members) == 1:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid).memory_info().rss
    return sum(procfs.pss_bytes(member) or 0 for member in members)


def outcome_of(name, *, limit_mb=300, ceiling=True, cap_mb=2500, timeout_s=60):
    """Run one case; its answer, or why there is none, and what was seen from outside.

    ``late_s`` is for how long the machine kept this watch from looking.
    """
    import psutil

    process = subprocess.Popen(
        [sys.executable, __file__, name, str(limit_mb), "on" if ceiling else "off"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if name != "printing" else subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    peak, why, late, end = 0, "", 0.0, time.monotonic() + timeout_s
    while process.poll() is None and not why:
        peak = max(peak, _tree_pss(process.pid))
        if peak > cap_mb * MB:
            why = f"outer cap: {peak // MB} MB"
        elif time.monotonic() > end:
            why = f"still running after {timeout_s} s"
        due = time.monotonic() + 0.005
        time.sleep(0.005)
        late += max(0.0, time.monotonic() - due - 0.005)
    if why:
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                each.kill()
    out, err = process.communicate()
    answer = json.loads(out) if out.strip().startswith("{") else {}
    seen = {"why": why, "peak": peak, "late_s": late, "err": (err or "")[-2000:]}
    return {**answer, "alive": bool(answer), **seen}


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    main()
