"""The frozen record of a cell that was stopped."""

# No annotations from __future__, as in records.py.
from typing import Literal, NamedTuple

__all__ = ["StopRecord"]


class StopRecord(NamedTuple):
    """A cell that was stopped at its memory limit, after the memory was given back.

    ``limit_bytes`` is what the user asked for, ``threshold_bytes`` the total it came to;
    for ``scope`` "cell" the former is what the cell may add. ``refused`` is true where the
    ceiling refused one allocation before it got a page. ``growth`` and ``kept`` are
    ``(name, bytes)`` pairs, largest first; ``kept`` names are bound by the cell and stay.
    ``given_back_bytes`` is RSS at the stop less ``now_bytes``, both measured. ``wanted`` is
    what a library said of the allocation that was refused, empty where it said nothing.
    ``estimates`` and ``lower_bounds`` are the names whose bytes are not exact, ``filled``
    the kept names that held something before the cell, ``shared`` those that something
    else holds as well. ``refilled_bytes`` of the growth
    lie in memory that the kernel had, or got, free. ``children`` is true where the bytes
    reached include child processes that grew.
    """

    label: str
    limit_bytes: int
    threshold_bytes: int
    scope: Literal["cell", "total"]
    source: str
    reached_bytes: int
    duration_s: float
    refused: bool
    line_number: int | None
    line: str
    growth: tuple[tuple[str, int], ...]
    given_back_bytes: int | None
    now_bytes: int | None
    kept: tuple[tuple[str, int], ...]
    restored: tuple[str, ...]
    frames_kept: bool
    ended_children: tuple[str, ...]
    listed_children: tuple[str, ...]
    running_threads: tuple[str, ...]
    usable_bytes: int | None
    wanted: str = ""
    estimates: frozenset[str] = frozenset()
    lower_bounds: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    refilled_bytes: int = 0
    children: bool = False
