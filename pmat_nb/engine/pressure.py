"""Memory pressure as a fraction and a level. Pure: figures in, a record out.

A level is entered at its lower bound and left downwards only 0.05 below it, so that
a figure that hovers at a bound does not switch back and forth. Acting on a level is
not done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pmat_nb.units import MIB

from .records import CgroupMemory, HostMemory, Level, Pressure

__all__ = [
    "LEVELS",
    "PSI_RAISES_FROM",
    "THRESHOLDS",
    "Gauge",
    "Headroom",
    "Readings",
    "Threshold",
    "classify",
    "headroom",
    "host_is_critical",
    "measure",
    "rising",
    "thresholds",
]

LEVELS: tuple[Level, ...] = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
PSI_RAISES_FROM = 10.0
_MARGIN = 0.05
_HOST_FRACTION = 0.05
_HOST_BYTES = 512 * MIB


class Threshold(NamedTuple):
    """Where a level begins, rising (``enter``) and falling (``leave``)."""

    level: Level
    enter: float
    leave: float


def thresholds(
    low: float = 0.30, medium: float = 0.60, high: float = 0.80
) -> tuple[Threshold, ...]:
    """The bounds above LOW, MEDIUM and HIGH, each with its way down."""
    bounds = zip(LEVELS[1:], (low, medium, high), strict=True)
    # rounded, or 0.8 - 0.05 would not be 0.75
    return tuple(Threshold(x, bound, round(bound - _MARGIN, 9)) for x, bound in bounds)


THRESHOLDS = thresholds()


def rising(low: float, medium: float, high: float) -> bool:
    """Whether bounds can be used: each above the one before, the last at most 1."""
    return 0 < low < medium < high <= 1


def classify(
    fraction: float,
    previous: Level | None = None,
    bounds: Sequence[Threshold] = THRESHOLDS,
) -> Level:
    """The level at this fraction, coming from ``previous`` (None: from nowhere).

    >>> classify(0.78), classify(0.78, "CRITICAL"), classify(0.74, "CRITICAL")
    ('HIGH', 'CRITICAL', 'HIGH')
    """
    held = LEVELS.index(previous) if previous is not None else 0
    level: Level = "LOW"
    for bound in bounds:
        start = bound.leave if LEVELS.index(bound.level) <= held else bound.enter
        if fraction >= start:
            level = bound.level
    return level


class Readings(NamedTuple):
    """What pressure is measured from; None and empty where unknown.

    ``containers`` are the control groups that have limits, ``pools_fraction`` the
    fullness of the enforced pools, ``psi`` the own group's ``some avg10`` in percent.
    """

    tree_bytes: int | None = None
    limit_bytes: int | None = None
    containers: tuple[CgroupMemory, ...] = ()
    host: HostMemory | None = None
    pools_fraction: float | None = None
    psi: float | None = None


def measure(
    readings: Readings,
    previous: Level | None = None,
    bounds: Sequence[Threshold] = THRESHOLDS,
) -> Pressure:
    """Pressure with its level and parts.

    ``previous`` is the level before, from the fraction alone (``Gauge`` keeps it).
    The fraction is above 1 when a limit is exceeded. Where neither a kernel limit
    nor a container's is known, fraction and level are None, unless the machine runs
    out, which is CRITICAL by itself.
    """
    kernel = _ratio(readings.tree_bytes, readings.limit_bytes)
    container = _fullest(readings.containers)
    known = [part for part in (kernel, container) if part is not None]
    fraction = max(known, default=None)
    level = None if fraction is None else classify(fraction, previous, bounds)
    if level is not None and readings.psi is not None and readings.psi >= PSI_RAISES_FROM:
        level = LEVELS[min(LEVELS.index(level) + 1, len(LEVELS) - 1)]
    if readings.host is not None and host_is_critical(readings.host):
        level = "CRITICAL"
    parts = {
        "kernel": kernel,
        "container": container,
        "host": _host_part(readings.host),
        "pools": readings.pools_fraction,
        "psi": readings.psi,
    }
    return Pressure(fraction, level, parts)


class Headroom(NamedTuple):
    """The next level up, and the bytes that may still be added before it begins.

    The bytes are None where no limit is known, 0 where the fraction is there already
    (the level was left downwards, or the rise has another cause).
    """

    level: Level
    enter: float
    headroom_bytes: int | None


def headroom(
    readings: Readings, level: Level | None, bounds: Sequence[Threshold] = THRESHOLDS
) -> Headroom | None:
    """How far the level above ``level`` is; None at CRITICAL and where no level is known.

    The tightest of the kernel's limit and the containers' counts.
    """
    above = () if level is None else bounds[LEVELS.index(level) :]
    if not above:
        return None
    following = above[0]
    pairs = [(readings.tree_bytes, readings.limit_bytes)]
    pairs += [(group.working_set_bytes, group.limit_bytes) for group in readings.containers]
    room = [
        max(0, int(following.enter * limit) - used)
        for used, limit in pairs
        if used is not None and limit
    ]
    return Headroom(following.level, following.enter, min(room, default=None))


class Gauge:
    """Measures again and again, remembering the level for the way down.

    A rise that came from PSI or from the machine ends with its cause: only the
    fraction's own level is remembered.
    """

    def __init__(self, bounds: Sequence[Threshold] = THRESHOLDS) -> None:
        self.bounds = tuple(bounds)
        self._level: Level | None = None

    def read(self, readings: Readings) -> Pressure:
        """The pressure now."""
        pressure = measure(readings, self._level, self.bounds)
        if pressure.fraction is not None:
            self._level = classify(pressure.fraction, self._level, self.bounds)
        return pressure


def host_is_critical(host: HostMemory) -> bool:
    """Whether the machine has less available than max(512 MB, 5%)."""
    return host.available_bytes < max(_HOST_BYTES, _HOST_FRACTION * host.total_bytes)


def _host_part(host: HostMemory | None) -> float | None:
    free = None if host is None else _ratio(host.available_bytes, host.total_bytes)
    return None if free is None else 1 - free


def _fullest(containers: Iterable[CgroupMemory]) -> float | None:
    """The highest of (usage - file cache) / limit."""
    parts = (_ratio(x.working_set_bytes, x.limit_bytes) for x in containers)
    return max((part for part in parts if part is not None), default=None)


def _ratio(part: int | None, whole: int | None) -> float | None:
    return part / whole if part is not None and whole else None
