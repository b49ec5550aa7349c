"""Every Jupyter kernel process on this machine, with or without the extension.

A Python kernel is told its connection file on the command line, which is what is looked for.
Children that a kernel forked carry the same command line and are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["KernelProcess", "connection_file_of", "kernel_id_of", "kernel_processes"]

_FLAGS = ("-f", "--f", "--connection-file", "--IPKernelApp.connection_file")
_LAUNCHERS = ("ipykernel", "ipykernel_launcher", "xpython", "colab_kernel_launcher")


class KernelProcess(NamedTuple):
    """A kernel's process; ``own`` is false where it is another user's."""

    pid: int
    connection_file: str
    rss_bytes: int | None
    own: bool


def kernel_id_of(connection_file: str) -> str:
    """The id that Jupyter names the file by: ``kernel-ID.json``."""
    return Path(connection_file).stem.removeprefix("kernel-")


def connection_file_of(words: Sequence[str]) -> str | None:
    """The connection file in a kernel's command line; None for another program's."""
    if not any(_is_launcher(word) for word in words[:6]):
        return None
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in _FLAGS and (equals or at + 1 < len(words)):
            path = value if equals else words[at + 1]
            return path if path.endswith(".json") else None
    return None


def kernel_processes() -> list[KernelProcess]:
    """The kernels that run here, by process id; empty where processes cannot be listed."""
    import psutil

    found: dict[int, tuple[str, int, KernelProcess]] = {}
    for process in psutil.process_iter(["cmdline", "ppid", "memory_info", "uids"]):
        info = process.info
        path = connection_file_of(info["cmdline"] or ())
        if path is not None:
            memory, uids = info["memory_info"], info.get("uids")
            own = uids is None or uids.real == os.getuid()
            made = KernelProcess(process.pid, path, memory.rss if memory else None, own)
            found[process.pid] = (path, info["ppid"] or 0, made)
    return _without_children(found.values(), found)


def _without_children(
    rows: Iterable[tuple[str, int, KernelProcess]], found: dict[int, tuple[str, int, KernelProcess]]
) -> list[KernelProcess]:
    kernels = [
        process for path, parent, process in rows if parent not in found or found[parent][0] != path
    ]
    return sorted(kernels, key=lambda process: process.pid)


def _is_launcher(word: str) -> bool:
    return Path(word).name.partition(".")[0] in _LAUNCHERS
