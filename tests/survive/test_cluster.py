"""A Dask cluster started from a limited kernel limits itself: it is listed, never ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from support.kernel import Kernel

from .kernels import alive_and_whole, assert_stopped

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="another platform: the guard needs /proc"),
    pytest.mark.newest,
]

START = """from distributed import Client, LocalCluster
cluster = LocalCluster(
    n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None, silence_logs=50
)
client = Client(cluster)
def hold(size):
    import time
    data = bytearray(size)
    time.sleep(5)
    return len(data)
def pids(): return sorted(client.run(__import__("os").getpid).values())
"""


@pytest.fixture(scope="module")
def survivor(survivor: Kernel) -> Iterator[Kernel]:
    """The module's kernel with a cluster of two workers."""
    started = survivor.run(START, timeout=120)
    assert started.ok, started.error
    yield survivor
    survivor.run("client.close(); cluster.close()")


@pytest.fixture
def pids(survivor: Kernel) -> list[int]:
    """The workers' processes before a cell."""
    found: list[int] = survivor.value("pids()")
    assert len(found) == 2
    return found


def test_a_cell_that_uses_the_cluster_finishes(survivor: Kernel, pids: list[int]) -> None:
    result = survivor.run("%%pmat_limit 250MB\nclient.submit(sum, range(1000)).result()")
    assert result.text == "499500", result.error
    assert survivor.value("pids()") == pids


def test_a_kernel_that_runs_away_leaves_the_cluster_alone(
    survivor: Kernel, pids: list[int]
) -> None:
    grow = "%%pmat_limit 250MB\nl = []\nwhile True: l.append(bytearray(2**20))"
    message = assert_stopped(survivor.run(grow))
    assert "ended" not in message, message
    survivor.run("l = None")
    alive_and_whole(survivor)
    assert survivor.value("pids()") == pids


def test_a_worker_that_grows_stops_the_cell_and_is_listed(
    survivor: Kernel, pids: list[int]
) -> None:
    result = survivor.run("%%pmat_limit 150MB\nclient.submit(hold, 400 * 2**20).result()")
    message = assert_stopped(result)
    assert "limit themselves" in message or "left alone" in message, message
    alive_and_whole(survivor)
    assert survivor.value("pids()") == pids
    assert survivor.run("client.submit(sum, [1, 2]).result()", timeout=60).text == "3"
