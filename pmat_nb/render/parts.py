"""The parts of the kernel's resident memory, as rows that a table or a plot shows.

Every part of the identity ``rss = baseline + imports + pools + slack + unattributed``
is one :class:`Share`; :func:`shown` joins and folds them as people read them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pmat_nb.engine.stats_records import PoolItem, PoolRecord, StatsRecord

from .format import brief, duration
from .texts import clean, cut

__all__ = ["Share", "every_part", "pool_detail", "shown", "worth_telling"]

_SMALL = 0.01
_WHOLE = 0.95
_CLEARLY = 1.1
_NAME_LENGTH = 24
# An older sizing is told of where it makes a difference.
_FRESH_S = 1.5


@dataclass(frozen=True, slots=True)
class Share:
    """One part: its key, how people call it, its bytes and their share of the RSS.

    ``bound`` is ``≥`` where sizing stopped early, ``≤`` for what is left over then.
    """

    key: str
    label: str
    used_bytes: int | None
    share: float | None
    bound: str = ""
    detail: str = ""
    pool: PoolRecord | None = None


def _share(used_bytes: int | None, rss_bytes: int | None) -> float | None:
    return used_bytes / rss_bytes if used_bytes is not None and rss_bytes else None


def every_part(record: StatsRecord) -> list[Share]:
    """All parts in the order of the identity; their bytes sum up to the RSS."""
    rss = record.rss_bytes
    least = any(not pool.complete for pool in record.pools)
    pools = [
        Share(
            pool.name,
            pool.shown_as,
            pool.used_bytes,
            _share(pool.used_bytes, rss),
            "" if pool.complete else "≥",
            pool=pool,
        )
        for pool in record.pools
    ]
    rest = record.unattributed_bytes
    return [
        Share("baseline", "baseline", record.baseline_bytes, _share(record.baseline_bytes, rss)),
        Share("imports", "imports", record.imports_bytes, _share(record.imports_bytes, rss)),
        *pools,
        Share("slack", "allocator", record.slack_bytes, _share(record.slack_bytes, rss)),
        Share("unattributed", "unattributed", rest, _share(rest, rss), "≤" if least else ""),
    ]


def shown(record: StatsRecord, unit: str) -> list[Share]:
    """The parts as ``%pmat_stats`` lists them: pools first, small ones as "other"."""
    parts = every_part(record)
    pools = [part for part in parts if part.pool is not None]
    large = [part for part in pools if (part.share or 0.0) >= _SMALL]
    small = [part for part in pools if part not in large and part.used_bytes]
    rows = [_with_detail(part, unit) for part in large]
    if small:
        rows.append(_other(small, record.rss_bytes, unit))
    return [*rows, _libraries(record, unit), *_allocator(parts[-2]), _rest(parts[-1], record)]


def _with_detail(part: Share, unit: str) -> Share:
    items = part.pool.items if part.pool is not None else ()
    # A pool that is one thing need not repeat its size.
    alone = len(items) == 1 and items[0].estimated_bytes is None
    whole = alone and items[0].used_bytes >= _WHOLE * (part.used_bytes or 0)
    detail = cut(clean(items[0].name), 2 * _NAME_LENGTH) if whole else pool_detail(items, unit)
    return Share(part.key, part.label, part.used_bytes, part.share, part.bound, detail, part.pool)


def pool_detail(items: Iterable[PoolItem], unit: str, most: int = 2) -> str:
    """The largest items of a pool in a few words: ``trades 3.1, X 1.4, +12``."""
    ordered = sorted(items, key=lambda item: -max(item.used_bytes, item.estimated_bytes or 0))
    named = [
        f"{cut(clean(item.name), _NAME_LENGTH)} {_amount(item, unit)}" for item in ordered[:most]
    ]
    rest = len(ordered) - most
    return ", ".join([*named, f"+{rest}"] if rest > 0 else named)


def worth_telling(least_bytes: int, estimated_bytes: int) -> bool:
    """Whether an estimate says something else than the lower bound beside it."""
    return estimated_bytes > _CLEARLY * least_bytes


def _amount(item: PoolItem, unit: str) -> str:
    least = brief(item.used_bytes, unit=unit, named=False, lower=not item.complete)
    if item.estimated_bytes is None or not worth_telling(item.used_bytes, item.estimated_bytes):
        return least
    return f"{least} (~ {brief(item.estimated_bytes, unit=unit, named=False)})"


def _other(small: list[Share], rss_bytes: int | None, unit: str) -> Share:
    used = sum(part.used_bytes or 0 for part in small)
    bound = "≥" if any(part.bound for part in small) else ""
    detail = ", ".join(
        f"{part.label} {brief(part.used_bytes, unit=unit, named=False)}" for part in small
    )
    return Share("other", "other", used, _share(used, rss_bytes), bound, detail)


def _libraries(record: StatsRecord, unit: str) -> Share:
    """Baseline and imports together: the code and its data, not the user's."""
    known = [
        (name, used)
        for name, used in (("imports", record.imports_bytes), ("at load", record.baseline_bytes))
        if used is not None
    ]
    if not known:
        return Share("libraries", "libraries", None, None)
    used = sum(used for _, used in known)
    detail = ", ".join(f"{name} {brief(used, unit=unit, named=False)}" for name, used in known)
    bound = "≥" if len(known) < 2 else ""
    return Share("libraries", "libraries", used, _share(used, record.rss_bytes), bound, detail)


def _allocator(part: Share) -> list[Share]:
    detail = "held, free" if part.used_bytes is not None else "not readable here"
    return [Share(part.key, part.label, part.used_bytes, part.share, part.bound, detail)]


def _rest(part: Share, record: StatsRecord) -> Share:
    """What no name accounts for, and what is known of it."""
    missed = {
        item.name: item.estimated_bytes - item.used_bytes
        for pool in record.pools
        for item in pool.items
        if item.estimated_bytes and worth_telling(item.used_bytes, item.estimated_bytes)
    }
    notes = []
    if missed:
        names = ", ".join(cut(clean(name), _NAME_LENGTH) for name in list(missed)[:2])
        notes.append(f"about {brief(sum(missed.values()))} of it is {names}")
    over = (part.share or 0.0) <= -_SMALL
    if record.sizing is not None and record.sizing.age_s > _FRESH_S:
        what = "less what has gone" if over else "with what is new"
        notes.append(f"{what} since the sizing {duration(record.sizing.age_s)} ago")
    elif over:
        notes.append("libraries are as loaded: some is gone or counted above")
    return replace(part, detail="; ".join(notes))
