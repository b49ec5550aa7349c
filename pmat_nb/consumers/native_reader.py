"""Reads what memray recorded; run as a process of its own, by its path.

Looking up C functions loads the debug information of every library, which memray then keeps
(280 MB after numpy, pandas and polars). Here it goes with the process. Arguments: the file,
what to read (``states`` or ``lives``), and where to look for memray. Prints one JSON
object. ``states`` are those at the ``peak`` and at the end (``kept``), each a total and rows of
bytes, blocks, mapped bytes, Python frames (file and line, innermost first; null for blocks
that Python's own allocator cuts up) and C functions;
``lives`` has rows of bytes, frames, functions, and births and deaths.
"""

from __future__ import annotations

import heapq
import json
import sys
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

# Stacks that are looked at, largest first; of the first their C functions are named.
_MOST_STACKS, _MOST_NAMED = 2_000, 48
_MOST_FUNCTIONS = 3
_MMAP = 14
# Of the interpreter, of allocators: on every stack, and they tell nothing.
_PLUMBING = ("Objects/", "Python/", "Modules/", "Parser/", "Programs/", "./Include/", "Include/")
_PLUMBING_NAMES = ("_Py", "Py", "_mi_", "mi_", "unix_mmap", "_rjem_", "default_malloc", "malloc")


def _is_python(filename: str) -> bool:
    return filename.endswith(".py") or (filename.startswith("<") and filename != "<unknown>")


def _frames(stack: list[Any]) -> list[tuple[str, int]]:
    """The Python frames, from the stack that has C functions too.

    The one without them is empty where frames were entered before the tracker (memray 1.20).
    """
    return [(filename, line) for _, filename, line in stack if _is_python(filename)]


def _functions(stack: list[Any]) -> str:
    """The C functions that allocated, innermost first, without what is on every stack."""
    native = list(takewhile(lambda frame: not _is_python(frame[1]), stack))
    telling = [
        one
        for one in native
        if one[0] != "<unknown>"
        and not one[1].startswith(_PLUMBING)
        and not one[0].startswith(_PLUMBING_NAMES)
    ]
    frames = telling or native
    if len(frames) > _MOST_FUNCTIONS:
        # The innermost, and the one that Python called.
        frames = [*frames[: _MOST_FUNCTIONS - 1], frames[-1]]
    return " ← ".join(map(_named, frames))


def _is_arena(stack: list[Any]) -> bool:
    """Whether Python's own allocator took a block to cut up: the line is that of chance."""
    return any(name == "new_arena" for name, _, _ in stack[:8])


def _named(frame: tuple[str, str, int]) -> str:
    name, filename, line = frame
    short = name if len(name) <= 60 else name[:59] + "…"
    return f"{short} ({filename.rpartition('/')[2]}:{line})" if line else short


def _state(records: Any) -> dict[str, Any]:
    """Blocks that are alive at one moment."""
    listed = list(records)
    rows = []
    for at, one in enumerate(heapq.nlargest(_MOST_STACKS, listed, key=lambda r: r.size)):
        stack = one.hybrid_stack_trace()
        mapped = one.size if one.allocator == _MMAP else 0
        named = _functions(stack) if at < _MOST_NAMED else ""
        frames = None if _is_arena(stack) else _frames(stack)
        rows.append([one.size, one.n_allocations, mapped, frames, named])
    return {"total": sum(one.size for one in listed), "rows": rows}


def _lives(records: Any, moments: list[float]) -> dict[str, Any]:
    """Births and deaths of the blocks of each stack: (born, died or None, bytes, blocks).

    Without what Python's own allocator takes, whose blocks the leak tracker knows better.
    """
    listed = [(sum(i.n_bytes for i in one.intervals), n, one) for n, one in enumerate(records)]
    rows: list[list[Any]] = []
    for at, (size, _, one) in enumerate(heapq.nlargest(_MOST_STACKS, listed)):
        stack = one.hybrid_stack_trace()
        if _is_arena(stack):
            continue
        named = _functions(stack) if at < _MOST_NAMED else ""
        rows.append([size, _frames(stack), named, list(_spans(one.intervals, moments))])
    return {"total": sum(size for size, _, _ in listed), "rows": rows}


def _spans(intervals: Any, moments: list[float]) -> Iterator[list[Any]]:
    for one in intervals:
        born, died = one.allocated_before_snapshot, one.deallocated_before_snapshot
        ended = None if died is None else _at(moments, died) or moments[-1] + 1
        yield [_at(moments, born), ended, one.n_bytes, one.n_allocations]


def _at(moments: list[float], index: int | None) -> float | None:
    """When a snapshot was taken; None for never, and after the last of them."""
    return moments[index] if index is not None and index < len(moments) else None


def main() -> None:
    """Read the file that the arguments name, and print."""
    path, what, *places = sys.argv[1:]
    sys.path[:] = places
    import memray

    if what == "lives":
        with memray.FileReader(path) as reader:
            moments = [snapshot.time / 1000 for snapshot in reader.get_memory_snapshots()]
        with memray.FileReader(path) as reader:
            records: Any = reader.get_temporal_allocation_records(merge_threads=True)
            found = _lives(records, moments)
    else:
        with memray.FileReader(path) as reader:
            found = {
                "peak": _state(reader.get_high_watermark_allocation_records(merge_threads=True)),
                "kept": _state(reader.get_leaked_allocation_records(merge_threads=True)),
            }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
