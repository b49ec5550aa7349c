"""Every error that pmat_nb raises, as one small tree.

::

    Exception
    ├── PmatError             anything that pmat_nb itself reports
    │   ├── UsageError        a wrong option, value or name; also a ValueError
    │   ├── UnavailableError  this platform or kernel cannot give the figure asked for
    │   ├── StateFileError    a file of ours is unreadable, corrupt or refused
    │   ├── NoKernelError     no kernel that could be asked was found
    │   └── GateFailedError   memory went over a bound that was set for it
    └── MemoryError
        └── MemoryLimitExceeded   a cell or block went over its memory limit

Every message names the value, the bound and what would work instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = [
    "GateFailedError",
    "MemoryLimitExceeded",
    "NoKernelError",
    "PmatError",
    "StateFileError",
    "UnavailableError",
    "UsageError",
]


class PmatError(Exception):
    """Base of the errors that pmat_nb reports about itself or its input."""


class UsageError(PmatError, ValueError):
    """A wrong option, value or name; the message says what would work."""


class UnavailableError(PmatError):
    """A figure or action that cannot be had here; the message says why."""


class StateFileError(PmatError):
    """A log, history or state file that cannot be read, or is refused."""


class NoKernelError(PmatError):
    """No running kernel has loaded the extension, or none is the one asked for."""


class GateFailedError(PmatError):
    """A memory gate failed; the message names the cell, the figure and the bound."""


class MemoryLimitExceeded(MemoryError):  # noqa: N818 - the name is a public contract
    """A cell or block was stopped because it went over its memory limit.

    Attributes:
        limit_bytes: the limit that was in force.
        tree_bytes: what the kernel and its children held when it was stopped.
        duration_s: seconds from the start of the cell or block to the stop.
        growth: what grew, largest first, as ``(name, bytes)`` pairs.
        stop: all that is known of a stopped cell (a ``StopRecord``); None of a block.
    """

    stop: Any = None

    def __init__(
        self,
        message: str,
        *,
        limit_bytes: int | None = None,
        tree_bytes: int | None = None,
        duration_s: float | None = None,
        growth: Sequence[tuple[str, int]] = (),
    ) -> None:
        super().__init__(message)
        self.limit_bytes = limit_bytes
        self.tree_bytes = tree_bytes
        self.duration_s = duration_s
        self.growth = tuple(growth)
