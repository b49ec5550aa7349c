"""The words that the kernel and its guard share, and the messages between them.

Shared memory is one page range of 8-byte words; each word has a single writer
(named in its comment), and an aligned 8-byte store is never seen half done.
Messages from the kernel to the guard are eight words, short enough for a pipe
write to be atomic. Times are ``time.monotonic_ns()``, which both processes share.
"""

from __future__ import annotations

SHARED_BYTES = 8192
WORD_BYTES = 8

# -- written by the guard ---------------------------------------------------
GUARD_PID = 1
HEARTBEAT_NS = 2
POLLS = 3
TREE = 4
KERNEL_RSS = 5
KERNEL_DATA = 6
STARTED_NS = 7
STOP_SEQ = 8  # the scope that must end; 0 for none
STOP_SIGNALS = 9
STOP_TREE = 10
STOP_AT_NS = 11
STOP_KERNEL_RSS = 12
CEILING_NOW = 13
PSS_READS = 14
CHILD_ROWS = 15
BUSY_NS = 16  # CPU time of the guard, for the benchmark
LINGER_SEQS = 17  # how many ended scopes are still watched

# -- written by the kernel --------------------------------------------------
ACK = 24  # stops seen by the handler
CEILING_SEQ = 25  # the only scope for which the guard may move the ceiling
CLEAN_EXIT = 26
SOFT = 27  # the kernel's own RLIMIT_DATA, as it was before any ceiling
HARD = 28
# A cell under the standing limit alone is posted here, not sent: waking the guard for each
# would cost more than the cell. It is read at the next look, which the headroom times.
POST_SEQ = 29  # written last; 0 while no such cell runs
POST_THRESHOLD = 30
POST_BASELINE = 31

# -- one row per scope, found by seq % SLOTS; written by the guard -------------
SLOTS = 16
SLOT_BASE = 32
SLOT_WORDS = 8
SLOT_SEQ = 0
SLOT_PEAK = 1
SLOT_PEAK_NS = 2
SLOT_STOP_TREE = 3
SLOT_STOP_NS = 4
SLOT_SIGNALS = 5
SLOT_WARNED_NS = 6
SLOT_PSS = 7  # 1 where shared pages were divided, 0 where RSS was summed

# -- one row per child that took part in a stop; written by the guard ----------
CHILDREN = 48
CHILD_BASE = SLOT_BASE + SLOTS * SLOT_WORDS
CHILD_WORDS = 6
CHILD_PID = 0
CHILD_GROWTH = 1
CHILD_ACTION = 2
CHILD_SEQ = 3
CHILD_NAME = 4  # 16 bytes: two words

FROZEN = 1
ENDED = 2
LISTED = 3

# -- messages ------------------------------------------------------------------
MESSAGE_WORDS = 8
MESSAGE_BYTES = MESSAGE_WORDS * WORD_BYTES
ARM = 1  # seq, threshold, flags, reserve, ceiling now in force, baseline tree
DISARM = 2  # seq, flags (WATCH_ON: threads of the scope still run)
LIST_ONLY = 3  # pid
FORGET = 4  # seq: no thread of an ended scope runs any more
QUIT = 5

# -- flags of a scope ------------------------------------------------------------
CEILING = 1
WARN_ONLY = 2
STANDING = 4
WATCH_ON = 8


def slot(seq: int) -> int:
    """Index of the first word of a scope's row."""
    return SLOT_BASE + (seq % SLOTS) * SLOT_WORDS


def child_row(index: int) -> int:
    """Index of the first word of a child's row."""
    return CHILD_BASE + index * CHILD_WORDS
