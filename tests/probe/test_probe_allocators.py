"""What allocators hold but have free, checked by giving it back to the system."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from pmat_nb.consumers import allocators as readers
from pmat_nb.engine.probe import Probe, arenas, glibc
from pmat_nb.engine.probe.allocators import Allocators
from pmat_nb.engine.probe.costly import Costly
from pmat_nb.engine.probe.glibc import parse_malloc_info, read_heap
from pmat_nb.engine.probe.procfs import ProcFs
from pmat_nb.engine.probe.pymalloc import parse_stats
from pmat_nb.engine.records import AllocatorState

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="another platform: needs glibc"
)
MIB = 1024**2


def in_python(code: str, **env: str) -> dict[str, object]:
    """Run code in a fresh interpreter, ``probe`` at hand; its last line is JSON."""
    script = (
        "import json, threading\n"
        "from pmat_nb.engine.probe import Probe\n"
        f"probe = Probe()\nMIB = 1024**2\n{code}"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=os.environ | env,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout.splitlines()[-1])


MEASURE_TRIM = """
before = probe.slack_bytes(), probe.rss_bytes()
probe.trim_heap()
after = probe.slack_bytes(), probe.rss_bytes()
print(json.dumps({"slack": before[0], "left": after[0],
                  "slack_fell": before[0] - after[0], "rss_fell": before[1] - after[1]}))
"""


@linux
def test_slack_falls_by_what_a_trim_gives_back() -> None:
    """mallinfo still calls the trimmed pages free; the slack must not."""
    code = "blocks = [bytearray(40000) for _ in range(4000)]\ndel blocks[::2]\n"
    found = in_python(code + MEASURE_TRIM)
    assert found["slack"] > 70 * MIB
    assert found["rss_fell"] > 60 * MIB
    assert abs(found["slack_fell"] - found["rss_fell"]) < 2 * MIB


@linux
def test_the_arenas_of_threads_are_found() -> None:
    code = """
kept = []
def work():
    blocks = [bytearray(40000) for _ in range(2000)]
    kept.append(blocks[::2])
threads = [threading.Thread(target=work) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
"""
    found = in_python(code + MEASURE_TRIM)
    assert found["slack"] > 80 * MIB
    assert found["rss_fell"] > 60 * MIB
    assert abs(found["slack_fell"] - found["rss_fell"]) < 4 * MIB


@linux
def test_trimmed_arenas_with_huge_pages_are_not_slack() -> None:
    """numpy asks for huge pages, which makes many mappings of one arena."""
    code = """
import numpy as np
first = np.ones(3_900_000)  # its end raises the size above which glibc maps blocks
del first
kept = []
def work():
    kept.extend(np.ones(1_000_000) for _ in range(40))
thread = threading.Thread(target=work)
thread.start()
thread.join()
kept.clear()
before = probe.slack_bytes()
probe.trim_heap()
free = read_heap().free_bytes
print(json.dumps({"before": before, "after": probe.slack_bytes(), "free": free}))
"""
    found = in_python("from pmat_nb.engine.probe.glibc import read_heap" + code)
    assert found["before"] > 100 * MIB
    assert found["free"] > 100 * MIB
    assert found["after"] < 10 * MIB


@linux
def test_no_more_is_slack_than_is_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glibc, "heap_areas", lambda maps, mem_path: [])
    heap = glibc.GlibcHeap(1 << 45, 0, 1 << 45, 0)
    monkeypatch.setattr(glibc, "read_heap", lambda: heap)
    probe = Probe()
    state = next(s for s in probe.allocators() if "glibc" in s.name)
    assert state.slack_bytes is not None
    assert state.slack_bytes <= (probe.rss_bytes() or 0) + 64 * MIB
    probe.close()


@linux
def test_all_areas_together_are_what_glibc_says_it_holds() -> None:
    code = """
from pmat_nb.engine.probe.glibc import heap_areas, read_heap
kept = []
def work():
    kept.append([bytearray(40000) for _ in range(3000)])
threads = [threading.Thread(target=work) for _ in range(3)]
for t in threads: t.start()
for t in threads: t.join()
with open("/proc/self/maps", "rb") as file:
    maps = file.read()
areas = list(heap_areas(maps, "/proc/self/mem"))
print(json.dumps({"areas": sum(size for _, size in areas), "count": len(areas),
                  "glibc": read_heap().system_bytes}))
"""
    found = in_python(code)
    assert found["count"] > 3
    assert abs(found["areas"] - found["glibc"]) < MIB


def test_python_fragmentation_is_slack() -> None:
    """Every other small object freed: the pools stay, and half of them is free."""
    code = """
kept = [(i, i) for i in range(600_000)]
full = probe.slack_bytes()
del kept[::2]
print(json.dumps({"full": full, "frag": probe.slack_bytes()}))
"""
    found = in_python(code)
    # 300,000 tuples of 56 bytes and their gc headers, and ints of 32 bytes
    assert found["frag"] - found["full"] > 20 * MIB


@linux
@pytest.mark.parametrize("malloc", ["malloc", "pymalloc_debug", "debug"])
def test_other_choices_of_pythons_allocator(malloc: str) -> None:
    code = """
state = next(s for s in probe.allocators() if s.name == "pymalloc")
print(json.dumps({"held": state.held_bytes, "slack": probe.slack_bytes(), "note": state.note}))
"""
    found = in_python(code, PYTHONMALLOC=malloc)
    assert isinstance(found["slack"], int)
    assert (found["held"] == 0) == (malloc == "malloc")
    assert ("PYTHONMALLOC" in found["note"]) == (malloc == "malloc")


def test_it_writes_to_no_descriptor(capfd: pytest.CaptureFixture[str]) -> None:
    Probe().slack_bytes()
    assert capfd.readouterr() == ("", "")


STATS = b"""
12 arenas * 1048576 bytes/arena    =           12,582,912

# bytes in allocated blocks        =            9,000,000
# bytes in available blocks        =            1,000,000
50 unused pools * 16384 bytes      =              819,200
# bytes lost to pool headers       =                9,744
# bytes lost to quantization       =               13,552
# bytes lost to arena alignment    =               49,152
Total                              =           12,582,912
"""


def test_pymalloc_text() -> None:
    state = parse_stats(STATS)
    assert (state.held_bytes, state.used_bytes) == (12582912, 9000000)
    assert state.slack_bytes == 1000000 + 819200 + 13552


@pytest.mark.parametrize("text", [b"", STATS[:60], b"mimalloc heap stats", STATS[90:]])
def test_pymalloc_text_of_another_kind(text: bytes) -> None:
    assert parse_stats(text) is None


@linux
def test_the_older_way_to_ask_glibc_agrees() -> None:
    from pmat_nb.engine.probe import glibc
    from pmat_nb.engine.probe.cstream import c_library

    heap = read_heap()
    if heap is None:  # musl
        return
    older = glibc._from_malloc_info(c_library())
    assert abs(older.used_bytes - heap.used_bytes) < MIB
    assert abs(older.free_bytes - heap.free_bytes) < MIB
    assert abs(older.mapped_bytes - heap.mapped_bytes) < MIB
    assert parse_malloc_info(b"<malloc>") is None


def missing_parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("pmat_nb.engine.probe.pymalloc._debug_stats", lambda: None)
    monkeypatch.setattr("pmat_nb.engine.probe.glibc.c_library", lambda: None)
    return {}


def test_what_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    missing_parts(monkeypatch)
    monkeypatch.setitem(sys.modules, "psutil", None)
    probe = Probe()
    assert probe.slack_bytes() is None
    assert probe.allocators() == ()
    assert {"slack_bytes", "slack_bytes (C heap)", "slack_bytes (Python)"} <= set(probe.unavailable)


def test_counters_grow_with_what_is_allocated() -> None:
    probe = Probe()
    before = probe.heap_counters(budget_s=None)
    kept = [object() for _ in range(20_000)]
    buffers = [bytearray(2000) for _ in range(1000)]
    after = probe.heap_counters(budget_s=None)
    assert after.allocated_blocks - before.allocated_blocks > 19_000
    if before.heap_used_bytes is not None:
        used = after.heap_used_bytes + after.mmap_used_bytes
        assert used - before.heap_used_bytes - before.mmap_used_bytes > 1_900_000
    del kept, buffers
    gc.collect()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_reading_that_became_costly_is_put_off() -> None:
    clock, cost = Clock(), [0.0]
    values = iter(range(10))

    def read() -> int:
        clock.now += cost[0]
        return next(values)

    reading = Costly(read, clock)
    assert reading.within(0.001) == 0
    cost[0] = 0.5
    assert reading.within(0.001) == 1  # only now is the cost known
    assert reading.within(0.001) is None
    assert reading.recent(0.001) == 1
    assert reading.within(None) == 2
    clock.now += 49.0
    assert reading.within(0.001) is None
    clock.now += 1.5
    assert reading.within(0.001) == 3


def test_a_reading_that_only_waited_is_not_costly() -> None:
    read = Costly(lambda: time.sleep(0.05))
    read.now()
    assert read.due(0.02)


def test_a_librarys_reader_that_fails_costs_the_others_nothing() -> None:
    def broken() -> AllocatorState:
        raise RuntimeError("pool is closed")

    def fine() -> AllocatorState:
        return AllocatorState("fine", 3, 2, 1)

    missing: dict[str, str] = {}
    found = Allocators(
        ProcFs(Path("/proc")),
        linux=False,
        readers=(broken, fine, lambda: None),
        missing=missing.__setitem__,
    ).states()
    assert found[-1].name == "fine"
    assert "pool is closed" in missing["broken"]


def test_libraries_are_read_only_where_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "polars", "torch", "cupy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert [read() for read in readers.READERS] == [None] * len(readers.READERS)
    assert not {"pyarrow", "polars", "torch", "cupy"} & set(sys.modules)


def test_arrow_tells_what_it_uses() -> None:
    import pyarrow as pa

    before = readers.arrow().used_bytes
    kept = pa.array(range(1_000_000), pa.int64())
    assert readers.arrow().used_bytes - before >= kept.nbytes
    assert "Arrow" in readers.arrow().name


ARROW = """
import pyarrow as pa
from pmat_nb.consumers.allocators import READERS
probe = Probe(allocator_readers=READERS)
pool = pa.default_memory_pool()
def state():
    return next(one for one in probe.allocators() if one.name.startswith("Arrow"))
kept = [pa.array(range(2_000_000), pa.int64()) for _ in range(10)]
full = state()
del kept[1:]
freed, rss, slack = state(), probe.rss_bytes(), probe.slack_bytes()
pool.release_unused()
print(json.dumps({"backend": pool.backend_name, "full": full.slack_bytes, "held": freed.held_bytes,
                  "freed": freed.slack_bytes, "slack_fell": slack - probe.slack_bytes(),
                  "rss_fell": rss - probe.rss_bytes(), "used": freed.used_bytes}))
"""


@linux
def test_what_arrow_keeps_for_itself_is_slack() -> None:
    found = in_python(ARROW)
    if found["backend"] != "mimalloc":  # older wheels: nothing tells what jemalloc holds
        assert found["held"] is found["freed"] is None
        return
    assert found["used"] < 20 * MIB and found["full"] < 60 * MIB
    assert found["freed"] > 100 * MIB
    assert found["held"] == found["used"] + found["freed"]
    assert abs(found["slack_fell"] - found["rss_fell"]) < 4 * MIB


MAPS = b"""\
1f000000000-1f000400000 rw-p 00000000 00:00 0
20000000000-20040000000 rw-p 00000000 00:00 0
20040000000-20044000000 rw-p 00000000 00:00 0 [anon:mimalloc]
2005c000000-2005d000000 r--p 00000000 08:01 7 /lib/x.so
20090000000-20098000000 rw-p 00000000 00:00 0
30000000000-30040000000 rw-p 00000000 00:00 0
7f0000000000-7f0040000000 rw-p 00000000 00:00 0
"""


@pytest.mark.parametrize(
    ("address", "areas"),
    [
        (0x20001234567, [0x20000000000, 0x20090000000]),
        (0x20090000000, [0x20000000000, 0x20090000000]),
        (0x30000000010, [0x30000000000]),
        (0x1F000000010, []),
        (0x7F0000000010, []),
        (0x25000000000, []),
    ],
)
def test_a_heap_is_its_neighbouring_mappings(address: int, areas: list[int]) -> None:
    assert [start for start, _ in arenas.heap_around(MAPS, address)] == areas


def test_torchs_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {"allocated_bytes.current": 100, "active_bytes.current": 60}
    cuda = types.SimpleNamespace(host_memory_stats=lambda: stats, is_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    state = readers.torch_host()
    assert (state.held_bytes, state.used_bytes, state.slack_bytes) == (100, 60, 40)
    cuda.is_initialized = lambda: False
    assert readers.torch_host() is None


def test_polars_is_named_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polars", types.ModuleType("polars"))
    state = readers.polars()
    assert (state.held_bytes, state.used_bytes, state.slack_bytes) == (None, None, None)
    assert state.note
