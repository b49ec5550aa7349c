"""One moment for the live tab: small, and cheap to take.

Bytes are ``int`` or None for unknown, as everywhere; ``at`` is in seconds since the epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pmat_nb.session.session import Session

__all__ = ["sample"]


def sample(session: Session, at: float) -> dict[str, Any]:
    """The kernel now: memory, limit, pools as last sized, pressure, and the running cell."""
    record = session.reporter().record()
    pressure = record.pressure
    return {
        "at": round(at, 2),
        "rss": record.rss_bytes,
        "tree": record.tree_bytes,
        "limit": record.limit.limit_bytes if record.limit else None,
        "level": pressure.level if pressure else None,
        "fraction": pressure.fraction if pressure else None,
        "parts": {
            "baseline": record.baseline_bytes,
            "imports": record.imports_bytes,
            "slack": record.slack_bytes,
            "unattributed": record.unattributed_bytes,
        },
        "pools": {
            pool.name: [pool.used_bytes, pool.capacity_bytes, pool.limit_bytes]
            for pool in record.pools
        },
        "busy": session.meter.busy,
        "cell": session.last_cell.label if session.last_cell else None,
    }
