"""One armed limit, as the guard keeps it."""

from __future__ import annotations


class Scope:
    """One armed limit, in total bytes of the tree."""

    __slots__ = (
        "baseline",
        "born",
        "child_base",
        "flags",
        "last_signal_ns",
        "last_signal_tree",
        "reserve",
        "seq",
        "signals",
        "stopping",
        "threshold",
        "tree_at_arm",
        "watched_on",
    )

    def __init__(self, seq: int, threshold: int, flags: int, reserve: int, baseline: int) -> None:
        self.seq = seq
        self.threshold = threshold
        self.flags = flags
        self.reserve = reserve
        self.baseline = baseline
        self.child_base: dict[int, int] = {}
        self.born: set[int] = set()
        self.stopping = False
        self.watched_on = False
        self.signals = 0
        self.last_signal_ns = 0
        self.last_signal_tree = 0
        self.tree_at_arm = 0
