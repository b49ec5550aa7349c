"""What the kernel tells its guard of a scope: by message, or by words that they share."""

from __future__ import annotations

from .armed import MIB
from .link import Link
from .process import layout
from .token import Token

__all__ = ["arm", "default_reserve_bytes", "withdraw"]


def default_reserve_bytes(headroom_bytes: int) -> int:
    """What may be mapped beyond the limit before the ceiling refuses.

    A little under the 48 MB or 5% that a stop may overshoot by.
    """
    return max(40 * MIB, headroom_bytes // 24)


def arm(link: Link, token: Token, *, is_standing: bool) -> bool:
    """Begin or change a scope; false where no guard listens any more."""
    if token.threshold_bytes is None:
        return True
    if token.posted:
        _post(link.words, token, token.threshold_bytes)
        return True
    flags = (
        layout.CEILING * token.ceiling
        | layout.WARN_ONLY * token.warn_only
        | layout.STANDING * is_standing
    )
    headroom = max(0, token.threshold_bytes - token.baseline_bytes)
    return link.send(
        layout.ARM,
        token.seq,
        token.threshold_bytes,
        flags,
        default_reserve_bytes(headroom),
        token.ceiling_bytes or 0,
        token.baseline_bytes,
    )


def _post(words: memoryview[int], token: Token, threshold: int) -> None:
    words[layout.POST_THRESHOLD] = threshold
    words[layout.POST_BASELINE] = token.baseline_bytes
    words[layout.POST_SEQ] = token.seq


def withdraw(link: Link, token: Token, *, watch_on: bool) -> None:
    """End a scope at the guard; one that is being stopped must hear of it at once."""
    words = link.words
    if token.posted:
        words[layout.POST_SEQ] = 0
    if not token.posted or token.pending or words[layout.STOP_SEQ] == token.seq:
        link.send(layout.DISARM, token.seq, layout.WATCH_ON * watch_on)
