"""The identity that every report keeps to, on the kernel process::

rss = baseline + imports + sum of pools' used (resident) + slack + unattributed
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

__all__ = ["AtLoad", "Parts", "read_at_load", "split"]


class MemoryProbe(Protocol):
    """The part of the probe that the identity needs."""

    def rss_bytes(self) -> int | None:
        """Resident bytes now."""

    def mapped_file_bytes(self) -> int | None:
        """Resident bytes that files and shared memory back."""

    def slack_bytes(self, budget_s: float | None = None) -> int | None:
        """Resident bytes that the allocators have free."""


class AtLoad(NamedTuple):
    """What was there when the extension was loaded; ``objects_bytes`` were the user's."""

    rss_bytes: int | None
    file_bytes: int | None
    slack_bytes: int | None
    objects_bytes: int

    @property
    def baseline_bytes(self) -> int | None:
        """RSS then, less what has a name of its own in later reports."""
        if self.rss_bytes is None:
            return None
        return max(0, self.rss_bytes - (self.slack_bytes or 0) - self.objects_bytes)


class Parts(NamedTuple):
    """The identity's parts; ``unattributed_bytes`` may be negative."""

    baseline_bytes: int | None
    imports_bytes: int | None
    slack_bytes: int | None
    unattributed_bytes: int | None


def read_at_load(probe: MemoryProbe, objects_bytes: int) -> AtLoad:
    """Read the probe at the moment of loading."""
    return AtLoad(probe.rss_bytes(), probe.mapped_file_bytes(), probe.slack_bytes(), objects_bytes)


def split(
    at_load: AtLoad,
    *,
    rss_bytes: int | None,
    file_bytes: int | None,
    slack_bytes: int | None,
    imported_bytes: int,
    pools_bytes: Iterable[int],
    pools_file_bytes: int,
) -> Parts:
    """Divide ``rss_bytes``.

    Libraries are the anonymous memory that grew while they were imported
    (``imported_bytes``) and the pages of their files that became resident since, less
    the user's own file-backed buffers (``pools_file_bytes``).
    """
    baseline = at_load.baseline_bytes
    files = 0
    if file_bytes is not None and at_load.file_bytes is not None:
        files = max(0, file_bytes - at_load.file_bytes - pools_file_bytes)
    imports = imported_bytes + files
    unattributed = None
    if rss_bytes is not None and baseline is not None:
        unattributed = rss_bytes - baseline - imports - sum(pools_bytes) - (slack_bytes or 0)
    return Parts(baseline, imports, slack_bytes, unattributed)
