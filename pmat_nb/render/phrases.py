"""The sentences that several reports share: where memory stands, the last cell, GC."""

from __future__ import annotations

from collections.abc import Mapping

from pmat_nb.engine.records import CellRecord, DeviceMemory, GcState, Limit
from pmat_nb.engine.stats_records import SizingSummary, StatsRecord

from .blocks import Line, Part, level
from .format import NA, brief, duration, fraction, limit, percent, signed, size, unit_of

__all__ = [
    "cell_text",
    "device_text",
    "gc_text",
    "headline",
    "not_resident_text",
    "pressure_part",
    "pressure_parts_text",
    "sizing_text",
    "stops_text",
    "tightest",
    "unit_for",
]

# Younger than this, a sizing is "now".
_FRESH_S = 1.5


def unit_for(record: StatsRecord) -> str:
    """The unit in which the parts of this kernel's memory are listed."""
    return unit_of(record.rss_bytes)


def tightest(record: StatsRecord) -> Limit | None:
    """The tightest bound that applies, enforced or not."""
    known = [*record.limits, *([record.limit] if record.limit else [])]
    return min(known, key=lambda one: one.limit_bytes, default=None)


def _set_by_user(record: StatsRecord) -> bool:
    """True where a limit below what is usable is in force (``auto`` is what is usable)."""
    standing = record.limit
    if standing is None or "auto" in standing.source:
        return False
    return record.usable_bytes is None or standing.limit_bytes < record.usable_bytes


def headline(record: StatsRecord) -> Line:
    """Where memory stands, in one line: in use, usable, free, and the level."""
    if record.rss_bytes is None:
        return Line.of("kernel n/a: its memory cannot be read here", pressure_part(record))
    bound, named = record.usable_bytes, "usable"
    if _set_by_user(record) and record.limit is not None:
        bound, named = record.limit.limit_bytes, "limit"
    of = f" of {limit(bound)} {named}" if bound is not None else ", no limit known"
    return Line.of(
        Part(f"kernel {_in_use(record, bound)}{of}", "strong"),
        _free(record, bound),
        pressure_part(record),
    )


def _in_use(record: StatsRecord, bound: int | None) -> str:
    unit = unit_of(bound)
    named = bound is None or unit_of(record.rss_bytes) != unit
    used = size(record.rss_bytes, named=named)
    if record.children_bytes:
        used += f" + children {brief(record.children_bytes, unit=unit, named=named)}"
    return used


def _free(record: StatsRecord, bound: int | None) -> str:
    in_use = record.tree_bytes if record.tree_bytes is not None else record.rss_bytes
    if bound is None or in_use is None:
        return ""
    unit = unit_of(bound)
    reasons = _reasons(record, unit)
    # With children in the line, the shorter words keep it on one.
    free = f"{brief(max(0, bound - in_use))} free" + ("" if record.children_bytes else " to you")
    return free + (f" ({', '.join(reasons)})" if reasons else "")


def _reasons(record: StatsRecord, unit: str) -> list[str]:
    """What the bound comes from: a set limit, or a physical one less what others use."""
    if _set_by_user(record) and record.limit is not None:
        usable = _beside(record.usable_bytes, unit)
        return [record.limit.source, *([f"{usable} usable"] if usable != NA else [])]
    reasons = []
    outer = min(
        (one for one in record.limits if "auto" not in one.source),
        key=lambda one: one.limit_bytes,
        default=None,
    )
    if outer is not None:
        source = outer.source.removesuffix(" memory").removesuffix(" limit")
        reasons.append(f"{source} {_beside(outer.limit_bytes, unit)}")
    elif record.host is not None:
        reasons.append(f"physical {_beside(record.host.total_bytes, unit)}")
    if record.others_bytes is not None:
        reasons.append(f"others {brief(record.others_bytes, unit=unit, named=False)}")
    return reasons


def _beside(value: int | None, unit: str) -> str:
    """A bound beside one in ``unit``: without a unit where it is the same."""
    return limit(value, unit=unit, named=False) if unit_of(value) == unit else limit(value)


def stops_text(record: StatsRecord) -> str:
    """``cells stop at 12.9 GB``: less than is free, where the limit is the automatic one."""
    standing = record.limit
    if standing is None or not standing.enforced or not standing.source.startswith("auto"):
        return ""
    return f"cells stop at {limit(standing.limit_bytes)}"


def pressure_part(record: StatsRecord) -> Part:
    """``LOW 0.28``, or that there is no limit to measure pressure by."""
    pressure = record.pressure
    if pressure.level is None:
        return Part("pressure n/a", "muted")
    # The machine can be CRITICAL where the kernel has no limit to take a fraction of.
    shown = "" if pressure.fraction is None else f" {fraction(pressure.fraction)}"
    return level(pressure.level, pressure.level + shown)


def pressure_parts_text(parts: Mapping[str, float | None]) -> str:
    """``kernel 0.28, host 0.53, psi 1.2%``; what is not known here is left out."""
    return ", ".join(
        f"{name} {percent(part / 100, decimals=1) if name == 'psi' else fraction(part)}"
        for name, part in parts.items()
        if part is not None
    )


def cell_text(cell: CellRecord | None, unit: str) -> str:
    """``In[17]: +0.40 GB, peak 8.9 GB (exact)``; empty before the first cell."""
    if cell is None:
        return ""
    text = f"{cell.label}: {signed(cell.growth_bytes, unit=unit)}, peak {brief(cell.peak_bytes)}"
    if cell.peak_bytes is not None and cell.peak_kind is not None:
        text += f" ({cell.peak_kind})"
    return text + (", failed" if cell.failed else "")


def sizing_text(sizing: SizingSummary | None) -> str:
    """How the sizes were got: complete or not, in what time, how long ago."""
    if sizing is None:
        return "not sized yet"
    took = duration(sizing.duration_s)
    age = f", {duration(sizing.age_s)} ago" if sizing.age_s > _FRESH_S else ""
    if sizing.complete:
        return f"sizing complete in {took}{age}"
    return f"sizing stopped after {took}{age}: ≥ are lower bounds, %pmat_vars --exact sizes all"


def gc_text(gc: GcState) -> str:
    """``GC last run 2 min ago, next in 8 min``, or that it is switched off."""
    if gc.last_run_s_ago is None:
        text = "GC no run seen yet"
    else:
        text = f"GC last run {duration(gc.last_run_s_ago)} ago"
    if gc.next_run_in_s is not None:
        text += f", next in {duration(gc.next_run_in_s)}"
    return text if gc.enabled else f"{text} · automatic collection is off (gc.disable)"


def device_text(device: DeviceMemory) -> str:
    """``gpu 0: 18.2 of 80 GB · reserved 17.9 · torch``."""
    unit = unit_of(device.total_bytes if device.total_bytes is not None else device.used_bytes)
    if device.total_bytes is None:
        text = f"{device.name}: {size(device.used_bytes)}"
    else:
        used = brief(device.used_bytes, unit=unit, named=False)
        text = f"{device.name}: {used} of {limit(device.total_bytes, unit=unit)}"
    if device.reserved_bytes is not None:
        text += f" · reserved {brief(device.reserved_bytes, unit=unit, named=False)}"
    return f"{text} · {device.note}" if device.note else text


def not_resident_text(record: StatsRecord) -> str:
    """What objects claim but the machine does not hold, where it is worth a line."""
    claimed = record.not_resident_bytes
    if not claimed or claimed < 0.01 * (record.rss_bytes or 0):
        return ""
    return f"{brief(claimed)} that objects claim is not in memory (untouched, mapped or swapped)"
