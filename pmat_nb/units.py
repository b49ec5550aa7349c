"""Sizes, limits, durations and fractions as people type them.

Units are powers of 1024, as in PMAT: ``512MB`` is 512 * 1024**2 bytes.
Whatever does not parse is a :class:`~pmat_nb.errors.UsageError` that names the
option, the value and an example that would work. Formatting lives in
``pmat_nb.render.format``; nothing here prints.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from .errors import UsageError

__all__ = [
    "GIB",
    "KIB",
    "MIB",
    "LimitSpec",
    "parse_duration",
    "parse_fraction",
    "parse_limit",
    "parse_size",
]

KIB = 1024
MIB = 1024**2
GIB = 1024**3

_SIZE = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*([kmgtp]?)(i?)(b?)", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_DURATION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|min|h|d|w)?", re.IGNORECASE)
_SECONDS = {
    None: 1.0,
    "ms": 0.001,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_FRACTION = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(%?)")
# Larger than any address space; catches slipped keys such as 2000000PB.
_MAX_BYTES = 2**63 - 1


class LimitSpec(NamedTuple):
    """A limit as typed, before the machine's figures are known.

    ``kind`` says how ``value`` is read: ``absolute`` bytes, ``fraction`` (0..1) of
    what is usable, ``relative`` bytes over what is in use; ``auto`` and ``off``
    have no value.
    """

    kind: Literal["absolute", "fraction", "relative", "auto", "off"]
    value: float = 0.0

    def resolve(self, *, usable_bytes: int, in_use_bytes: int) -> int | None:
        """The limit in bytes, or None for ``off`` (``auto`` is what is usable)."""
        if self.kind == "off":
            return None
        if self.kind == "absolute":
            return int(self.value)
        if self.kind == "fraction":
            return int(self.value * usable_bytes)
        if self.kind == "relative":
            return in_use_bytes + int(self.value)
        return usable_bytes


def _refuse(option: str, value: object, wanted: str, example: str) -> UsageError:
    return UsageError(f"{option}: {value!r} is not {wanted}; for example {option} {example}")


def parse_size(value: str | int, *, option: str = "size") -> int:
    """Bytes in ``512MB``, ``8G``, ``8Gi``, ``1.5GiB``, ``800k`` or ``1073741824``.

    >>> parse_size("1.5GiB")
    1610612736
    >>> parse_size("800k")
    819200
    """
    refused = _refuse(option, value, "a size above zero", "512MB, 8G, 1.5GiB")
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise refused
    match = _SIZE.fullmatch(str(value).strip())
    # "8i" and "8ib" read as nothing in particular.
    if match is None or (match[3] and not match[2]):
        raise refused
    size = (
        int(float(match[1]) * KIB ** _POWERS[match[2].lower()])
        if match[2] or "." in match[1]
        else int(match[1])
    )
    if not 0 < size <= _MAX_BYTES:
        raise refused
    return size


def parse_limit(value: str | int, *, option: str = "limit") -> LimitSpec:
    """A memory limit: a size from 1 MB, ``80%``, ``+2GB``, ``auto`` or ``off``.

    >>> parse_limit("+2GB")
    LimitSpec(kind='relative', value=2147483648)
    """
    text = str(value).strip()
    lowered = text.lower()
    if lowered == "auto":
        return LimitSpec("auto")
    if lowered == "off":
        return LimitSpec("off")
    try:
        spec = _parse_amount(value, text, option)
    except UsageError:
        raise _refuse(option, value, "a memory limit", "2GB, 80%, +2GB, auto, off") from None
    if spec.kind in ("absolute", "relative") and spec.value < MIB:
        raise UsageError(
            f"{option}: {value!r} is {int(spec.value):,} bytes, too little for any limit; "
            f"write a unit: {int(spec.value) if spec.value < KIB else 512}MB or 2GB"
        )
    return spec


def _parse_amount(value: str | int, text: str, option: str) -> LimitSpec:
    if text.endswith("%"):
        fraction = parse_fraction(text, option=option)
        if fraction == 0:
            raise UsageError("zero")
        return LimitSpec("fraction", fraction)
    if text.startswith("+"):
        return LimitSpec("relative", parse_size(text[1:], option=option))
    return LimitSpec("absolute", parse_size(value, option=option))


def parse_duration(
    value: str | float, *, option: str = "duration", example: str = "7d, 12h, 90s, 300"
) -> float:
    """Seconds in ``7d``, ``12h``, ``90s`` or ``300``; ``example`` is what a refusal offers.

    >>> parse_duration("12h")
    43200.0
    """
    match = _DURATION.fullmatch(str(value).strip())
    if match is None:
        raise _refuse(option, value, "a duration", example)
    return float(match[1]) * _SECONDS[match[2].lower() if match[2] else None]


def parse_fraction(value: str | float, *, option: str = "fraction") -> float:
    """A fraction 0..1 from ``0.8`` or ``80%``.

    >>> parse_fraction("80%")
    0.8
    """
    match = _FRACTION.fullmatch(str(value).strip())
    fraction = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= fraction <= 1:
        raise _refuse(option, value, "a fraction from 0 to 1", "0.8, 80%")
    return fraction
