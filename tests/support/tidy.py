"""What a test could leave behind in its process, seen before and after it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

from .processes import command_line, descendants

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGXCPU")
    if hasattr(signal, name)
]
# One per process for as long as it lives; the standard library and loky start it.
_LASTING = "resource_tracker"


def _children() -> set[int]:
    return {pid for pid in descendants(os.getpid()) if _LASTING not in command_line(pid)}


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def _rlimits() -> tuple[object, ...]:
    try:
        import resource
    except ImportError:
        return ()
    return tuple(resource.getrlimit(k) for k in (resource.RLIMIT_DATA, resource.RLIMIT_AS))


def _gc_callbacks() -> tuple[object, ...]:
    # hypothesis times the collector with one that stays for the process.
    return tuple(
        callback
        for callback in gc.callbacks
        if not getattr(callback, "__module__", "").startswith("hypothesis")
    )


@dataclass(frozen=True)
class Traces:
    """Threads, processes, hooks, limits and files of this process at one moment."""

    threads: frozenset[threading.Thread]
    children: frozenset[int]
    folder: Path
    files: frozenset[str]
    hooks: dict[str, object]

    @classmethod
    def take(cls) -> Traces:
        return cls(
            threads=frozenset(threading.enumerate()),
            children=frozenset(_children()),
            folder=Path.cwd(),
            files=frozenset(_names(Path.cwd())),
            hooks={
                "gc.callbacks": _gc_callbacks(),
                "gc.isenabled()": gc.isenabled(),
                "gc.get_threshold()": gc.get_threshold(),
                "tracemalloc.is_tracing()": tracemalloc.is_tracing(),
                "sys.gettrace()": sys.gettrace(),
                "sys.getprofile()": sys.getprofile(),
                "sys.excepthook": sys.excepthook,
                "signal handlers": tuple(signal.getsignal(s) for s in _SIGNALS),
                "rlimits": _rlimits(),
            },
        )

    def left_behind(self, patience_s: float = 2.0) -> list[str]:
        """What is there now and was not then; threads and children may still be ending."""
        deadline = time.monotonic() + patience_s
        left = self._running()
        while left and time.monotonic() < deadline:
            time.sleep(0.01)
            left = self._running()
        if Path.cwd() != self.folder:
            left.append(f"working folder {Path.cwd()}")
        left += [f"file {name}" for name in sorted(_names(self.folder) - self.files)]
        now = Traces.take().hooks
        return left + [f"{k} = {now[k]!r}" for k, v in self.hooks.items() if now[k] != v]

    def _running(self) -> list[str]:
        threads = [t for t in threading.enumerate() if t not in self.threads and t.is_alive()]
        children = _children() - self.children
        return [f"thread {t.name}" for t in threads] + [
            f"process {pid} {command_line(pid) or '(ended, not waited for)'}" for pid in children
        ]
