"""The pools tab: the ledgers, what would suit them, and the orders that change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pmat_nb.render.format import limit

if TYPE_CHECKING:
    from pmat_nb.engine.stats_records import PoolRecord
    from pmat_nb.session.session import Session
    from pmat_nb.widgets.orders import Order

__all__ = ["ORDERS", "read"]

# Settings that hold for all pools, as this tab changes them.
_COMMON = ("pool_growth", "cache_policy")
# The sliders end here where it is not known what the kernel can use.
_MOST_BYTES = 64 * 1024**3


def read(session: Session) -> dict[str, Any]:
    """The pools as last sized, managed figures as they are now; under a millisecond."""
    from pmat_nb.settings import setting

    get = session.settings.get
    room = session.room()
    return {
        "rows": [_row(pool) for pool in session.reporter().pools()],
        "most": room.usable_bytes if room is not None else _MOST_BYTES,
        "sized": session.reporter().sized_at,
        "settings": {
            key: {"value": get(key), "choices": list(setting(key).choices)} for key in _COMMON
        },
    }


def _row(pool: PoolRecord) -> dict[str, Any]:
    managed = pool.managed
    return {
        "name": pool.name,
        "title": pool.shown_as,
        "used": pool.used_bytes,
        "least": not pool.complete,
        "peak": pool.peak_bytes,
        "peak_kind": pool.peak_kind,
        "waste": pool.waste,
        "growth": pool.growth,
        "limit": pool.limit_bytes,
        "capacity": pool.capacity_bytes,
        "managed": managed.used_bytes if managed else None,
        "entries": managed.entries if managed else None,
        "evictions": managed.evictions if managed else None,
        "swapped": managed.swapped_bytes if managed else None,
    }


def _set_limit(session: Session, message: Mapping[str, Any]) -> str:
    """``pool`` gets the limit ``value``: bytes, a size as text, or ``off``."""
    name, value = str(message.get("pool")), message.get("value")
    if name in session.pools.created:
        session.pools[name].set_limit(str(value))
        return ""
    return _configure(session, {f"{name}_pool": value})


def _set_common(session: Session, message: Mapping[str, Any]) -> str:
    """The setting ``key`` gets ``value``."""
    key = str(message.get("key"))
    return _configure(session, {key: message.get("value")} if key in _COMMON else {})


def _configure(session: Session, wanted: Mapping[str, Any]) -> str:
    from pmat_nb.settings import setting

    session.configure({key: setting(key).parse(value) for key, value in wanted.items()})
    return ""


def _preview(session: Session, _message: Mapping[str, Any]) -> dict[str, Any]:
    """What the measured peaks, misses and lookups suggest; nothing is changed."""
    from pmat_nb.session.pool_reports import budgets, tunings

    pools = session.pools
    found = [
        {
            "what": f"limit of {one.pool}",
            "before": _limit(one.limit_bytes),
            "after": _limit(one.suggested_bytes),
            "why": one.reason,
        }
        for one in budgets(session, pools)
    ]
    for tuned in tunings(pools):
        found.append(
            {
                "what": f"policy of {tuned.address}",
                "before": tuned.policy,
                "after": tuned.suggested_policy,
                "why": tuned.reason,
            }
        )
        found.append(
            {
                "what": f"budget of {tuned.address}",
                "before": _limit(tuned.max_bytes),
                "after": _limit(tuned.suggested_bytes),
                "why": tuned.reason,
            }
        )
    changes = [row for row in found if row["before"] != row["after"]]
    kept = sorted({row["why"] for row in found if row["before"] == row["after"]})
    text = "" if changes else f"nothing to change: {'; '.join(kept) or 'no pool is managed'}"
    return {"text": text, "changes": changes}


def _limit(nbytes: int | None) -> str:
    return "off" if nbytes is None else limit(nbytes)


def _apply(session: Session, _message: Mapping[str, Any]) -> str:
    """Do what the preview says, and tell what was changed."""
    report = session.pools.report(optimize=True, optimize_cache=True, apply=True)
    done = [
        f"{one.what}: {one.note or f'{_limit(one.before_bytes)} → {_limit(one.after_bytes)}'}"
        for one in report.changes
    ]
    return "; ".join(done) or "nothing was left to change"


ORDERS: dict[str, tuple[bool, Order]] = {
    "pool limit": (True, _set_limit),
    "pools setting": (True, _set_common),
    "pools preview": (True, _preview),
    "pools apply": (False, _apply),
}
