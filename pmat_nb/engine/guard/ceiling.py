"""The kernel's side of the ceiling: set first, restore last, recognise its work.

The ceiling is the soft ``RLIMIT_DATA``; between setting and restoring the guard
moves it (:mod:`.process.ceiling`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from types import TracebackType

from . import codes
from .process import procfs

__all__ = [
    "LEAST_GAP_BYTES",
    "ceiling_caused",
    "make_room",
    "own_memory",
    "put",
    "raise_to",
    "read",
    "restore",
]

LEAST_GAP_BYTES = 16 * 1024**2


def own_memory() -> tuple[int, int]:
    """``(resident, private writable mapped)`` bytes of this process."""
    fd = procfs.open_statm(os.getpid())
    if fd is None:
        return 0, 0
    try:
        return procfs.read_statm(fd) or (0, 0)
    finally:
        os.close(fd)


def read() -> tuple[int, int]:
    """This process's ``RLIMIT_DATA`` as ``(soft, hard)``."""
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)


def put(value: int, own: tuple[int, int]) -> int | None:
    """Set the ceiling, never above the process's own limit; None where that is refused."""
    import resource

    if own[0] != resource.RLIM_INFINITY:
        value = min(value, own[0])
    value -= value % procfs.PAGE_BYTES
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (value, own[1]))
    except (OSError, ValueError):
        return None
    return value


def make_room(size_bytes: int, own_soft: int) -> None:
    """Raise a ceiling that leaves no room for a mapping of this size, and no further."""
    raise_to(own_memory()[1] + size_bytes + LEAST_GAP_BYTES, own_soft)


def raise_to(wanted: int, own_soft: int) -> None:
    """Raise a ceiling that is lower than this, never above the process's own limit."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if own_soft != resource.RLIM_INFINITY:
        wanted = min(wanted, own_soft)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted - wanted % procfs.PAGE_BYTES, hard))


def restore(own: tuple[int, int]) -> None:
    """The limit as it was before us; makes no object of any size."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, own)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def ceiling_caused(error: BaseException, *, physical_bytes: int | None = None) -> bool:
    """Whether a ceiling that was in force explains this error.

    True for a failed allocation anywhere in the chain of causes: a ``MemoryError``
    that no ``raise`` statement made, ``ENOMEM``, or a thread that could not be
    started. False for one that could not have succeeded without a ceiling either,
    where its size is known (numpy tells) and exceeds ``physical_bytes``.
    """
    return any(_is_refused_allocation(each, physical_bytes) for each in _chain(error))


def _is_refused_allocation(error: BaseException, physical_bytes: int | None) -> bool:
    if isinstance(error, MemoryError):
        size = getattr(error, "_total_size", None)
        if isinstance(size, int) and physical_bytes is not None and size > physical_bytes:
            return False
        carried = _carried_text(error.__cause__)
        if carried:
            return not _last_source_line(carried).startswith("raise")
        return not _was_raised_in_python(error.__traceback__)
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and "can't start new thread" in str(error)


def _carried_text(cause: BaseException | None) -> str:
    """Where the error was made, if a pool of workers carried it here and raised it again."""
    if type(cause).__name__.lstrip("_") != "RemoteTraceback":
        return ""
    return str(getattr(cause, "tb", ""))


def _last_source_line(formatted: str) -> str:
    """The innermost line of code of a formatted traceback."""
    lines = [line.strip() for line in formatted.splitlines() if line.startswith("    ")]
    return next((line for line in reversed(lines) if line.strip("^~ ")), "")


def _was_raised_in_python(traceback: TracebackType | None) -> bool:
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return codes.raises_at(traceback.tb_frame.f_code, traceback.tb_lasti)
