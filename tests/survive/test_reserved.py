"""Address space that a library reserves, and does not fill, takes no room under a limit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from support.kernel import GIB, Kernel

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="another platform: the guard needs /proc"),
    # Arrow's mimalloc of today reserves 1 GiB; the jemalloc of older ones does not.
    pytest.mark.newest,
]

# Arrow imported after pandas reserves nothing before its first allocation; by itself at once.
BOTH = "import numpy as np, pandas, pyarrow as pa"
IMPORTS = "import numpy as np, pyarrow as pa"
# Arrow's first allocation, and at once an array that fits.
USES = "first = pa.allocate_buffer(1)\nfits = np.ones(30_000_000)"
TOO_LARGE = "np.empty(200_000_000)"
LIMIT = "%%pmat_limit 1.1GB --ceiling on\n"


@pytest.fixture
def kernel(make_kernel: Callable[..., Kernel]) -> Iterator[Kernel]:
    started = make_kernel(cap_bytes=2 * GIB)
    started.start()
    started.run("%load_ext pmat_nb")
    yield started
    started.stop()


@pytest.mark.parametrize(
    "cells",
    [[BOTH, LIMIT + USES], [f"{LIMIT}{BOTH}\n{USES}"], [f"{LIMIT}{IMPORTS}\n{USES}"]],
    ids=["imported before", "in the cell", "in the cell alone"],
)
def test_what_arrow_reserves_takes_no_room(kernel: Kernel, cells: list[str]) -> None:
    for cell in cells:
        result = kernel.run(cell)
        assert result.ok, result.error


def test_the_ceiling_is_none_the_higher(kernel: Kernel) -> None:
    kernel.run(BOTH)
    result = kernel.run(f"{LIMIT}{USES}\n{TOO_LARGE}")
    assert result.error is not None and result.error.ename == "MemoryLimitExceeded"
    assert "Unable to allocate 1.49 GiB" in result.error.evalue
    result = kernel.run(f"{LIMIT}import pyarrow.dataset\n{TOO_LARGE}")
    assert result.error is not None and "Unable to allocate 1.49 GiB" in result.error.evalue


def test_what_is_reserved_in_plain_python_takes_no_room_either() -> None:
    lines = ["with limit_block(1100 << 20):", "time.sleep(0.5)", *USES.splitlines()]
    assert printed("import time\n" + "\n    ".join(lines)) == ""


def test_nothing_is_reserved_where_address_space_is_limited() -> None:
    code = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
before = ceiling.own_memory()[1]
with limit_block(1 << 30):
    pass
print(ceiling.own_memory()[1] - before < 200 << 20)
"""
    assert printed(code) == "True"


def printed(code: str) -> str:
    """What ``code`` prints in a process of its own, with Arrow and limits imported."""
    code = f"{BOTH}\nfrom pmat_nb.engine.guard import ceiling, limit_block\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
