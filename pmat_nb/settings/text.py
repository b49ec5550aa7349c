"""A setting's value as one types it: what ``Option.parse`` reads back as the same value."""

from __future__ import annotations

from pmat_nb.units import KIB, LimitSpec

from .option import Option, Value

__all__ = ["spelled"]

_DURATIONS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def spelled(option: Option, value: Value) -> str:
    """``value`` in the shortest text that ``option.parse`` gives back unchanged.

    >>> from .values import setting
    >>> spelled(setting("cache_pool"), 2 * 1024**3), spelled(setting("gc_interval"), 120.0)
    ('2GB', '2min')
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, LimitSpec):
        return _limit(value)
    if option.kind == "size" and isinstance(value, int):
        return _size(value)
    if option.kind == "duration" and isinstance(value, (int, float)):
        return _duration(float(value))
    if option.kind == "fraction" and isinstance(value, (int, float)):
        return _fraction(float(value))
    return str(value)


def _size(value: int) -> str:
    power, whole = 0, value
    while power < 5 and whole % KIB == 0:
        power, whole = power + 1, whole // KIB
    return f"{whole}{('', 'kB', 'MB', 'GB', 'TB', 'PB')[power]}"


def _duration(value: float) -> str:
    for seconds, unit in _DURATIONS:
        if value >= seconds and value % seconds == 0:
            return f"{int(value // seconds)}{unit}"
    return f"{_decimals(value)}s"


def _fraction(value: float) -> str:
    return _percent(value) or _decimals(value)


def _decimals(value: float) -> str:
    """The shortest digits that are exactly ``value``; the parsers take no exponent."""
    text = repr(value)
    return f"{value:.25f}".rstrip("0") if "e" in text else text


def _percent(value: float) -> str | None:
    for digits in range(16):
        text = f"{value * 100:.{digits}f}"
        if float(text) / 100 == value:
            return f"{text}%"
    return None


def _limit(spec: LimitSpec) -> str:
    if spec.kind in ("auto", "off"):
        return spec.kind
    if spec.kind == "fraction":
        return _percent(spec.value) or f"{spec.value * 100:.15f}%"
    return ("+" if spec.kind == "relative" else "") + _size(int(spec.value))
