"""Each pool's figures over time: what it holds now, at most, and on average.

The peak of a pool is the highest sizing seen, so it is always ``sampled``. The mean
is weighted by how long each sizing stood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from pmat_nb.engine.stats_records import PoolItem, PoolRecord

__all__ = ["POOL_TITLES", "Ledger", "PoolReading"]

POOL_TITLES = {
    "analysis": "your data",
    "cache": "caches & Out",
    "temp": "leftovers",
    "string": "strings",
    "ast": "code",
}


class PoolReading(NamedTuple):
    """What one sizing found in a pool."""

    used_bytes: int
    complete: bool
    items: tuple[PoolItem, ...] = ()
    waste: float | None = None
    also_seen_bytes: int = 0


class _Account:
    def __init__(self, reading: PoolReading, now: float) -> None:
        self.reading = reading
        self.opened = self.read_at = now
        self.peak_bytes = reading.used_bytes
        self.byte_seconds = 0.0

    def update(self, reading: PoolReading, now: float) -> None:
        self.byte_seconds += self.reading.used_bytes * (now - self.read_at)
        self.peak_bytes = max(self.peak_bytes, reading.used_bytes)
        self.reading, self.read_at = reading, now

    def mean_bytes(self, now: float) -> float:
        if now <= self.opened:
            return float(self.reading.used_bytes)
        total = self.byte_seconds + self.reading.used_bytes * (now - self.read_at)
        return total / (now - self.opened)


class Ledger:
    """The pools' accounts. ``clock`` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._accounts: dict[str, _Account] = {}

    def update(self, pool: str, reading: PoolReading) -> None:
        """Enter a new sizing of ``pool``."""
        now = self._clock()
        account = self._accounts.get(pool)
        if account is None:
            self._accounts[pool] = _Account(reading, now)
        else:
            account.update(reading, now)

    def update_all(self, readings: Mapping[str, PoolReading]) -> None:
        """Enter a sizing of everything: a pool that it did not meet holds nothing."""
        gone = dict.fromkeys(self._accounts.keys() - readings.keys(), PoolReading(0, complete=True))
        for pool, reading in {**readings, **gone}.items():
            self.update(pool, reading)

    def records(self, pools: Iterable[str]) -> tuple[PoolRecord, ...]:
        """The ledger of each pool that has been sized, in the given order."""
        now = self._clock()
        return tuple(
            self._record(name, self._accounts[name], now)
            for name in pools
            if name in self._accounts
        )

    def _record(self, name: str, account: _Account, now: float) -> PoolRecord:
        reading = account.reading
        return PoolRecord(
            name=name,
            shown_as=POOL_TITLES.get(name, name),
            limit_bytes=None,
            capacity_bytes=None,
            used_bytes=reading.used_bytes,
            peak_bytes=account.peak_bytes,
            peak_kind="sampled",
            mean_bytes=account.mean_bytes(now),
            waste=reading.waste,
            as_of_s=now - account.read_at,
            complete=reading.complete,
            also_seen_bytes=reading.also_seen_bytes,
            items=reading.items,
        )
