"""What the guard does at each look: judge, stop, follow the ceiling.

A *scope* is a cell, a block or the kernel's standing limit, with a total that the
tree must not pass. One stop is in progress at a time, the tightest scope's. It
does not end when memory falls: only the kernel ends it, by disarming the scope.

Not covered: memory on accelerators, and processes that left the tree.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from . import layout, policy
from .ceiling import Ceiling
from .children import KILL_AFTER_NS, Children
from .scope import Scope
from .tree import Tree

SIGURG = 23  # Linux; the signal module would cost 0.7 MB


class Watcher:
    """Keeps the scopes of one kernel."""

    def __init__(
        self,
        kernel_pid: int,
        words: memoryview[int],
        ceiling: Ceiling,
        tree: Tree,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        kill: Callable[[int, int], None] = os.kill,
    ) -> None:
        self._pid = kernel_pid
        self._words = words
        self._ceiling = ceiling
        self._tree = tree
        self._clock_ns = clock_ns
        self._kill = kill
        self.scopes: dict[int, Scope] = {}
        self._children = Children(words, tree, kill)
        self.last_tree = 0
        self._calm = False
        self._posted = 0
        self._wait = 0.0

    # -- messages ------------------------------------------------------------
    def message(self, words: memoryview[int]) -> bool:
        """Take one message; False when the guard is asked to end."""
        kind, seq = words[0], words[1]
        self._calm = False
        if kind == layout.ARM:
            self._arm(seq, words[2], words[3], words[4], words[5], words[6])
        elif kind == layout.DISARM:
            self._disarm(seq, words[2])
        elif kind == layout.LIST_ONLY:
            self._children.list_only.add(seq)
        elif kind == layout.FORGET:
            self._forget_threads(seq)
        return kind != layout.QUIT

    def _arm(
        self, seq: int, threshold: int, flags: int, reserve: int, ceiling: int, baseline: int
    ) -> None:
        known = self.scopes.get(seq)
        if known is not None:
            known.threshold, known.flags, known.reserve = threshold, flags, reserve
            known.stopping = known.stopping and self.last_tree > threshold
            return
        self._hand_over()
        scope = Scope(seq, threshold, flags, reserve, baseline)
        if self._tree.children and not self._tree.knows_all():
            self._tree.measure_pss()
        scope.child_base = dict(self._tree.pss)
        scope.tree_at_arm = self.last_tree
        self.scopes[seq] = scope
        if flags & layout.CEILING:
            self._ceiling.adopt(ceiling)
        row = layout.slot(seq)
        for word in range(layout.SLOT_WORDS):
            self._words[row + word] = 0
        self._words[row + layout.SLOT_PEAK] = baseline
        self._words[row + layout.SLOT_SEQ] = seq

    def _read_post(self) -> None:
        """Begin and end the cell that the kernel posted without a message."""
        words, before = self._words, self._posted
        seq = words[layout.POST_SEQ]
        if seq == before:
            if seq in self.scopes:
                # The standing limit may have changed meanwhile.
                self.scopes[seq].threshold = words[layout.POST_THRESHOLD]
            return
        self._posted, self._calm = seq, False
        if before:
            self._disarm(before, 0)
        if seq:
            self._arm(seq, words[layout.POST_THRESHOLD], 0, 0, 0, words[layout.POST_BASELINE])

    def _hand_over(self) -> None:
        """From here the new scope answers for the children of ended ones."""
        for scope in list(self.scopes.values()):
            if scope.watched_on:
                scope.born.clear()
                if not scope.flags & layout.WATCH_ON:
                    self._drop(scope.seq)

    def _disarm(self, seq: int, flags: int) -> None:
        scope = self.scopes.get(seq)
        if scope is None:
            return
        if self._words[layout.STOP_SEQ] == seq:
            self._words[layout.STOP_SEQ] = 0
            self._children.end_frozen(self._clock_ns() + KILL_AFTER_NS)
        scope.flags = scope.flags & ~layout.WATCH_ON | flags & layout.WATCH_ON
        # A pool may replace the workers that were ended, so a stop watches them on.
        scope.watched_on = bool(flags & layout.WATCH_ON or (scope.stopping and scope.born))
        scope.stopping = False
        if not scope.watched_on or scope.flags & layout.WARN_ONLY:
            self._drop(seq)
        self._forgive_growth_of(scope)

    def _forgive_growth_of(self, ended: Scope) -> None:
        """What a later scope added is not held against the ones watched on."""
        added = max(0, self.last_tree - ended.tree_at_arm)
        for scope in self.scopes.values():
            if scope.watched_on and scope is not ended:
                scope.threshold += added

    def _forget_threads(self, seq: int) -> None:
        scope = self.scopes.get(seq)
        if scope is not None and scope.watched_on:
            scope.flags &= ~layout.WATCH_ON
            if not scope.born:
                self._drop(seq)

    def _drop(self, seq: int) -> None:
        del self.scopes[seq]
        if self._words[layout.STOP_SEQ] == seq:
            self._words[layout.STOP_SEQ] = 0

    # -- one look --------------------------------------------------------------
    def look(self) -> float | None:
        """Look once and act; seconds until the next look, None: the kernel is gone."""
        self._read_post()
        if self._calm and self._tree.unchanged():
            self._words[layout.POLLS] += 1
            self._words[layout.HEARTBEAT_NS] = self._clock_ns()
            return self._wait
        watched = self._watched()
        bound = min((s.threshold for s in watched if not self._was_warned(s)), default=2**62)
        idle = all(s.flags & layout.STANDING or s.watched_on for s in watched)
        tree = self._tree.look(bound, idle=idle)
        if tree is None:
            return None
        now = self._clock_ns()
        self.last_tree = tree
        self._note_children()
        self._publish(tree, now)
        over = [s for s in watched if s.stopping or tree > s.threshold]
        self._warn(over, tree, now)
        over = [s for s in over if not s.flags & layout.WARN_ONLY]
        for scope in sorted(over, key=lambda s: (s.watched_on, s.threshold, s.seq))[:1]:
            self._stop(scope, tree, now)
        self._follow_ceiling(tree, now)
        self._children.end_frozen(now)
        self._calm = not over and not self._children.any_frozen
        self._wait = self._next_look(watched, over, tree)
        return self._wait

    def end(self) -> None:
        """The last thing: nothing stays frozen that nobody would ever end."""
        self._children.end_frozen(self._clock_ns() + KILL_AFTER_NS)

    def _watched(self) -> list[Scope]:
        scopes = list(self.scopes.values())
        if any(not s.flags & layout.STANDING and not s.watched_on for s in scopes):
            return [s for s in scopes if not s.flags & layout.STANDING]
        return scopes

    def _note_children(self) -> None:
        # What is born while a scope runs is that scope's, not an ended one's.
        running = any(
            not s.watched_on and not s.flags & layout.STANDING for s in self.scopes.values()
        )
        for pid in self._tree.new_pids:
            self._ceiling.free_child(pid)
            for scope in self.scopes.values():
                if pid not in scope.child_base and not (running and scope.watched_on):
                    scope.born.add(pid)
        self._tree.new_pids.clear()
        alive = set(self._tree.children)
        for scope in list(self.scopes.values()):
            scope.born &= alive
            if scope.watched_on and not scope.born and not scope.flags & layout.WATCH_ON:
                self._drop(scope.seq)

    def _publish(self, tree: int, now: int) -> None:
        words = self._words
        words[layout.TREE] = tree
        words[layout.KERNEL_RSS] = self._tree.kernel_rss
        words[layout.KERNEL_DATA] = self._tree.kernel_data
        words[layout.PSS_READS] = self._tree.pss_reads
        words[layout.POLLS] += 1
        words[layout.LINGER_SEQS] = sum(s.watched_on for s in self.scopes.values())
        words[layout.HEARTBEAT_NS] = now
        for scope in self.scopes.values():
            row = layout.slot(scope.seq)
            if not scope.watched_on and tree > words[row + layout.SLOT_PEAK]:
                words[row + layout.SLOT_PEAK] = tree
                words[row + layout.SLOT_PEAK_NS] = now

    def _was_warned(self, scope: Scope) -> bool:
        row = layout.slot(scope.seq)
        warn_only = scope.flags & layout.WARN_ONLY
        return bool(warn_only and self._words[row + layout.SLOT_WARNED_NS])

    def _warn(self, over: list[Scope], tree: int, now: int) -> None:
        for scope in over:
            row = layout.slot(scope.seq)
            if scope.flags & layout.WARN_ONLY and not self._words[row + layout.SLOT_WARNED_NS]:
                self._words[row + layout.SLOT_STOP_TREE] = tree
                self._words[row + layout.SLOT_WARNED_NS] = now

    # -- stopping --------------------------------------------------------------
    def _stop(self, scope: Scope, tree: int, now: int) -> None:
        words = self._words
        if not scope.stopping or words[layout.STOP_SEQ] != scope.seq:
            self._begin(scope, tree, now)
        elif tree > scope.threshold:
            self._children.freeze_guilty(scope, tree, now)
        if self._signal_is_due(scope, tree, now):
            scope.signals += 1
            scope.last_signal_ns, scope.last_signal_tree = now, tree
            words[layout.STOP_SIGNALS] = scope.signals
            words[layout.slot(scope.seq) + layout.SLOT_SIGNALS] = scope.signals
            try:
                self._kill(self._pid, SIGURG)
            except OSError:
                return
        # No cell will disarm these: they end when memory is back below the line.
        ends_itself = scope.watched_on or scope.flags & layout.STANDING
        if ends_itself and tree <= scope.threshold - policy.RAISE_AGAIN_GROWTH:
            scope.stopping = False
            scope.signals = 0
            words[layout.STOP_SEQ] = 0

    def _begin(self, scope: Scope, tree: int, now: int) -> None:
        words = self._words
        if not scope.stopping:
            row = layout.slot(scope.seq)
            words[row + layout.SLOT_STOP_TREE] = tree
            words[row + layout.SLOT_STOP_NS] = now
        scope.stopping = True
        scope.last_signal_ns = 0
        words[layout.STOP_TREE] = tree
        words[layout.STOP_AT_NS] = now
        words[layout.STOP_KERNEL_RSS] = self._tree.kernel_rss
        if words[layout.CEILING_SEQ]:
            # A call that holds the GIL grows until it is refused: the least room from here.
            self._ceiling.follow(words[layout.CEILING_SEQ], self._tree.kernel_data, 0, 0)
        self._children.freeze_guilty(scope, tree, now)
        words[layout.STOP_SEQ] = scope.seq

    def _signal_is_due(self, scope: Scope, tree: int, now: int) -> bool:
        since = (now - scope.last_signal_ns) / 1e9
        if scope.flags & layout.STANDING and scope.signals and scope.last_signal_ns:
            return False
        if since >= policy.RAISE_AGAIN_S:
            return True
        grew = tree - scope.last_signal_tree > policy.RAISE_AGAIN_GROWTH
        return grew and since >= policy.NEAR_S

    # -- ceiling and pace --------------------------------------------------------
    def _follow_ceiling(self, tree: int, now: int) -> None:
        seq = self._words[layout.CEILING_SEQ]
        scope = self.scopes.get(seq) if seq else None
        if scope is None:
            return
        data = self._tree.kernel_data
        stopping = self.scopes.get(self._words[layout.STOP_SEQ])
        if stopping is not None and not stopping.watched_on:
            self._ceiling.give_room(seq, data, self._words[layout.ACK], now)
        else:
            self._ceiling.follow(seq, data, max(0, scope.threshold - tree), scope.reserve)

    def _next_look(self, watched: list[Scope], over: list[Scope], tree: int) -> float:
        if any(not s.watched_on and not s.flags & layout.STANDING for s in over):
            return policy.NEAR_S
        if over:
            return policy.RAISE_AGAIN_S / 5
        # At the line itself a reading is awaited that will tell: no room at all.
        rooms = [s.threshold - tree for s in watched if s.threshold >= tree]
        if not rooms:
            return policy.FAR_S if watched else policy.IDLE_S
        return policy.poll_interval_s(min(rooms), self._ceiling.gap(self._tree.kernel_data))
