"""How much of a buffer is in memory: on real mappings, arrays and files."""

from __future__ import annotations

import ctypes
import mmap
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pmat_nb.engine.probe import Probe
from pmat_nb.engine.probe.procfs import PAGE_BYTES as PAGE
from pmat_nb.engine.probe.residency import PageMap

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="another platform: needs pagemap"
)

MIB = 1024**2


@pytest.fixture
def probe() -> Iterator[Probe]:
    probe = Probe()
    yield probe
    probe.close()


def private(size: int) -> np.ndarray:
    """Untouched memory in small pages, whatever the system's huge page setting."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(memory, dtype="u1")


def where(array: np.ndarray) -> tuple[int, int]:
    return array.ctypes.data, array.nbytes


def test_untouched_zeros_are_not_in_memory(probe: Probe) -> None:
    array = np.zeros(64 * MIB, "u1")
    # the allocator writes a header, which can bring in one huge page
    assert probe.resident_bytes([where(array)]) < 3 * MIB


def test_ones_are(probe: Probe) -> None:
    array = np.ones(64 * MIB, "u1")
    assert probe.resident_bytes([where(array)]) == 64 * MIB


def test_half_touched(probe: Probe) -> None:
    array = private(64 * MIB)
    array[: 32 * MIB] = 1
    assert probe.resident_bytes([where(array)]) == 32 * MIB
    array[32 * MIB :: 2 * PAGE] = 1
    assert probe.resident_bytes([where(array)]) == 48 * MIB


def test_pages_only_read_are_the_kernels_zeros(probe: Probe) -> None:
    array = private(32 * MIB)
    rss = probe.rss_bytes()
    assert int(array[::PAGE].sum()) == 0
    assert probe.rss_bytes() - rss < 4 * MIB
    assert probe.resident_bytes([where(array)]) == 0


def test_huge_pages_only_read_are_zeros_too(probe: Probe) -> None:
    memory = mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    array = np.frombuffer(memory, dtype="u1")
    rss = probe.rss_bytes()
    assert int(array[::PAGE].sum()) == 0
    assert probe.rss_bytes() - rss < 4 * MIB
    assert probe.resident_bytes([where(array)]) == 0
    np.frombuffer(memory, dtype="u1")[: 8 * MIB] = 1
    assert 8 * MIB <= probe.resident_bytes([where(array)]) <= 10 * MIB


def test_a_child_that_runs_a_program_of_its_own_shares_nothing(probe: Probe) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        array = private(32 * MIB)
        assert int(array[::PAGE].sum()) == 0
        assert probe.resident_bytes([where(array)]) == 0
    finally:
        child.communicate(b"\n", timeout=60)


def test_a_fork_does_not_take_pages_away(probe: Probe) -> None:
    """Pages shared with a child look like the page of zeros; RSS counts them."""
    array = private(16 * MIB)
    array[:] = 1
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def answer() -> None:
        theirs.send(probe.resident_bytes([where(array)]))
        theirs.recv()
        os._exit(0)

    child = context.Process(target=answer)
    child.start()
    assert ours.poll(60)
    in_child = ours.recv()
    in_parent = probe.resident_bytes([where(array)])
    ours.send("done")
    child.join()
    assert in_child == in_parent == 16 * MIB


def test_a_memmap_counts_only_what_this_process_mapped(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"x" * (32 * MIB))  # all of it is in the file cache now
    array = np.memmap(path, "u1", "r")
    assert probe.resident_bytes([where(array)]) < MIB
    # one read may map the neighbouring pages as well
    assert int(array[: 16 * MIB : PAGE].sum()) == ord("x") * (16 * MIB // PAGE)
    assert 16 * MIB <= probe.resident_bytes([where(array)]) < 18 * MIB


def test_first_and_last_page_count_in_part(probe: Probe) -> None:
    address, _ = where(array := private(4 * PAGE))
    array[:] = 1
    assert probe.resident_bytes([(address + 100, PAGE)]) == PAGE
    assert probe.resident_bytes([(address + PAGE - 1, 2)]) == 2
    assert probe.resident_bytes([(address + 10, 1), (address + 3 * PAGE, PAGE)]) == PAGE + 1
    assert probe.resident_bytes([(address, 0)]) == 0
    assert probe.resident_bytes([]) == 0


@settings(max_examples=60)
@given(
    touched=st.sets(st.integers(0, 63)),
    ranges=st.lists(
        st.tuples(st.integers(0, 64 * PAGE - 1), st.integers(0, 64 * PAGE)), max_size=12
    ),
)
def test_any_ranges_over_any_pages(touched: set[int], ranges: list[tuple[int, int]]) -> None:
    array = private(64 * PAGE)
    for page in touched:
        array[page * PAGE] = 1
    mask = np.repeat([page in touched for page in range(64)], PAGE)
    cut = [(start, min(size, 64 * PAGE - start)) for start, size in ranges]
    expected = sum(int(mask[start : start + size].sum()) for start, size in cut)
    address, _ = where(array)
    assert Probe().resident_bytes([(address + start, size) for start, size in cut]) == expected


def test_long_ranges_are_read_in_windows() -> None:
    array = private(200 * MIB)
    array[100 * MIB + 5 : 101 * MIB : PAGE] = 1
    address, _ = where(array)
    assert Probe().resident_bytes([(address + 3, 200 * MIB - 7)]) == MIB


def test_huge_ranges_are_sampled() -> None:
    array = private(256 * MIB)
    array[: 64 * MIB : PAGE] = 1
    sampled = PageMap("/proc/self/pagemap", sample_above_bytes=64 * MIB)
    found = sampled.resident_bytes([where(array)])
    assert found == pytest.approx(64 * MIB, abs=4 * MIB)
    array[::PAGE] = 1
    assert sampled.resident_bytes([where(array)]) == 256 * MIB


def test_addresses_that_are_not_mapped_are_not_resident(probe: Probe) -> None:
    assert probe.resident_bytes([(PAGE, 8 * PAGE)]) == 0
    # past what a process can have at all
    assert probe.resident_bytes([(2**62, PAGE)]) in (0, None)
    assert probe.resident_bytes([(2**80, PAGE)]) is None


def test_a_pagemap_that_only_pretends_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "pagemap").write_bytes(b"")
    buffer = ctypes.create_string_buffer(b"x" * PAGE)
    ranges = [(ctypes.addressof(buffer), PAGE)]
    assert PageMap(str(tmp_path / "pagemap")).resident_bytes(ranges) is None
    assert PageMap(str(tmp_path / "none")).resident_bytes(ranges) is None
