"""How the guard finds children: soon, also where finding them took long."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("another platform: the guard needs /proc", allow_module_level=True)

from pmat_nb.engine.guard.process import procfs
from pmat_nb.engine.guard.process.tree import Tree

MB, MS = 1024**2, 1_000_000


class Search:
    """A search for children that takes as long as it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ns = 10**12
        self.takes_ns = MS // 10
        self.at_ns: list[int] = []
        monkeypatch.setattr(procfs, "descendants", self._descendants)

    def _descendants(self, _pid: int, _leave_out: int = 0) -> list[int]:
        self.now_ns += self.takes_ns
        self.at_ns.append(self.now_ns)
        return []

    def longest_wait_ns(self, tree: Tree, for_ms: int) -> int:
        """The longest time between two searches, looking every 2 ms."""
        self.at_ns.clear()
        for _ in range(for_ms // 2):
            self.now_ns += 2 * MS
            tree.look(500 * MB)
        return max(b - a for a, b in zip(self.at_ns, self.at_ns[1:], strict=False))


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Any:
    return Search(monkeypatch)


def test_a_search_that_was_kept_waiting_leaves_no_child_unseen(search: Search) -> None:
    tree = Tree(os.getpid(), lambda: search.now_ns)
    quick = search.longest_wait_ns(tree, 2000)
    search.takes_ns = 100 * MS
    search.now_ns += 500 * MS
    tree.look(500 * MB)  # the one that the machine delayed
    search.takes_ns = MS // 10
    assert search.longest_wait_ns(tree, 2000) <= quick + 2 * MS


def test_a_search_that_is_costly_is_made_less_often_but_made(search: Search) -> None:
    tree = Tree(os.getpid(), lambda: search.now_ns)
    quick = search.longest_wait_ns(tree, 2000)
    search.takes_ns = 15 * MS
    search.longest_wait_ns(tree, 2000)
    costly = search.longest_wait_ns(tree, 4000)
    assert 2 * quick < costly < 500 * MS


class Shares:
    """Readings of PSS that take 10 ms each, of a kernel with children."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, children: list[int]) -> None:
        self.now_ns = 10**12
        self.reads = 0
        monkeypatch.setattr(procfs, "descendants", lambda *_: children)
        monkeypatch.setattr(procfs, "pss_bytes", self._read)

    def _read(self, _pid: int) -> int:
        self.reads += 1
        self.now_ns += 10 * MS
        return 500 * MB


def test_past_the_limit_reading_leaves_most_of_the_time_to_the_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pids = [os.getppid()]
    shares = Shares(monkeypatch, pids)
    tree = Tree(os.getpid(), lambda: shares.now_ns, kill=lambda *_: None)
    tree.look(MB)
    assert tree.look(MB) == 1000 * MB, "what a stop is decided on was read"
    shares.reads, began_ns = 0, shares.now_ns
    while shares.now_ns - began_ns < 2000 * MS:
        shares.now_ns += 2 * MS
        assert tree.look(MB) is not None
    assert 5 < shares.reads * 10 < 0.25 * 2000
    shares.reads = 0
    pids.append(1)
    shares.now_ns += 500 * MS  # until children are looked for again
    tree.look(MB)
    assert shares.reads == 3, "a new child is measured at once"
