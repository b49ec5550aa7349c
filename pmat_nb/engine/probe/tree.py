"""A process and its descendants: what each holds, and what all of them hold together."""

from __future__ import annotations

from collections.abc import Iterable

from pmat_nb.engine.records import ChildProcess, TreeMemory

from . import portable
from .procfs import ProcFs

__all__ = ["rss_of", "tree_of"]


def rss_of(pid: int, files: ProcFs, *, linux: bool) -> int | None:
    """Resident size of another process."""
    return files.rss_of(pid) if linux else portable.rss_bytes(pid)


def tree_of(rss: int, pids: Iterable[int], files: ProcFs, *, linux: bool) -> TreeMemory:
    """The process that ``files`` reads, with ``rss`` resident bytes, and these descendants."""
    children = _records(pids, files, linux)
    if not children:
        return TreeMemory(rss, 0, rss, "pss")
    own = files.pss_bytes() if linux else None
    shares = [child.pss_bytes for child in children]
    known = [share for share in shares if share is not None]
    if own is not None and len(known) == len(shares):
        return TreeMemory(rss, sum(known), own + sum(known), "pss", children)
    total = sum(child.rss_bytes for child in children)
    return TreeMemory(rss, total, rss + total, "rss", children)


def _records(pids: Iterable[int], files: ProcFs, linux: bool) -> tuple[ChildProcess, ...]:
    found = []
    for pid in pids:
        rss = rss_of(pid, files, linux=linux)
        if rss:  # a child that has ended, or is waiting to be reaped, has none
            share = files.pss_bytes(pid) if linux else None
            name = files.name_of(pid) if linux else portable.name_of(pid)
            found.append(ChildProcess(pid, name, rss, share))
    return tuple(found)
