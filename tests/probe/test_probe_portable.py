"""Other platforms and an empty ``/proc``: less is known, nothing fails."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from pmat_nb.engine.probe import HeapCounters, Probe

METHODS = (
    "rss_bytes",
    "mapped_file_bytes",
    "data_bytes",
    "virtual_bytes",
    "reset_peak",
    "peak_rss_bytes",
    "children",
    "tree",
    "tree_upper_bytes",
    "host",
    "cgroup",
    "cgroup_levels",
    "psi_some_avg10",
    "rlimits",
    "allocators",
    "slack_bytes",
    "heap_counters",
    "trim_heap",
    "gc",
)


def probe_of(platform: str, folder: Path) -> Probe:
    return Probe(proc=folder / "proc", cgroup_root=folder / "cgroup", platform=platform)


@pytest.mark.parametrize("platform", ["darwin", "win32", "linux", "freebsd14"])
def test_nothing_raises_and_what_is_missing_is_said(platform: str, tmp_path: Path) -> None:
    probe = probe_of(platform, tmp_path)
    for name in METHODS:
        getattr(probe, name)()
    assert probe.resident_bytes([(4096, 4096)]) is None
    assert {"data_bytes", "cgroup", "psi", "resident_bytes"} <= set(probe.unavailable)
    for text in probe.unavailable.values():
        assert text.startswith("not available here because ")


def test_elsewhere_psutil_answers(tmp_path: Path) -> None:
    probe = probe_of("darwin", tmp_path)
    code = "import sys; print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as child:
        child.stdout.readline()
        tree = probe.tree()
        mine = [c for c in tree.children if c.pid == child.pid]
        child.communicate()
    assert tree.kind == "rss"
    assert mine[0].rss_bytes > 0
    assert mine[0].pss_bytes is None
    assert tree.tree_bytes == tree.rss_bytes + tree.children_bytes
    assert probe.host().total_bytes > probe.host().available_bytes > 0
    assert "tree_bytes (PSS)" in probe.unavailable


def test_an_empty_proc_gives_unknown_never_zero(tmp_path: Path) -> None:
    probe = probe_of("linux", tmp_path)
    assert probe.rss_bytes() is None
    assert probe.peak_rss_bytes() is None
    assert probe.tree() is None
    assert probe.tree_upper_bytes() is None
    assert probe.host() is None
    assert probe.cgroup() is None


def test_without_psutil_or_its_figures(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    probe = probe_of("win32", tmp_path)
    assert probe.rss_bytes() is None
    assert probe.children() == ()
    assert probe.heap_counters().heap_used_bytes is None
    monkeypatch.setitem(sys.modules, "psutil", types.SimpleNamespace())
    assert probe.host() is None
    assert probe.peak_rss_bytes() is None


def test_windows_has_a_peak_and_newer_psutil_a_heap(tmp_path: Path, monkeypatch) -> None:
    memory = types.SimpleNamespace(rss=5, peak_wset=9)
    process = types.SimpleNamespace(memory_info=lambda: memory)
    heap = types.SimpleNamespace(heap_used=70, mmap_used=30)
    fake = types.SimpleNamespace(Process=lambda pid: process, heap_info=lambda: heap)
    monkeypatch.setitem(sys.modules, "psutil", fake)
    probe = probe_of("win32", tmp_path)
    assert (probe.rss_bytes(), probe.peak_rss_bytes()) == (5, 9)
    counters = probe.heap_counters()
    assert (counters.heap_used_bytes, counters.mmap_used_bytes) == (70, 30)
    state = probe.allocators()[0]
    assert (state.held_bytes, state.used_bytes, state.slack_bytes) == (None, 100, None)


def test_no_psutil_and_no_ctypes_until_they_are_needed() -> None:
    code = (
        "import sys; sys.modules['resource'] = None\n"
        "from pmat_nb.engine.probe import Probe\n"
        "import pmat_nb.engine.limits, pmat_nb.engine.pressure\n"
        "p = Probe(); p.rss_bytes(); p.reset_peak(); p.peak_rss_bytes(); p.tree(); p.cgroup()\n"
        "assert p.rlimits() == {} and 'rlimits' in p.unavailable\n"
        "heavy = {'psutil', 'ctypes', 'numpy', 'pandas', 'IPython', 'logging', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_memory_of_old_and_odd_kernels(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    meminfo = tmp_path / "proc" / "meminfo"
    meminfo.write_text("MemTotal: 1000 kB\nMemFree: 100 kB\nCached: 300 kB\n")
    host = probe_of("linux", tmp_path).host()
    assert (host.total_bytes, host.available_bytes) == (1024000, 409600)
    assert (host.swap_total_bytes, host.swap_used_bytes) == (None, None)
    meminfo.write_text(
        "MemTotal: 1000 kB\nMemAvailable: 250 kB\nSwapTotal: 80 kB\nSwapFree: 30 kB\n"
    )
    host = probe_of("linux", tmp_path).host()
    assert (host.available_bytes, host.swap_used_bytes) == (256000, 51200)


def test_counters_are_a_small_frozen_record() -> None:
    counters = HeapCounters(1, 2, 3)
    with pytest.raises(AttributeError):
        counters.allocated_blocks = 5  # type: ignore[misc]
