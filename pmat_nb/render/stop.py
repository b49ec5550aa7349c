"""What a user reads when a cell was stopped: one screen, the most telling first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pmat_nb.engine.stop_record import StopRecord

from .format import brief, duration, limit
from .texts import clean, cut

__all__ = ["stop_headline", "stop_lines"]

_LINE_LENGTH = 80
_WORTH_SAYING = 1024**2
# What numpy says; of bytes and lists every page is used.
_OF_AN_ARRAY = re.compile(r"Unable to allocate .* for an array")


def stop_headline(stop: StopRecord) -> str:
    """``In[18] stopped at 8.03 GB (limit 8 GB) after 4.1 s``."""
    if stop.refused:
        how = "was refused an allocation beyond its limit, and stopped at"
    else:
        how = "stopped at"
    whose = " with its child processes" if stop.children else ""
    return (
        f"{stop.label} {how} {brief(stop.reached_bytes)}{whose} ({_limit_text(stop)}) "
        f"after {duration(stop.duration_s)}"
    )


def stop_lines(stop: StopRecord) -> list[str]:
    """The lines below the headline."""
    lines = [
        _where(stop),
        f"refused: {cut(clean(stop.wanted), _LINE_LENGTH)}" if stop.wanted else "",
        _grew(stop),
        _given_back(stop),
        _restored(stop),
        _kept(stop),
        _others("ended children: ", stop.ended_children),
        _others("left alone, they limit themselves: ", stop.listed_children),
        _others("still running, under this limit: threads ", stop.running_threads),
        _price_of_ceiling(stop),
        _next(stop),
    ]
    return [f"  {line}" for line in lines if line]


def _limit_text(stop: StopRecord) -> str:
    if stop.scope == "cell":
        return f"the cell may add {limit(stop.limit_bytes)}"
    return f"limit {limit(stop.limit_bytes)}"


def _where(stop: StopRecord) -> str:
    if stop.line_number is None:
        return ""
    return f"line {stop.line_number}: {cut(clean(stop.line.strip()), _LINE_LENGTH)}"


def _grew(stop: StopRecord) -> str:
    if not stop.growth:
        return ""
    grew = ", ".join(
        f"{clean(name)} {_mark(stop, name)}+{brief(size)}" for name, size in stop.growth
    )
    if not stop.refilled_bytes:
        return f"grew: {grew}"
    return f"grew: {grew}; of it {brief(stop.refilled_bytes)} in memory that was free already"


def _mark(stop: StopRecord, name: str) -> str:
    """What stands before a figure that is not exact."""
    if name in stop.estimates:
        return "~ "
    return "≥ " if name in stop.lower_bounds else ""


def _given_back(stop: StopRecord) -> str:
    if stop.now_bytes is None:
        return "Kernel and variables are alive."
    back = ""
    if stop.given_back_bytes is not None and stop.given_back_bytes >= _WORTH_SAYING:
        back = f"given back {brief(stop.given_back_bytes)}; "
    return f"{back}now {brief(stop.now_bytes)}. Kernel and variables are alive."


def _restored(stop: StopRecord) -> str:
    if not stop.restored:
        return ""
    names = ", ".join(clean(name) for name in stop.restored[:6])
    return f"put back as they were: {names}. In-place changes are not undone."


def _kept(stop: StopRecord) -> str:
    if not stop.kept:
        return ""
    names = ", ".join(_what_del_frees(stop, name, size) for name, size in stop.kept)
    return f"kept from this cell: {names}. In-place changes are not undone."


def _what_del_frees(stop: StopRecord, name: str, size: int) -> str:
    if name in stop.shared:
        return f"{clean(name)} ({brief(size)}, held by something else too)"
    before = ", with what it held before" if name in stop.filled else ""
    frees = f"frees {_mark(stop, name)}{brief(size)}{before}"
    return f"{clean(name)} (del {clean(name)} {frees})"


def _others(label: str, names: Sequence[str]) -> str:
    return f"{label}{', '.join(clean(name) for name in names)}" if names else ""


def _price_of_ceiling(stop: StopRecord) -> str:
    if not stop.refused or not _OF_AN_ARRAY.match(stop.wanted):
        return ""
    return (
        "a large array of which few pages are ever used is refused too; "
        "--ceiling off lets it finish"
    )


def _next(stop: StopRecord) -> str:
    frames = ", %debug" if stop.frames_kept else ""
    usable = f" ({brief(stop.usable_bytes)} usable)" if stop.usable_bytes else ""
    command = "%%pmat_limit" if stop.source == "%%pmat_limit" else "%pmat_limit"
    return f"next: a larger {command}{usable}, or %pmat_vars{frames}"
