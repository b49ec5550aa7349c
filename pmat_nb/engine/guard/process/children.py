"""The children that a stop holds responsible: frozen at once, ended a moment later.

Frozen first, so that they grow no further while the kernel is told and reports them.
"""

from __future__ import annotations

from collections.abc import Callable

from . import layout, policy, procfs
from .scope import Scope
from .tree import Tree

SIGSTOP, SIGKILL = 19, 9  # Linux; the signal module would cost 0.7 MB
KILL_AFTER_NS = 100_000_000


class Children:
    """What was done to children; ``list_only`` are never to be ended."""

    def __init__(
        self, words: memoryview[int], tree: Tree, kill: Callable[[int, int], None]
    ) -> None:
        self._words = words
        self._tree = tree
        self._kill = kill
        self._frozen: dict[int, tuple[int, int]] = {}
        self._rows = words[layout.CHILD_ROWS]
        self.list_only: set[int] = set()
        # What a guard before this one froze and did not live to end.
        for index in range(min(self._rows, layout.CHILDREN)):
            row = layout.child_row(index)
            if words[row + layout.CHILD_ACTION] == layout.FROZEN:
                self._frozen[words[row + layout.CHILD_PID]] = (0, row)

    @property
    def any_frozen(self) -> bool:
        """Whether a child waits to be ended."""
        return bool(self._frozen)

    def freeze_guilty(self, scope: Scope, tree: int, now: int) -> None:
        """Stop the children whose growth caused the excess; list those that limit themselves."""
        if not self._tree.children:
            return
        growth = {
            pid: self._tree.estimate(pid) - scope.child_base.get(pid, 0)
            for pid in self._tree.children
            if not scope.watched_on or pid in scope.born
        }
        for pid in policy.guilty_children(growth, tree - scope.baseline):
            if pid in self._frozen:
                continue
            if pid in self.list_only or self._limits_itself(pid):
                self._row(pid, growth[pid], layout.LISTED, scope.seq)
                continue
            try:
                self._kill(pid, SIGSTOP)
            except OSError:
                continue
            self._tree.held.add(pid)
            row = self._row(pid, growth[pid], layout.FROZEN, scope.seq)
            self._frozen[pid] = (now, row)

    def _limits_itself(self, pid: int) -> bool:
        return policy.limits_itself(
            procfs.read_text(f"/proc/{pid}/cmdline"),
            b"\0" + procfs.read_text(f"/proc/{pid}/environ", 65536),
        )

    def _row(self, pid: int, growth: int, action: int, seq: int) -> int:
        words = self._words
        for index in range(min(self._rows, layout.CHILDREN)):
            row = layout.child_row(index)
            if words[row + layout.CHILD_PID] == pid and words[row + layout.CHILD_SEQ] == seq:
                return row
        row = layout.child_row(self._rows % layout.CHILDREN)
        self._rows += 1
        words[row + layout.CHILD_PID] = pid
        words[row + layout.CHILD_GROWTH] = growth
        words[row + layout.CHILD_ACTION] = action
        words[row + layout.CHILD_SEQ] = seq
        name = procfs.read_text(f"/proc/{pid}/comm", 16).strip()[:16].ljust(16, b"\0")
        words[row + layout.CHILD_NAME] = int.from_bytes(name[:8], "little", signed=True)
        words[row + layout.CHILD_NAME + 1] = int.from_bytes(name[8:], "little", signed=True)
        words[layout.CHILD_ROWS] = self._rows
        return row

    def end_frozen(self, now: int) -> None:
        """Kill what was frozen, once the kernel has seen the report or had its time."""
        for pid, (since, row) in list(self._frozen.items()):
            seen = self._words[layout.ACK] and now - since > 10_000_000
            if seen or now - since >= KILL_AFTER_NS:
                del self._frozen[pid]
                self._tree.held.discard(pid)
                try:
                    self._kill(pid, SIGKILL)
                except OSError:
                    continue
                self._words[row + layout.CHILD_ACTION] = layout.ENDED
