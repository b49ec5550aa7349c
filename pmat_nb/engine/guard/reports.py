"""From the shared words to a frozen report."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .process import layout
from .report import ChildReport, GuardReport
from .token import Token

if TYPE_CHECKING:
    from .client import Guard

__all__ = ["build_report"]


def _since(token: Token, at_ns: int) -> float | None:
    return (at_ns - token.started_ns) / 1e9 if at_ns else None


def _children(words: memoryview[int], seq: int) -> tuple[ChildReport, ...]:
    found = []
    for index in range(min(words[layout.CHILD_ROWS], layout.CHILDREN)):
        row = layout.child_row(index)
        if words[row + layout.CHILD_SEQ] != seq:
            continue
        name = b"".join(
            words[row + layout.CHILD_NAME + part].to_bytes(8, "little", signed=True)
            for part in (0, 1)
        )
        # What is still frozen is ended as soon as the guard reads of the scope's end.
        listed = words[row + layout.CHILD_ACTION] == layout.LISTED
        found.append(
            ChildReport(
                pid=words[row + layout.CHILD_PID],
                name=name.rstrip(b"\0").decode("utf-8", "replace"),
                growth_bytes=words[row + layout.CHILD_GROWTH],
                action="listed" if listed else "ended",
            )
        )
    return tuple(found)


def build_report(
    guard: Guard,
    token: Token,
    words: memoryview[int] | None,
    running: Sequence[threading.Thread],
) -> GuardReport:
    """What the guard saw of a scope that ends now."""
    now = guard._clock_ns()
    row = layout.slot(token.seq)
    known = words is not None and words[row + layout.SLOT_SEQ] == token.seq

    def word(offset: int) -> int:
        return words[row + offset] if known and words is not None else 0

    decided = word(layout.SLOT_STOP_NS)
    stopped = bool(decided) or token.pending
    return GuardReport(
        seq=token.seq,
        limit_bytes=token.limit_bytes,
        threshold_bytes=token.threshold_bytes,
        baseline_tree_bytes=token.baseline_bytes,
        peak_tree_bytes=max(word(layout.SLOT_PEAK), token.baseline_bytes),
        peak_at_s=_since(token, word(layout.SLOT_PEAK_NS)),
        duration_s=(now - token.started_ns) / 1e9,
        stopped=stopped,
        warned=bool(word(layout.SLOT_WARNED_NS)),
        reason="the process tree went over the limit" if stopped else "",
        tree_bytes=word(layout.SLOT_STOP_TREE) or token.tree_bytes,
        at_s=_since(token, decided or word(layout.SLOT_WARNED_NS)),
        times_raised=token.deliveries,
        ceiling_bytes=token.ceiling_bytes,
        children=_children(words, token.seq) if words is not None else (),
        threads=tuple(thread.name for thread in running),
        line=token.line,
        guards_replaced=len(guard.replaced) - token.replaced_before,
    )
