"""Cells that run away, as a user might have written them, and cells that only look so.

Those of the guard's own tests are taken from there; here are the further kinds.
"""

from __future__ import annotations

from guard.test_guard_kernel import RUNAWAYS as GUARDS_OWN

__all__ = ["BENIGN", "RUNAWAYS"]

_GROW = "def grow(seconds=60):\n    import time\n    end = time.monotonic() + seconds\n"
_GROW += "    while time.monotonic() < end:\n        l.append(bytearray(2**20)); time.sleep(.002)\n"

_FURTHER = {
    "dict": "x, i = {}, 0\nwhile True:\n    i += 1\n    x[i] = str(i)",
    "set comprehension": "x = {(i, str(i)) for i in range(10**9)}",
    "comprehension in a function": (
        "def squares(n):\n    return [[i, i * i] for i in range(n)]\nsquares(10**9)"
    ),
    "list times": "x = [0] * 10**9",
    "untouched array": "import numpy as np\nnp.empty(4 * 2**30 // 8)",
    "repeated concat": (
        "import pandas as pd\nf = pd.DataFrame({'a': range(100_000)})\n"
        "while True: f = pd.concat([f, f])"
    ),
    "large read_csv": (
        "import io, pandas as pd\n"
        "class Endless(io.RawIOBase):\n    row = b'1,2,3,4\\n' * 8192\n"
        "    def readable(self): return True\n"
        "    def readinto(self, into):\n        n = min(len(into), len(self.row))\n"
        "        into[:n] = self.row[:n]\n        return n\n"
        "f = pd.read_csv(io.BufferedReader(Endless(), 65536), names=list('abcd'))"
    ),
    "sort and copy": (
        "data = list(range(1_000_000, 0, -1))\nl = []\nwhile True: l.append(sorted(data))"
    ),
    "deepcopy": (
        "import copy\ndata = [[i] for i in range(50_000)]\nl = []\n"
        "while True: l.append(copy.deepcopy(data))"
    ),
    "zlib bomb": (
        "import zlib\npacked = b''.join([zlib.compress(bytes(2**26), 9)])\n"
        "s = []\nwhile True: s.append(zlib.decompress(packed))"
    ),
    "one huge decompression": (
        "import zlib\nc = zlib.compressobj(1)\n"
        "packed = b''.join(c.compress(bytes(2**24)) for _ in range(32)) + c.flush()\n"
        "s = zlib.decompress(packed)"
    ),
    "thread pool": (
        "from concurrent.futures import ThreadPoolExecutor\nl = []\n" + _GROW +
        "with ThreadPoolExecutor(4) as pool:\n    list(pool.map(lambda _: grow(), range(8)))"
    ),
    "joblib children": (
        "import joblib\n"
        "def child(_):\n    import time\n    l = []\n    while True:\n"
        "        l.append(bytearray(2**20)); time.sleep(.001)\n"
        "joblib.Parallel(n_jobs=2)(joblib.delayed(child)(i) for i in range(2))"
    ),
    "joblib threads": (
        "import joblib\nl = []\n" + _GROW +
        "joblib.Parallel(n_jobs=2, prefer='threads')(joblib.delayed(grow)() for i in range(2))"
    ),
    "process pool executor": (
        "import multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "def child(_):\n    import time\n    l = []\n    while True:\n"
        "        l.append(bytearray(2**20)); time.sleep(.001)\n"
        "with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context('fork')) as pool:\n"
        "    list(pool.map(child, range(2)))"
    ),
    "ctypes malloc": (
        "import ctypes\nlibc = ctypes.CDLL(None); libc.malloc.restype = ctypes.c_void_p\n"
        "libc.malloc.argtypes = [ctypes.c_size_t]\n"
        "libc.free.argtypes = [ctypes.c_void_p]\nl = []\n"
        "while True:\n    at = libc.malloc(2**20)\n"
        "    if at: l.append(at); ctypes.memset(at, 1, 2**20)"
    ),
    "C call that holds the GIL": "x = list(map(str, range(10**9)))",
    "slices": "x = [0]\nwhile True: x[len(x):] = x",
    "product": "import itertools\nx = list(itertools.product(range(10), repeat=9))",
    "join": "s = ''.join(str(i) * 100 for i in range(10**9))",
    "bare except": (
        "l = []\nwhile True:\n    try:\n        l.append(bytearray(2**20))\n"
        "    except:\n        pass"
    ),
    "swallowed in a helper": (
        "l = []\ndef careful():\n    try:\n        for _ in range(1000):\n"
        "            l.append(bytearray(2**20))\n    except Exception:\n"
        "        return None\nwhile True: careful()"
    ),
    "finally that allocates": (
        "l = []\ntry:\n    while True: l.append(bytearray(2**20))\n"
        "finally:\n    for _ in range(10_000): l.append(bytearray(2**20))"
    ),
    "__del__ that allocates": (
        "l = []\nclass Grows:\n    def __del__(self):\n"
        "        for _ in range(20): l.append(bytearray(2**20))\nwhile True: Grows()"
    ),
    "huge array, error swallowed": (
        "import numpy as np\nl = []\nwhile True:\n    try:\n        np.ones(10**9)\n"
        "    except MemoryError:\n        l.append(bytearray(2**20))"
    ),
    "lock": "import threading\nl = []\n" + _GROW + (
        "threading.Thread(target=grow, daemon=True).start()\n"
        "lock = threading.Lock(); lock.acquire(); lock.acquire()"
    ),
    "join of a thread": "import threading\nl = []\n" + _GROW + (
        "worker = threading.Thread(target=grow, daemon=True)\nworker.start(); worker.join()"
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(3000)\n"
        "def deeper(n):\n    block = bytearray(2**20)\n"
        "    return deeper(n + 1) if n < 2000 else n\n"
        "try:\n    deeper(0)\nfinally:\n    sys.setrecursionlimit(1000)"
    ),
    "cache": (
        "import functools\n@functools.lru_cache(maxsize=None)\ndef f(n): return bytes(100_000)\n"
        "for i in range(10**9): f(i)"
    ),
    "outer product": "import numpy as np\nx = np.ones(30_000)\nx = np.outer(x, x)",
    "growing array": (
        "import numpy as np\nx = np.ones(1000)\nwhile True: x = np.concatenate([x, x])"
    ),
    "get_dummies": "import pandas as pd\nf = pd.get_dummies(pd.Series(range(60_000)).astype(str))",
    "instances": (
        "class Node:\n    def __init__(self, last): self.last, self.data = last, [0] * 100\n"
        "x = None\nwhile True: x = Node(x)"
    ),
    "stringio": "import io\ns = io.StringIO()\nwhile True: s.write('x' * 2**20)",
    "generator kept": (
        "def lines():\n    while True: yield 'a line of text, as long as many' * 10\n"
        "l = list(lines())"
    ),
    "exec": "exec('l = []\\nwhile True: l.append(bytearray(2**20))')",
    "gather": (
        "import asyncio\nl = []\nasync def fetch():\n    while True:\n"
        "        l.append(bytearray(2**20)); await asyncio.sleep(.001)\n"
        "await asyncio.gather(fetch(), fetch())"
    ),
}  # fmt: skip

# A display's error is reported by IPython beside the cell's own; the guard's tests have it.
RUNAWAYS = {**{k: v for k, v in GUARDS_OWN.items() if k != "repr"}, **_FURTHER}

BENIGN = {
    "ninety percent": "import time\nx = bytearray(225 * 2**20); time.sleep(.3)\nlen(x) > 0",
    "forks of a larger kernel": (
        "import os, time\nbig = bytearray(200 * 2**20)\npids = []\n"
        "for _ in range(8):\n    pid = os.fork()\n    if pid == 0:\n"
        "        sum(big[::65536]); time.sleep(.4); os._exit(0)\n    pids.append(pid)\n"
        "answer = [os.waitpid(p, 0)[1] for p in pids] == [0] * 8\ndel big\nanswer"
    ),
    "idle threads": (
        "import threading\nrelease = threading.Event()\n"
        "workers = [threading.Thread(target=release.wait) for _ in range(64)]\n"
        "for w in workers: w.start()\nrelease.wait(.2); release.set()\n"
        "for w in workers: w.join()\nTrue"
    ),
    "pandas strings": (
        "import pandas as pd\nf = pd.DataFrame({'s': [f'name {i}' for i in range(100_000)]})\n"
        "bool(f.s.str.upper().str.len().sum() > 0)"
    ),
    "joblib": (
        "import joblib\n"
        "answer = sum(joblib.Parallel(n_jobs=2)(joblib.delayed(abs)(-i) for i in range(10)))\n"
        "from joblib.externals.loky import get_reusable_executor\n"
        "get_reusable_executor().shutdown(wait=True)\nanswer == 45"
    ),
    "subprocess": (
        "import subprocess, sys\ncode = 'import resource as r; "
        "print(r.getrlimit(r.RLIMIT_DATA)[0] == r.RLIM_INFINITY, len(bytearray(100 * 2**20)))'\n"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(.3); ' + code],"
        " capture_output=True, text=True, check=True).stdout == 'True 104857600\\n'"
    ),
    "asyncio": (
        "import asyncio\nasync def one(i):\n    await asyncio.sleep(.01)\n    return i\n"
        "sum(await asyncio.gather(*[one(i) for i in range(100)])) == 4950"
    ),
    "figure": (
        "import matplotlib; matplotlib.use('agg')\nimport matplotlib.pyplot as plt, io\n"
        "fig, ax = plt.subplots(figsize=(12, 8)); ax.plot(range(10_000))\n"
        "s = io.BytesIO(); fig.savefig(s); plt.close(fig)\nlen(s.getvalue()) > 1000"
    ),
    "matmul": (
        "import numpy as np\na = np.ones((1000, 1000))\nfloat((a @ a)[0, 0]) == 1000.0"
    ),
    "churn": "for _ in range(40): bytearray(100 * 2**20)\nTrue",
    "its own MemoryError": (
        "try:\n    raise MemoryError('mine')\nexcept MemoryError as e:\n    answer = str(e)\n"
        "answer == 'mine'"
    ),
    "an impossible size": (
        "import numpy as np\ntry:\n    np.empty(2**50)\nexcept MemoryError:\n"
        "    answer = True\nanswer"
    ),
    "a child that looks like a Dask worker": (
        "import subprocess, sys, os\n"
        "code = 'import time; b = bytearray(30 * 2**20); time.sleep(.3)'\n"
        "subprocess.run([sys.executable, '-c', code, 'dask_worker'],"
        " env={**os.environ, 'DASK_X': '1'}).returncode == 0"
    ),
    "polars sort": (
        "import polars as pl\n"
        "bool(pl.DataFrame({'a': range(500_000)}).sort('a', descending=True)['a'][0] == 499_999)"
    ),
}  # fmt: skip
