"""Resident size, peak, children and tree, on this and on real child processes."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pmat_nb.engine.probe import Probe
from pmat_nb.engine.probe.procfs import PAGE_BYTES

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="another platform: needs /proc"
)

MIB = 1024**2


def fill(size: int) -> mmap.mmap:
    """Private memory of which every page was written, given back when closed."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for offset in range(0, size, PAGE_BYTES):
        memory[offset] = 1
    return memory


@contextmanager
def children(code: str, count: int = 1) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that run ``code``, print one line when ready, and wait to be ended."""
    script = f"import sys\n{code}\nprint('ready', flush=True)\nsys.stdin.read()\n"
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1) for _ in range(count)
    ]
    try:
        for child in started:
            assert child.stdout is not None
            child.stdout.readline()
        yield started
    finally:
        for child in started:
            child.communicate()


@pytest.fixture
def probe() -> Iterator[Probe]:
    probe = Probe()
    yield probe
    probe.close()


def test_rss_follows_what_is_touched(probe: Probe) -> None:
    before = probe.rss_bytes()
    memory = fill(64 * MIB)
    grown = probe.rss_bytes()
    memory.close()
    after = probe.rss_bytes()
    assert 60 * MIB < grown - before < 70 * MIB
    assert grown - after > 60 * MIB


def test_untouched_memory_counts_as_data_and_not_as_rss(probe: Probe) -> None:
    rss, data, virtual = probe.rss_bytes(), probe.data_bytes(), probe.virtual_bytes()
    memory = mmap.mmap(-1, 64 * MIB, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    assert probe.rss_bytes() - rss < 4 * MIB
    assert probe.data_bytes() - data >= 64 * MIB
    assert probe.virtual_bytes() - virtual >= 64 * MIB
    memory.close()


def test_mapped_file_bytes_sees_shared_memory(probe: Probe) -> None:
    before = probe.mapped_file_bytes()
    with mmap.mmap(-1, 32 * MIB) as memory:
        for offset in range(0, 32 * MIB, PAGE_BYTES):
            memory[offset] = 1
        assert probe.mapped_file_bytes() - before > 30 * MIB


def test_peak_is_exact_and_can_be_reset(probe: Probe) -> None:
    fill(96 * MIB).close()
    if not probe.reset_peak():  # some sandboxes refuse it; then it must be said
        assert "refused" in probe.unavailable["reset_peak"]
        return
    start = probe.peak_rss_bytes()
    assert start - probe.rss_bytes() < 4 * MIB
    fill(48 * MIB).close()
    assert 44 * MIB < probe.peak_rss_bytes() - start < 54 * MIB


def test_a_refused_reset_is_remembered(tmp_path: Path) -> None:
    probe = Probe(proc=tmp_path)
    assert probe.reset_peak() is False
    assert "refused" in probe.unavailable["reset_peak"]
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "clear_refs").touch()
    assert probe.reset_peak() is False
    assert Probe(proc=tmp_path).reset_peak() is True


def test_another_process_can_be_read() -> None:
    with children("x = bytearray(64 << 20)") as [child]:
        probe = Probe(pid=child.pid)
        assert probe.rss_bytes() > 64 * MIB
        assert probe.peak_rss_bytes() > 64 * MIB
        assert probe.children() == ()
    assert probe.rss_bytes() is None
    probe.close()


def test_a_forked_child_reads_its_own_figures(probe: Probe) -> None:
    assert None not in (probe.rss_bytes(), probe.peak_rss_bytes())  # files are open now
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def grow() -> None:
        before = probe.rss_bytes()
        memory = fill(64 * MIB)
        theirs.send((before, probe.rss_bytes(), Probe().rss_bytes(), probe.peak_rss_bytes()))
        memory.close()
        os._exit(0)

    child = context.Process(target=grow)
    child.start()
    assert ours.poll(60)
    before, rss, fresh, peak = ours.recv()
    child.join()
    assert rss - before > 60 * MIB
    assert abs(rss - fresh) < 4 * MIB
    assert peak >= rss - 4 * MIB


def test_a_file_closed_behind_its_back_is_opened_anew(probe: Probe, tmp_path: Path) -> None:
    expected = probe.rss_bytes()
    fd = probe._files._fds["statm"]
    os.close(fd)
    assert abs(probe.rss_bytes() - expected) < 4 * MIB
    fd = probe._files._fds["statm"]
    # the number now belongs to some other file
    (tmp_path / "other").write_text("some other text")
    other = os.open(tmp_path / "other", os.O_RDONLY)
    os.dup2(other, fd)
    assert abs(probe.rss_bytes() - expected) < 4 * MIB
    os.close(other)
    os.close(fd)


def test_without_children_the_tree_is_the_process(probe: Probe, monkeypatch) -> None:
    read = []
    monkeypatch.setattr(type(probe._files), "pss_bytes", lambda *args: read.append(args))
    with children("pass") as [child]:
        tree = probe.tree(exclude=[child.pid])
        assert child.pid in probe.children()
        assert child.pid not in probe.children(exclude=[child.pid])
    assert (tree.children_bytes, tree.children) == (0, ())
    assert tree.tree_bytes == tree.rss_bytes
    assert not read


def test_children_are_found_at_any_depth(probe: Probe) -> None:
    nested = (
        "import subprocess\n"
        "c = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'])\n"
        "print(c.pid, flush=True)"
    )
    script = f"import sys\n{nested}\nc.wait()\n"
    with subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1) as child:
        grandchild = int(child.stdout.readline())
        assert {child.pid, grandchild} <= set(probe.children())
        assert not {child.pid, grandchild} & set(probe.children(exclude=[child.pid]))
        child.communicate()


def test_forks_are_not_counted_many_times() -> None:
    """8 forks of a process with 100 MB: by RSS nine times that, by PSS about once."""
    code = """
import mmap, os, time
x = bytearray(b'x') * (100 << 20)
r, w = os.pipe()
for _ in range(8):
    if os.fork() == 0:
        os.close(w)
        os.read(r, 1)
        os._exit(0)
"""
    with children(code) as [child]:
        probe = Probe(pid=child.pid)
        tree = probe.tree()
        upper = probe.tree_upper_bytes()
        probe.close()
    assert len(tree.children) == 8
    assert tree.kind == "pss"
    assert 100 * MIB < tree.tree_bytes < 180 * MIB
    assert upper > 800 * MIB


def test_children_are_named_and_measured(probe: Probe) -> None:
    with children("x = bytearray(32 << 20)") as [child]:
        record = next(c for c in probe.tree().children if c.pid == child.pid)
    assert record.name.startswith("python")
    assert record.pss_bytes > 32 * MIB
    assert record.rss_bytes >= record.pss_bytes


def test_an_ended_child_is_left_out(probe: Probe) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 30
    stat = Path(f"/proc/{child.pid}/stat")
    while ") Z" not in stat.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    zombies = [c.pid for c in probe.tree().children]
    child.wait()
    assert child.pid not in zombies


def test_rss_is_cheap(probe: Probe) -> None:
    def cost() -> float:
        started = time.perf_counter()
        for _ in range(1000):
            probe.rss_bytes()
        return (time.perf_counter() - started) / 1000

    # 2 to 3 µs alone; the bound leaves room for a busy machine
    assert min(cost() for _ in range(10)) < 10e-6


def test_rlimits_are_the_finite_soft_ones() -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, -1))"
    with children(code) as [child]:
        assert Probe(pid=child.pid).rlimits()["data"] == 3 << 30


def test_gc_state_has_ages_only_where_told() -> None:
    probe = Probe(clock=lambda: 1000.0)
    assert probe.gc().last_run_s_ago is None
    state = probe.gc(last_run_at=880.0, next_run_at=1480.0)
    assert (state.last_run_s_ago, state.next_run_in_s) == (120.0, 480.0)
    assert len(state.counts) == len(state.thresholds) == 3
