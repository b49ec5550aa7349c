"""The only place where numbers become text.

Bytes in powers of 1024, written ``6.21 GB``; seconds, fractions and bars. Unknown
(None, NaN) is ``n/a``. Nothing here depends on a locale, and nothing here raises on
any number: a report must never break a cell.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo

__all__ = [
    "NA",
    "bar",
    "brief",
    "column",
    "count",
    "duration",
    "fraction",
    "iso_utc",
    "limit",
    "moment",
    "percent",
    "signed",
    "size",
    "unit_of",
]

NA = "n/a"
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_SCALE = {unit: 1024**power for power, unit in enumerate(_UNITS)}
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_Number = float | int | None


def _finite(value: _Number) -> float | None:
    """The value as a float, or None where it is unknown, NaN or out of range."""
    if value is None:
        return None
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        return None
    # Far below the largest float, so that a factor in between cannot overflow.
    return number if abs(number) < 1e200 else None


def unit_of(value: _Number) -> str:
    """The unit in which ``value`` bytes read best: in three digits, 1008 kB is 0.98 MB."""
    return _unit_below(value, 999.5)


def _unit_below(value: _Number, bound: float) -> str:
    rest = abs(_finite(value) or 0.0)
    for unit in _UNITS[:-1]:
        if rest < (1023.5 if unit == "B" else bound):
            return unit
        rest /= 1024
    return _UNITS[-1]


def _three_digits(scaled: float) -> int:
    """How many decimals give three significant digits."""
    magnitude = abs(scaled)
    return 2 if magnitude < 9.995 else 1 if magnitude < 99.95 else 0


def _one_decimal(scaled: float) -> int:
    """How many decimals a passing mention needs: 0.51, 3.1, 13.4, 120."""
    magnitude = abs(scaled)
    return 2 if magnitude < 0.995 else 1 if magnitude < 99.95 else 0


def _number(scaled: float, decimals: int) -> str:
    """``scaled`` in plain digits; what is not zero never reads as zero."""
    text = f"{scaled:.{decimals}f}"
    if float(text) != 0.0:
        return text
    text = f"{0.0:.{decimals}f}"
    if scaled == 0:
        return text
    least = f"{10.0**-decimals:.{decimals}f}"
    return f"<{least}" if scaled > 0 else f">-{least}"


def _join(number: str, unit: str, *, named: bool, lower: bool) -> str:
    return ("≥ " if lower else "") + number + (f" {unit}" if named else "")


def size(
    value: _Number, *, unit: str | None = None, named: bool = True, lower: bool = False
) -> str:
    """Bytes to three digits; ``lower`` marks a lower bound.

    >>> size(6_667_936_727), size(1_288_490_189, lower=True), size(None)
    ('6.21 GB', '≥ 1.20 GB', 'n/a')
    """
    number = _finite(value)
    if number is None:
        return NA
    unit = unit or unit_of(number)
    scaled = number / _SCALE[unit]
    decimals = 0 if unit == "B" else _three_digits(scaled)
    return _join(_number(scaled, decimals), unit, named=named, lower=lower)


def brief(
    value: _Number, *, unit: str | None = None, named: bool = True, lower: bool = False
) -> str:
    """Bytes in a passing mention. What is tiny in ``unit`` goes back to its own.

    >>> brief(7_730_941_133), brief(547_608_331, unit="GB", named=False)
    ('7.2 GB', '0.51')
    """
    number = _finite(value)
    if number is None:
        return NA
    if unit is not None and 0 < abs(number) < _SCALE[unit] * 0.01:
        unit, named = None, True
    unit = unit or unit_of(number)
    scaled = number / _SCALE[unit]
    decimals = 0 if unit == "B" else _one_decimal(scaled)
    if unit in ("kB", "MB") and abs(scaled) >= 9.95:
        decimals = 0
    return _join(_number(scaled, decimals), unit, named=named, lower=lower)


def limit(value: _Number, *, unit: str | None = None, named: bool = True) -> str:
    """Bytes as people set them: ``8 GB``, ``13.4 GB``, no trailing zeros."""
    number = _finite(value)
    if number is None:
        return NA
    # 1000 MB stays that: it is what was typed.
    unit = unit or _unit_below(number, 1023.5)
    text = _number(number / _SCALE[unit], _one_decimal(number / _SCALE[unit]))
    text = text.rstrip("0").rstrip(".") if "." in text and "<" not in text else text
    return _join(text, unit, named=named, lower=False)


def signed(value: _Number, *, unit: str | None = None) -> str:
    """A change in bytes with its sign, in ``unit`` unless it is small there.

    >>> signed(429_496_730, unit="GB"), signed(-2048)
    ('+0.40 GB', '-2.00 kB')
    """
    number = _finite(value)
    if number is None:
        return NA
    if unit is not None and abs(number) < _SCALE[unit] * 0.25:
        unit = None
    text = size(abs(number), unit=unit)
    return text if number == 0 else ("+" if number > 0 else "-") + text


def _column_decimals(unit: str, largest: float) -> int:
    if unit == "B":
        return 0
    if unit in ("kB", "MB"):
        return 1 if largest < 99.95 else 0
    return 2 if largest < 999.5 else 1


def column(
    values: Iterable[_Number], *, bounds: Sequence[str] = (), uniform: bool = True
) -> list[str]:
    """A column of sizes of one width, so that the digits line up.

    ``uniform`` puts all into the unit of the largest; otherwise each takes its own
    unit, padded. ``bounds`` holds a ``≥`` or ``≤`` (or nothing) per row.
    """
    numbers = [_finite(value) for value in values]
    if not numbers:
        return []
    if uniform:
        largest = max((abs(number) for number in numbers if number is not None), default=0.0)
        unit = unit_of(largest)
        decimals = _column_decimals(unit, largest / _SCALE[unit])
        texts = [
            _in_column(number, unit, decimals, bool(row < len(bounds) and bounds[row]))
            for row, number in enumerate(numbers)
        ]
    else:
        # "B" takes the room of "MB", so that digits stay above digits.
        own = [size(number) for number in numbers]
        texts = [f"{text} " if text.endswith(" B") else text for text in own]
        if all(text.endswith((" B ", NA)) for text in texts):
            texts = own
    marked = [
        f"{bounds[row]} {text}" if row < len(bounds) and bounds[row] and text != NA else text
        for row, text in enumerate(texts)
    ]
    width = max(len(text) for text in marked)
    return [text.rjust(width) for text in marked]


def _in_column(number: float | None, unit: str, decimals: int, bounded: bool) -> str:
    if number is None:
        return NA
    text = f"{_number(number / _SCALE[unit], decimals)} {unit}"
    # "≤ >-1 MB" would have to be thought about: what is tiny there takes its own unit.
    plain = text[0] not in "<>" or (text[0] == "<" and not bounded)
    return text if plain else size(number)


def percent(share: _Number, *, decimals: int = 0) -> str:
    """A fraction as a percentage; what is above zero never reads as ``0%``."""
    number = _finite(share)
    if number is None:
        return NA
    text = _number(number * 100, decimals)
    return "0%" if text.startswith(">") else f"{text}%"


def fraction(value: _Number) -> str:
    """A fraction to two places: ``0.28``. Cut, not rounded, to agree with its level."""
    number = _finite(value)
    if number is None:
        return NA
    # 0.7999 is HIGH and must not read 0.80, which is CRITICAL.
    return f"{math.floor(number * 100 + 1e-9) / 100:.2f}"


def duration(seconds: _Number) -> str:
    """Seconds as ``85 µs``, ``4 ms``, ``0.11 s``, ``31 s``, ``2 min``, ``3 h 5 min``, ``2 d``."""
    number = _finite(seconds)
    if number is None:
        return NA
    sign, rest = ("-", -number) if number < 0 else ("", number)
    return sign + _duration(rest)


def _duration(rest: float) -> str:
    if rest == 0:
        return "0 s"
    if rest < 0.0095:
        return f"{rest * 1000:.0f} ms" if rest >= 0.00095 else f"{_number(rest * 1e6, 0)} µs"
    if rest < 0.995:
        return f"{rest:.2f} s"
    if rest < 9.95:
        return f"{rest:.1f} s"
    if rest < 99.5:
        return f"{rest:.0f} s"
    minutes = round(rest / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(rest / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def count(value: _Number) -> str:
    """A whole number with commas: ``1,247``."""
    number = _finite(value)
    return NA if number is None else f"{round(number):,}"


def iso_utc(timestamp: _Number) -> str | None:
    """Seconds since the epoch as ISO-8601 in UTC with milliseconds and ``Z``."""
    number = _finite(timestamp)
    if number is None:
        return None
    try:
        # Rounded first: isoformat cuts, and 0.9996 s would read .999.
        when = datetime.fromtimestamp(round(number, 3), UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(timestamp: _Number, *, zone: tzinfo | None = None) -> str:
    """Seconds since the epoch as ``2026-03-01 14:03`` in ``zone`` (default: local)."""
    number = _finite(timestamp)
    if number is None:
        return NA
    try:
        return datetime.fromtimestamp(number, zone).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return NA


def bar(share: _Number, width: int = 10) -> str:
    """A bar in eighth blocks, at most ``width`` characters; above zero shows at least one.

    It is drawn from the whole percent that is printed beside it.

    >>> bar(0.773), bar(0.02)
    ('███████▋', '▏')
    """
    number = _finite(share)
    if number is None or number <= 0 or width <= 0:
        return ""
    shown = min(round(number, 2), 1.0)
    eighths = max(1, math.floor(shown * width * 8 + 1e-9))
    full, part = divmod(eighths, 8)
    return _EIGHTHS[8] * full + (_EIGHTHS[part] if part else "")
