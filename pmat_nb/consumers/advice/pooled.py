"""What the last sizing says of one address, and bytes in words."""

from __future__ import annotations

from collections.abc import Iterable

from pmat_nb.engine.stats_records import PoolItem
from pmat_nb.units import GIB, MIB

from .base import Scene

__all__ = ["amount", "held_bytes", "items_at"]


def items_at(scene: Scene, pool: str, address: str) -> list[PoolItem]:
    """The items of a pool that answer to an address."""
    return [
        item
        for record in scene.pools
        if record.name == pool
        for item in record.items
        if item.address == address
    ]


def held_bytes(items: Iterable[PoolItem]) -> int:
    """Resident bytes that only these hold."""
    return sum(max(0, item.used_bytes) for item in items)


def amount(nbytes: int) -> str:
    """Bytes within a sentence: ``1.4 GB``, ``320 MB``, ``12 kB``.

    >>> amount(3 << 29), amount(20 << 20), amount(5 << 19), amount(900)
    ('1.5 GB', '20 MB', '2.5 MB', '1 kB')
    """
    if nbytes >= GIB:
        return f"{nbytes / GIB:.1f} GB"
    if nbytes >= MIB:
        return f"{nbytes / MIB:.{0 if nbytes >= 10 * MIB else 1}f} MB"
    return f"{max(1, round(nbytes / 1024)):,} kB"
